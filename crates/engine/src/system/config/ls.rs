//! `system config ls`.

use super::{Config, KEYS, Setting};
use crate::{Engine, Result};

impl Engine {
    /// All keys with what holds for them, by name.
    ///
    /// # Errors
    /// `config.json` cannot be understood.
    pub fn system_config_list(&self) -> Result<Vec<Setting>> {
        let config = Config::read(&self.root)?;
        let setting = |key: &super::Key| {
            let value = config.value(key.name)?;
            let is_default = !config.0.contains_key(key.name);
            Ok(Setting { key: key.name.to_owned(), value, is_default, about: key.about.to_owned() })
        };
        KEYS.iter().map(setting).collect()
    }
}
