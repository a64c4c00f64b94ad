//! What the user told about registries: mirrors, plain-HTTP hosts, and credentials. Read by the face, parsed here.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde::Deserialize;

use crate::reference::DEFAULT_DOMAIN;
use crate::registry::{Result, address, keychain};

/// Mirrors, insecure registries and credentials.
#[derive(Debug, Clone, Default)]
pub struct Access {
    mirrors: BTreeMap<String, Vec<String>>,
    insecure: Vec<String>,
    logins: BTreeMap<String, Login>,
    /// Credential helpers by host, and the one for all other hosts.
    helpers: BTreeMap<String, String>,
    store: String,
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
pub struct Login {
    /// Who.
    pub user: String,
    /// The password.
    pub password: String,
    /// A refresh token instead of a password.
    pub token: String,
    /// A bearer token to be used as it is.
    pub registry_token: String,
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
    #[serde(rename = "credHelpers")]
    cred_helpers: BTreeMap<String, String>,
    #[serde(rename = "credsStore")]
    creds_store: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

impl Login {
    /// Reads what an API client sends as `X-Registry-Auth` (decoded) or to `POST /auth`; `None` where it names nobody. The second answer is
    /// the registry it names, perhaps empty.
    ///
    /// # Errors
    /// JSON of another shape.
    pub fn read(json: &[u8]) -> serde_json::Result<(Option<Self>, String)> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Sent {
            #[serde(flatten)]
            auth: Auth,
            serveraddress: String,
        }
        let sent: Sent = serde_json::from_slice(json)?;
        Ok((login(&sent.auth), sent.serveraddress))
    }
}

impl Access {
    /// Reads `registries.json` and Docker's `config.json`; either may be absent.
    ///
    /// # Errors
    /// JSON of another shape, a mirror that is no URL. Credentials that cannot be decoded are left out.
    pub fn parse(registries: Option<&[u8]>, docker_config: Option<&[u8]>) -> std::result::Result<Self, AccessError> {
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
            let file: DockerConfig = serde_json::from_slice(bytes).map_err(|e| AccessError { file: "config.json", why: e.to_string() })?;
            access.helpers = file.cred_helpers.into_iter().map(|(key, name)| (host_of(&key), name)).collect();
            access.store = file.creds_store;
            access.logins = file.auths.into_iter().filter_map(|(key, auth)| Some((host_of(&key), login(&auth)?))).collect();
        }
        Ok(access)
    }

    /// The same registries with nobody's credentials but these, for the host of `domain`.
    #[must_use]
    pub fn with_login(mut self, domain: &str, login: Option<Login>) -> Self {
        self.helpers.clear();
        self.store.clear();
        self.logins = login.into_iter().map(|login| (host_of(domain), login)).collect();
        self
    }

    /// Base URLs to try for a domain, the registry itself last. A base without a scheme decided is given with both, the safer first.
    pub(crate) fn bases(&self, domain: &str) -> Vec<String> {
        let mut bases: Vec<String> =
            self.mirrors.get(domain).into_iter().flatten().map(|mirror| mirror.trim_end_matches('/').to_owned()).collect();
        bases.extend(self.own_bases(domain));
        bases
    }

    /// The mirrors of a registry.
    #[must_use]
    pub fn mirrors_of(&self, domain: &str) -> &[String] {
        self.mirrors.get(domain).map_or(&[], Vec::as_slice)
    }

    /// The hosts that were named insecure.
    #[must_use]
    pub fn insecure_hosts(&self) -> &[String] {
        &self.insecure
    }

    /// Base URLs of the registry itself.
    pub(crate) fn own_bases(&self, domain: &str) -> Vec<String> {
        let mut bases = Vec::new();
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

    /// The login that is configured for a host.
    ///
    /// # Errors
    /// A credential helper's.
    pub fn known(&self, host: &str) -> Result<Option<Login>> {
        self.login(host)
    }

    /// The login for a host; a credential helper is asked where one is configured.
    pub(crate) fn login(&self, host: &str) -> Result<Option<Login>> {
        let host = host_of(host);
        match self.helper(&host) {
            Some(helper) => keychain::get(helper, &key_of(&host)),
            None => Ok(self.logins.get(&host).cloned()),
        }
    }

    /// The credential helper that looks after a host.
    pub(crate) fn helper(&self, host: &str) -> Option<&str> {
        let named = self.helpers.get(&host_of(host)).unwrap_or(&self.store);
        (!named.is_empty()).then_some(named.as_str())
    }
}

/// The key under which Docker keeps the login of a host.
pub(crate) fn key_of(host: &str) -> String {
    let host = host_of(host);
    if host == "index.docker.io" { "https://index.docker.io/v1/".to_owned() } else { host }
}

/// `https://index.docker.io/v1/` and `index.docker.io` are the same key.
pub(crate) fn host_of(key: &str) -> String {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let host = key.split('/').next().unwrap_or(key);
    if matches!(host, "docker.io" | "registry-1.docker.io") { "index.docker.io".to_owned() } else { host.to_owned() }
}

fn login(auth: &Auth) -> Option<Login> {
    let mut login = Login {
        user: auth.username.clone(),
        password: auth.password.clone(),
        token: auth.identitytoken.clone(),
        registry_token: auth.registrytoken.clone(),
    };
    if !auth.auth.is_empty() {
        let decoded = base64::engine::general_purpose::STANDARD.decode(auth.auth.trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (user, password) = text.split_once(':')?;
        user.clone_into(&mut login.user);
        password.trim_matches('\0').clone_into(&mut login.password);
    }
    (!login.user.is_empty() || !login.token.is_empty() || !login.registry_token.is_empty()).then_some(login)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_read() {
        let registries =
            br#"{"registry-mirrors":["https://mirror.example/"],"insecure-registries":["reg:5000"],"mirrors":{"quay.io":["http://q"]}}"#;
        let config = br#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6c2VjcmV0"},"reg:5000":{"username":"a","password":"b"},"x":{"auth":"%%"}}}"#;
        let access = Access::parse(Some(registries), Some(config)).unwrap();
        assert_eq!(access.bases("docker.io"), ["https://mirror.example", "https://registry-1.docker.io"]);
        assert_eq!(access.bases("reg:5000"), ["https://reg:5000", "http://reg:5000"]);
        assert_eq!(access.bases("127.0.0.1:99"), ["https://127.0.0.1:99", "http://127.0.0.1:99"]);
        assert_eq!(access.bases("quay.io"), ["http://q", "https://quay.io"]);
        let hub = access.login("registry-1.docker.io").unwrap().unwrap();
        assert_eq!((hub.user.as_str(), hub.password.as_str()), ("me", "secret"));
        assert!(!format!("{access:?}").contains("secret"), "passwords are never printed");
        assert!(access.login("x").unwrap().is_none());
        assert_eq!(access.login("https://reg:5000/v2/").unwrap().unwrap().user, "a");
        let (sent, server) = Login::read(br#"{"username":"u","password":"p","serveraddress":"reg:1","email":"x"}"#).unwrap();
        assert_eq!((sent.unwrap().password.as_str(), server.as_str()), ("p", "reg:1"));
        assert_eq!(Login::read(b"{}").unwrap(), (None, String::new()));
        assert!(Login::read(b"[]").is_err());
        assert!(Access::parse(Some(b"{\"registry-mirrors\":[\"ftp://x\"]}"), None).is_err());
    }
}
