//! `system config get`.

use super::Config;
use crate::{Engine, Result};

impl Engine {
    /// What holds for a key, set or not.
    ///
    /// # Errors
    /// No such key; `config.json` cannot be understood.
    pub fn system_config_get(&self, name: &str) -> Result<String> {
        Config::read(&self.root)?.value(name)
    }
}
