//! What the user told about registries: mirrors, plain-HTTP hosts, and credentials. Read by the face, parsed here.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde::Deserialize;

use crate::reference::DEFAULT_DOMAIN;
use crate::registry::address;

/// Mirrors, insecure registries and credentials.
#[derive(Debug, Clone, Default)]
pub struct Access {
    mirrors: BTreeMap<String, Vec<String>>,
    insecure: Vec<String>,
    logins: BTreeMap<String, Login>,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}")]
pub struct AccessError {
    /// Which of the two.
    pub file: &'static str,
    /// Why.
    pub why: String,
}

/// One login.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
    /// A refresh token instead of a password.
    pub(crate) token: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the password, wherever this is printed.
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// `registries.json`, with the names of Docker's `daemon.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Registries {
    /// Mirrors of Docker Hub.
    registry_mirrors: Vec<String>,
    /// Mirrors of any registry, by its domain.
    mirrors: BTreeMap<String, Vec<String>>,
    /// Hosts (`host[:port]`) whose certificate is not checked and that may speak plain HTTP.
    insecure_registries: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DockerConfig {
    auths: BTreeMap<String, Auth>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

impl Access {
    /// Reads `registries.json` and Docker's `config.json`; either may be absent.
    ///
    /// # Errors
    /// JSON of another shape, a mirror that is no URL. Credentials that cannot be decoded are left out.
    pub fn parse(registries: Option<&[u8]>, docker_config: Option<&[u8]>) -> Result<Self, AccessError> {
        let mut access = Self::default();
        if let Some(bytes) = registries {
            let failed = |why: String| AccessError { file: "registries.json", why };
            let file: Registries = serde_json::from_slice(bytes).map_err(|e| failed(e.to_string()))?;
            access.mirrors = file.mirrors;
            access.mirrors.entry(DEFAULT_DOMAIN.to_owned()).or_default().extend(file.registry_mirrors);
            access.insecure = file.insecure_registries;
            for mirror in access.mirrors.values().flatten() {
                if !mirror.starts_with("http://") && !mirror.starts_with("https://") {
                    return Err(failed(format!("invalid mirror: unsupported scheme in {mirror:?}")));
                }
            }
        }
        if let Some(bytes) = docker_config {
            let file: DockerConfig =
                serde_json::from_slice(bytes).map_err(|e| AccessError { file: "config.json", why: e.to_string() })?;
            access.logins = file.auths.into_iter().filter_map(|(key, auth)| Some((host_of(&key), login(&auth)?))).collect();
        }
        Ok(access)
    }

    /// Base URLs to try for a domain, the registry itself last. A base without a scheme decided is given with both, the safer first.
    pub(crate) fn bases(&self, domain: &str) -> Vec<String> {
        let mut bases: Vec<String> =
            self.mirrors.get(domain).into_iter().flatten().map(|mirror| mirror.trim_end_matches('/').to_owned()).collect();
        let host = if domain == DEFAULT_DOMAIN { "registry-1.docker.io" } else { domain };
        bases.push(format!("https://{host}"));
        if self.is_insecure(host) {
            bases.push(format!("http://{host}"));
        }
        bases
    }

    /// Whether a host may have any certificate or none: those the user named, and this machine, as in Docker.
    pub(crate) fn is_insecure(&self, host: &str) -> bool {
        self.insecure.iter().any(|named| named == host) || address::is_loopback(host)
    }

    /// The login for a host.
    pub(crate) fn login(&self, host: &str) -> Option<&Login> {
        let host = if matches!(host, "registry-1.docker.io" | "docker.io") { "index.docker.io" } else { host };
        self.logins.get(host)
    }
}

/// `https://index.docker.io/v1/` and `index.docker.io` are the same key.
fn host_of(key: &str) -> String {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let host = key.split('/').next().unwrap_or(key);
    if matches!(host, "docker.io" | "registry-1.docker.io") { "index.docker.io".to_owned() } else { host.to_owned() }
}

fn login(auth: &Auth) -> Option<Login> {
    let mut login = Login { user: auth.username.clone(), password: auth.password.clone(), token: auth.identitytoken.clone() };
    if !auth.auth.is_empty() {
        let decoded = base64::engine::general_purpose::STANDARD.decode(auth.auth.trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (user, password) = text.split_once(':')?;
        user.clone_into(&mut login.user);
        password.trim_matches('\0').clone_into(&mut login.password);
    }
    (!login.user.is_empty() || !login.token.is_empty()).then_some(login)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_read() {
        let registries = br#"{"registry-mirrors":["https://mirror.example/"],"insecure-registries":["reg:5000"],"mirrors":{"quay.io":["http://q"]}}"#;
        let config = br#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6c2VjcmV0"},"reg:5000":{"username":"a","password":"b"},"x":{"auth":"%%"}}}"#;
        let access = Access::parse(Some(registries), Some(config)).unwrap();
        assert_eq!(access.bases("docker.io"), ["https://mirror.example", "https://registry-1.docker.io"]);
        assert_eq!(access.bases("reg:5000"), ["https://reg:5000", "http://reg:5000"]);
        assert_eq!(access.bases("127.0.0.1:99"), ["https://127.0.0.1:99", "http://127.0.0.1:99"]);
        assert_eq!(access.bases("quay.io"), ["http://q", "https://quay.io"]);
        let hub = access.login("registry-1.docker.io").unwrap();
        assert_eq!((hub.user.as_str(), hub.password.as_str()), ("me", "secret"));
        assert!(!format!("{access:?}").contains("secret"), "passwords are never printed");
        assert!(access.login("x").is_none());
        assert!(Access::parse(Some(b"{\"registry-mirrors\":[\"ftp://x\"]}"), None).is_err());
    }
}
