//! `login` and `logout`: asking a registry whether it takes a password, and keeping or forgetting it.

use stead_base::Kind;
use stead_image::Login;
use stead_image::registry::{credentials, login};

use crate::image::access::Auth;
use crate::{Engine, Failure, Result};

/// What Docker says to a login that is good.
pub const SUCCEEDED: &str = "Login Succeeded";

impl Engine {
    /// Asks the registry whether it takes the login. `host` is Docker Hub's where it is empty.
    ///
    /// # Errors
    /// It does not ([`Kind::NotAllowed`]); the way to the registry.
    pub fn system_auth(&self, host: &str, login: &Login) -> Result<&'static str> {
        let access = self.access(&Auth::Given(Some(login.clone())), host_or_hub(host))?;
        login::check(&access, host_or_hub(host), login).map_err(|e| Failure::new(e.kind(), e.to_string()))?;
        Ok(SUCCEEDED)
    }

    /// The login that is kept for a registry, if any.
    ///
    /// # Errors
    /// The configuration cannot be read; a credential helper failed.
    pub fn system_login_known(&self, host: &str) -> Result<Option<Login>> {
        let access = self.access(&Auth::Configured, host_or_hub(host))?;
        access.known(host_or_hub(host)).map_err(|e| Failure::new(e.kind(), e.to_string()))
    }

    /// Checks a login and keeps it in Docker's configuration or with its credential helper. Answers the file, where it went into the file.
    ///
    /// # Errors
    /// As [`Engine::system_auth`]; the configuration cannot be written.
    pub fn system_login(&self, host: &str, login: &Login) -> Result<Option<std::path::PathBuf>> {
        self.system_auth(host, login)?;
        let path = self.docker_config()?;
        let access = self.access(&Auth::Configured, host_or_hub(host))?;
        Ok(credentials::store(path, &access, host_or_hub(host), login)?.then(|| path.to_path_buf()))
    }

    /// Forgets the login of a registry.
    ///
    /// # Errors
    /// The configuration cannot be written; a credential helper failed.
    pub fn system_logout(&self, host: &str) -> Result<()> {
        let access = self.access(&Auth::Configured, host_or_hub(host))?;
        Ok(credentials::erase(self.docker_config()?, &access, host_or_hub(host))?)
    }

    fn docker_config(&self) -> Result<&std::path::Path> {
        let nowhere = || Failure::new(Kind::Invalid, "there is no place for Docker's config.json: neither $DOCKER_CONFIG nor $HOME is set");
        self.options.docker_config.as_deref().ok_or_else(nowhere)
    }
}

fn host_or_hub(host: &str) -> &str {
    if host.is_empty() { "index.docker.io" } else { host }
}
