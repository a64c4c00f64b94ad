//! Requests to one repository of one registry: authentication, redirects, retries, and limits on every answer.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stead_base::Digest;
use ureq::Agent;
use ureq::http::{Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};

use super::access::Access;
use super::address::{self, Url};
use super::auth::{self, Challenge, Token};
use super::{Error, Result};
use crate::Reference;
use crate::blob::BLOB_MAX;
use crate::manifest::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

/// Redirects of one request at most.
const REDIRECTS_MAX: usize = 5;
/// Tries of one request at most; waits double from the first.
const TRIES_MAX: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Longest error document that is read.
const ERROR_BODY_MAX: u64 = 64 * 1024;
/// Silence after which a connection is given up.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// One repository at one base URL.
pub(crate) struct Client<'a> {
    agent: Agent,
    access: &'a Access,
    base: String,
    reference: Reference,
    /// The `Authorization` that worked last.
    authorization: Mutex<Option<String>>,
}

/// A document and what its type is said to be.
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
}

type Answer = Response<ureq::Body>;

impl<'a> Client<'a> {
    /// `base` is one of [`Access::bases`].
    pub(crate) fn new(access: &'a Access, base: &str, reference: &Reference) -> Self {
        let host = Url::parse(base).map(|url| url.host).unwrap_or_default();
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).disable_verification(access.is_insecure(&host)).build();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_per_read(Some(SILENCE_MAX))
            .user_agent(concat!("stead/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("")
            .tls_config(tls)
            .build()
            .into();
        Self { agent, access, base: base.to_owned(), reference: reference.clone(), authorization: Mutex::new(None) }
    }

    /// Fetches a manifest or index by tag or digest, whole, and checks its digest.
    pub(crate) fn manifest(&self, tag_or_digest: &str) -> Result<Fetched> {
        let accept = format!("{OCI_MANIFEST}, {OCI_INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}");
        let url = format!("{}/v2/{}/manifests/{tag_or_digest}", self.base, self.reference.path());
        let mut answer = self.get(&url, Some(&accept), 0)?;
        let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let media_type = header("content-type").and_then(|t| t.split(';').next().map(|t| t.trim().to_owned())).unwrap_or_default();
        let said = header("docker-content-digest");
        let bytes = limited(&mut answer, BLOB_MAX, &url)?;
        let digest = crate::images::digest(&bytes);
        let wanted = Digest::parse(tag_or_digest).ok();
        if wanted.is_some_and(|wanted| wanted != digest) || said.is_some_and(|said| said != digest.as_str()) {
            return Err(Error::ManifestDigest(tag_or_digest.to_owned()));
        }
        Ok(Fetched { bytes, media_type, digest })
    }

    /// Fetches a small blob whole and checks size and digest.
    pub(crate) fn small_blob(&self, digest: &Digest, size: u64) -> Result<Vec<u8>> {
        let url = self.blob_url(digest);
        if size > BLOB_MAX {
            return Err(Error::Protocol { url, why: "the config is too large" });
        }
        let mut answer = self.get(&url, None, 0)?;
        let bytes = limited(&mut answer, size, &url)?;
        if bytes.len() as u64 != size || crate::images::digest(&bytes) != *digest {
            return Err(Error::LayerDigest(digest.to_string()));
        }
        Ok(bytes)
    }

    /// Opens a blob from `at`; answers the body and whether it begins there (a registry may ignore ranges).
    pub(crate) fn open_blob(&self, digest: &Digest, at: u64) -> Result<(Box<dyn Read + Send>, bool)> {
        let answer = self.get(&self.blob_url(digest), None, at)?;
        let partial = answer.status() == StatusCode::PARTIAL_CONTENT;
        let body = answer.into_body().into_with_config().limit(u64::MAX).reader();
        Ok((Box::new(body), partial))
    }

    fn blob_url(&self, digest: &Digest) -> String {
        format!("{}/v2/{}/blobs/{digest}", self.base, self.reference.path())
    }

    /// One GET with retries.
    fn get(&self, url: &str, accept: Option<&str>, at: u64) -> Result<Answer> {
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES_MAX {
            match self.get_once(url, accept, at) {
                // Nobody listening is no passing trouble, and there may be another base to try.
                Err(error) if error.passing() && !refused(&error) => {}
                other => return other,
            }
            std::thread::sleep(wait);
            wait *= 2;
        }
        self.get_once(url, accept, at)
    }

    fn get_once(&self, url: &str, accept: Option<&str>, at: u64) -> Result<Answer> {
        let known = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = self.follow(url, accept, at, known.as_deref())?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return self.accepted(answer, url);
        }
        let challenge = answer.headers().get("www-authenticate").and_then(|v| v.to_str().ok()).and_then(Challenge::parse);
        let Some(authorization) = self.authorize(url, challenge)? else { return self.accepted(answer, url) };
        let answer = self.follow(url, accept, at, Some(&authorization))?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization);
        }
        self.accepted(answer, url)
    }

    /// One request and its redirects. Credentials never leave the registry's own host.
    fn follow(&self, url: &str, accept: Option<&str>, at: u64, authorization: Option<&str>) -> Result<Answer> {
        let bad = || Error::Protocol { url: url.to_owned(), why: "not an address" };
        let origin = Url::parse(url).ok_or_else(bad)?;
        let mut target = origin.clone();
        for _ in 0..=REDIRECTS_MAX {
            let mut request = self.agent.get(target.text());
            if let Some(accept) = accept {
                request = request.header("Accept", accept);
            }
            if at > 0 {
                request = request.header("Range", format!("bytes={at}-"));
            }
            if let Some(value) = authorization.filter(|_| (&target.scheme, &target.host) == (&origin.scheme, &origin.host)) {
                request = request.header("Authorization", value);
            }
            let answer = request.call().map_err(|e| transport(&target.text(), e))?;
            if !answer.status().is_redirection() || answer.status() == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            let location = answer.headers().get("location").and_then(|v| v.to_str().ok());
            let next = location.and_then(|to| target.join(to)).ok_or_else(bad)?;
            address::check(&target, &next, self.access.is_insecure(&next.host))?;
            target = next;
        }
        Err(Error::Protocol { url: url.to_owned(), why: "too many redirects" })
    }

    /// Answers a challenge; `None` when there is nothing to answer it with.
    fn authorize(&self, url: &str, challenge: Option<Challenge>) -> Result<Option<String>> {
        let from = Url::parse(url).ok_or_else(|| Error::Protocol { url: url.to_owned(), why: "not an address" })?;
        let login = self.access.login(&from.host);
        let (realm, service, scope) = match challenge {
            None => return Ok(None),
            Some(Challenge::Basic) => return Ok(login.map(auth::basic)),
            Some(Challenge::Bearer { realm, service, scope }) => (realm, service, scope),
        };
        let scope = if scope.is_empty() { format!("repository:{}:pull", self.reference.path()) } else { scope };
        let bad = || Error::Protocol { url: url.to_owned(), why: "the token service has no usable address" };
        let realm = from.join(&realm).ok_or_else(bad)?;
        address::check(&from, &realm, self.access.is_insecure(&realm.host))?;
        let text = realm.text();
        let sent = match login.filter(|login| !login.token.is_empty()) {
            Some(login) => self
                .agent
                .post(&text)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .send(auth::form(&service, &scope, login).as_str()),
            None => {
                let glue = if realm.path.contains('?') { '&' } else { '?' };
                let mut request = self.agent.get(format!("{text}{glue}{}", auth::query(&service, &scope)));
                if let Some(login) = login {
                    request = request.header("Authorization", auth::basic(login));
                }
                request.call()
            }
        };
        let mut answer = sent.map_err(|e| transport(&text, e))?;
        if !answer.status().is_success() {
            let detail = said(&mut answer);
            return Err(Error::Unauthorized(text, detail));
        }
        let bytes = limited(&mut answer, ERROR_BODY_MAX, &text)?;
        let token = serde_json::from_slice::<Token>(&bytes).ok().and_then(Token::value);
        Ok(Some(format!("Bearer {}", token.ok_or(Error::Protocol { url: text, why: "the token service gave no token" })?)))
    }

    /// Turns a refusal into an error.
    fn accepted(&self, mut answer: Answer, url: &str) -> Result<Answer> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let detail = said(&mut answer);
        let name = self.reference.familiar_name();
        Err(match status {
            StatusCode::NOT_FOUND if detail.contains("name unknown") => Error::Denied(name, detail),
            StatusCode::NOT_FOUND if url.contains("/manifests/") => Error::Unknown(self.reference.clone().or_latest().familiar()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if detail.contains("denied") => Error::Denied(name, detail),
            StatusCode::UNAUTHORIZED => Error::Unauthorized(url.to_owned(), detail),
            _ => {
                let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
                Error::Status { url: url.to_owned(), status: status.as_u16(), detail }
            }
        })
    }
}

