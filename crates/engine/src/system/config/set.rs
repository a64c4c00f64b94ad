//! `system config set`: the whole file is written anew, under a lock, in one step.

use super::{checked, key};
use crate::{Engine, Result};

impl Engine {
    /// Sets a key, durably; the empty value makes the default hold again.
    ///
    /// # Errors
    /// No such key, a value that cannot be; `config.json` cannot be understood or written.
    pub fn system_config_set(&self, name: &str, value: &str) -> Result<()> {
        let key = key(name)?;
        if !value.is_empty() {
            checked(key, value)?;
        }
        Ok(stead_store::config::change(&self.root, &self.run_root, |config| {
            if value.is_empty() {
                config.remove(name);
            } else {
                config.insert(name.to_owned(), value.into());
            }
        })?)
    }
}
