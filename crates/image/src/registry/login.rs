//! Asking a registry whether a login is good.

use ureq::http::{Method, StatusCode};

use super::client::{Client, Purpose, Request};
use super::{Access, Error, Login, Result};

/// Asks the registry of `host` whether it takes the login.
///
/// # Errors
/// Docker's texts; the way to the registry.
pub fn check(access: &Access, host: &str, login: &Login) -> Result<()> {
    let domain = super::host_of(host);
    let domain = if domain == "index.docker.io" { "docker.io".to_owned() } else { domain };
    let access = access.clone().with_login(&domain, Some(login.clone()));
    let mut failed = None;
    for base in access.own_bases(&domain) {
        let client = Client::new(&access, &base, None, Purpose::Login);
        let url = format!("{base}/v2/");
        match client.exchange(&Request::new(Method::GET, &url)) {
            Ok(answer) if answer.status() == StatusCode::OK => return Ok(()),
            Ok(answer) => {
                let status = answer.status();
                return Err(Error::Login { url, status: format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()) });
            }
            // The other scheme may be spoken; a refusal is an answer.
            Err(error @ Error::Transport { .. }) => failed = Some(error),
            Err(Error::Unauthorized(url, detail)) => return Err(Error::NoToken(url, detail)),
            Err(error) => return Err(error),
        }
    }
    Err(failed.unwrap_or(Error::Protocol { url: domain, why: "not an address" }))
}