/// The registry's own words: `code: message` of its first error, fit for one line.
fn said(answer: &mut Answer) -> String {
    let mut bytes = Vec::new();
    // A body that breaks off says what it says.
    answer.body_mut().as_reader().take(ERROR_BODY_MAX).read_to_end(&mut bytes).ok();
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let Some(first) = value.pointer("/errors/0") else { return "authentication required".to_owned() };
    let text = |key: &str| first.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    let code = text("code").to_ascii_lowercase().replace('_', " ");
    let line = format!("{code}: {}", text("message"));
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn limited(answer: &mut Answer, limit: u64, url: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = answer.body_mut().as_reader().take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|source| Error::Transport { url: url.to_owned(), source })?;
    if bytes.len() as u64 > limit {
        return Err(Error::Protocol { url: url.to_owned(), why: "the answer is longer than announced or allowed" });
    }
    Ok(bytes)
}

fn transport(url: &str, error: ureq::Error) -> Error {
    let source = match error {
        ureq::Error::Io(error) => error,
        other => io::Error::other(other.to_string()),
    };
    Error::Transport { url: url.to_owned(), source }
}

fn refused(error: &Error) -> bool {
    match error {
        Error::Transport { source, .. } => {
            let text = source.to_string();
            source.kind() == io::ErrorKind::ConnectionRefused || text.contains("host not found") || source.kind() == io::ErrorKind::InvalidData
        }
        _ => false,
    }
}
