//! What the configuration files say about registries, and whose credentials they get.

use std::io::Read;
use std::path::Path;

use stead_base::Kind;
use stead_image::{Access, Login};

use crate::{Engine, Failure, Result};

/// Longest configuration file that is read.
const CONFIG_MAX: u64 = 16 << 20;

/// Whose credentials a registry gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Auth {
    /// Those of Docker's configuration file and its credential helpers.
    #[default]
    Configured,
    /// These, or nobody's: what an API client sent along.
    Given(Option<Login>),
}

impl Engine {
    /// Mirrors, plain-HTTP hosts and credentials, as the files say now; for the registry `domain` those of `auth`.
    pub(crate) fn access(&self, auth: &Auth, domain: &str) -> Result<Access> {
        let registries = read_if_there(self.options.registries.as_deref())?;
        let logins = match auth {
            Auth::Configured => read_if_there(self.options.docker_config.as_deref())?,
            Auth::Given(_) => None,
        };
        let access = Access::parse(registries.as_deref(), logins.as_deref()).map_err(|e| Failure::invalid(e.to_string()))?;
        Ok(match auth {
            Auth::Configured => access,
            Auth::Given(login) => access.with_login(domain, login.clone()),
        })
    }
}

/// A configuration file that need not be there.
fn read_if_there(path: Option<&Path>) -> Result<Option<Vec<u8>>> {
    let Some(path) = path else { return Ok(None) };
    let failed = |e: std::io::Error| Failure::new(Kind::Invalid, format!("open {}: {e}", path.display()));
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let mut bytes = Vec::new();
    file.take(CONFIG_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}
