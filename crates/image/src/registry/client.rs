//! Requests to one repository of one registry: authentication, redirects, retries, and limits on every answer.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ureq::http::{Method, Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, SendBody};

use super::access::Access;
use super::address::{self, Url};
use super::auth::{self, Challenge, Token};
use super::{Error, Result};
use crate::Reference;

/// Redirects of one request at most.
const REDIRECTS_MAX: usize = 5;
/// Tries of one request at most; waits double from the first.
const TRIES_MAX: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Longest error document that is read.
const ERROR_BODY_MAX: u64 = 64 * 1024;
const DENIED: &str = "denied: requested access to the resource is denied";
/// Silence after which a connection is given up.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What a client is for: the registry's refusals are said differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Pull,
    Push,
    Login,
}

/// One repository at one base URL.
pub(crate) struct Client<'a> {
    agent: Agent,
    access: &'a Access,
    pub(super) base: String,
    pub(super) reference: Option<Reference>,
    purpose: Purpose,
    /// Tries of one request; one where the next base is plain HTTP of the same host and silence means "not this scheme".
    tries: u32,
    /// The `Authorization` that worked last.
    authorization: Mutex<Option<String>>,
}

/// One request, which can be sent again.
pub(crate) struct Request<'r> {
    pub(super) method: Method,
    pub(super) url: &'r str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Content<'r>,
}

/// What a request carries.
pub(crate) enum Content<'r> {
    /// Nothing.
    None,
    /// These bytes, perhaps none.
    Bytes(&'r [u8]),
    /// A file from its beginning.
    File { file: &'r File, length: u64, progress: &'r (dyn Fn(u64) + Sync) },
}

impl<'r> Request<'r> {
    pub(super) fn new(method: Method, url: &'r str) -> Self {
        Self { method, url, headers: Vec::new(), body: Content::None }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Content<'r>) -> Self {
        self.body = body;
        self
    }
}

pub(super) type Answer = Response<ureq::Body>;

impl<'a> Client<'a> {
    /// `base` is one of [`Access::bases`].
    pub(crate) fn new(access: &'a Access, base: &str, reference: Option<&Reference>, purpose: Purpose) -> Self {
        let host = Url::parse(base).map(|url| url.host).unwrap_or_default();
        let insecure = access.is_insecure(&host);
        let tries = if insecure && base.starts_with("https:") { 1 } else { TRIES_MAX };
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).disable_verification(insecure).build();
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
        Self { agent, access, base: base.to_owned(), reference: reference.cloned(), purpose, tries, authorization: Mutex::new(None) }
    }

    /// One request with retries; refusals are errors.
    pub(super) fn send(&self, request: &Request<'_>) -> Result<Answer> {
        let mut wait = FIRST_WAIT;
        for _ in 1..self.tries {
            match self.exchange(request).and_then(|answer| self.accepted(answer, request)) {
                // Nobody listening is no passing trouble, and there may be another base to try.
                Err(error) if error.passing() && !refused(&error) => {}
                other => return other,
            }
            std::thread::sleep(wait);
            wait *= 2;
        }
        self.accepted(self.exchange(request)?, request)
    }

    /// One request, authenticated if the registry asks for it; whatever the answer's status is.
    pub(super) fn exchange(&self, request: &Request<'_>) -> Result<Answer> {
        let known = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = self.follow(request, known.as_deref())?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let challenge = answer.headers().get("www-authenticate").and_then(|v| v.to_str().ok()).and_then(Challenge::parse);
        let Some(authorization) = self.authorize(request.url, challenge)? else { return Ok(answer) };
        let answer = self.follow(request, Some(&authorization))?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization);
        }
        Ok(answer)
    }

    /// One request and its redirects. Credentials never leave the registry's own host.
    fn follow(&self, request: &Request<'_>, authorization: Option<&str>) -> Result<Answer> {
        let bad = || Error::Protocol { url: request.url.to_owned(), why: "not an address" };
        let origin = Url::parse(request.url).ok_or_else(bad)?;
        let mut target = origin.clone();
        for _ in 0..=REDIRECTS_MAX {
            let own = (&target.scheme, &target.host) == (&origin.scheme, &origin.host);
            let answer = self.send_once(&target, request, authorization.filter(|_| own))?;
            if !answer.status().is_redirection() || answer.status() == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            let location = answer.headers().get("location").and_then(|v| v.to_str().ok());
            let next = location.and_then(|to| target.join(to)).ok_or_else(bad)?;
            address::check(&target, &next, self.access.is_insecure(&next.host))?;
            target = next;
        }
        Err(Error::Protocol { url: request.url.to_owned(), why: "too many redirects" })
    }

    fn send_once(&self, target: &Url, request: &Request<'_>, authorization: Option<&str>) -> Result<Answer> {
        let url = target.text();
        let mut builder = ureq::http::Request::builder().method(request.method.clone()).uri(&url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(value) = authorization {
            builder = builder.header("Authorization", value);
        }
        let unusable = |_bad| Error::Protocol { url: url.clone(), why: "not an address" };
        let sent = match &request.body {
            Content::None => self.agent.run(builder.body(()).map_err(unusable)?),
            Content::Bytes(bytes) => self.agent.run(builder.body(*bytes).map_err(unusable)?),
            Content::File { file, length, progress } => {
                let mut body = Counted { file, at: 0, progress: *progress };
                let builder = builder.header("Content-Length", length.to_string());
                self.agent.run(builder.body(SendBody::from_reader(&mut body)).map_err(unusable)?)
            }
        };
        sent.map_err(|e| transport(&request.method, &url, e))
    }

    /// Answers a challenge; `None` when there is nothing to answer it with.
    fn authorize(&self, url: &str, challenge: Option<Challenge>) -> Result<Option<String>> {
        let from = Url::parse(url).ok_or_else(|| Error::Protocol { url: url.to_owned(), why: "not an address" })?;
        let login = self.access.login(&from.host)?;
        let login = login.as_ref();
        let (realm, service, scope) = match challenge {
            None => return Ok(None),
            Some(Challenge::Basic) => {
                let asked = if self.purpose == Purpose::Push { String::new() } else { format!("Get {url:?}: ") };
                return login.map(|login| Some(auth::basic(login))).ok_or(Error::NoCredentials(asked));
            }
            Some(Challenge::Bearer { realm, service, scope }) => (realm, service, scope),
        };
        let scope = match &self.reference {
            Some(reference) if scope.is_empty() => format!("repository:{}:pull", reference.path()),
            _ => scope,
        };
        if let Some(login) = login.filter(|login| !login.registry_token.is_empty()) {
            return Ok(Some(format!("Bearer {}", login.registry_token)));
        }
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
        let mut answer = sent.map_err(|e| transport(&Method::GET, &text, e))?;
        if !answer.status().is_success() {
            let detail = or_usual(said(&mut answer), answer.status());
            return Err(if self.purpose == Purpose::Push { Error::Refused(detail) } else { Error::Unauthorized(text, detail) });
        }
        let bytes = limited(&mut answer, ERROR_BODY_MAX, &text)?;
        let token = serde_json::from_slice::<Token>(&bytes).ok().and_then(Token::value);
        Ok(Some(format!("Bearer {}", token.ok_or(Error::Protocol { url: text, why: "the token service gave no token" })?)))
    }

    /// Turns a refusal into an error.
    fn accepted(&self, mut answer: Answer, request: &Request<'_>) -> Result<Answer> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let detail = said(&mut answer);
        let name = self.reference.as_ref().map(Reference::familiar_name).unwrap_or_default();
        let whole = self.reference.clone().map(|r| r.or_latest().familiar()).unwrap_or_default();
        let url = request.url;
        let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) || !detail.is_empty();
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if self.purpose == Purpose::Push && refused => {
                Error::Refused(or_usual(detail, status))
            }
            StatusCode::NOT_FOUND if detail.contains("name unknown") => Error::NoRepository(name, detail),
            StatusCode::NOT_FOUND if url.contains("/manifests/") => Error::Unknown(whole),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if detail.contains("denied") => Error::Denied(name, detail),
            StatusCode::UNAUTHORIZED => Error::Unauthorized(url.to_owned(), or_usual(detail, status)),
            _ => {
                let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
                Error::Status { url: url.to_owned(), status: status.as_u16(), detail }
            }
        })
    }

    /// Whether a host may have any certificate or none.
    pub(super) fn is_insecure(&self, host: &str) -> bool {
        self.access.is_insecure(host)
    }

    /// The repository's path.
    pub(super) fn path(&self) -> &str {
        self.reference.as_ref().map_or("", Reference::path)
    }
}

/// A file being sent.
struct Counted<'r> {
    file: &'r File,
    at: u64,
    progress: &'r (dyn Fn(u64) + Sync),
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buf, self.at)?;
        self.at += n as u64;
        (self.progress)(self.at);
        Ok(n)
    }
}

/// The registry's own words: `code: message` of its first error, fit for one line. Empty where it has none.
fn said(answer: &mut Answer) -> String {
    let challenge = answer.headers().get("www-authenticate").and_then(|v| v.to_str().ok()).unwrap_or_default();
    if answer.status() == StatusCode::UNAUTHORIZED && challenge.contains("error=\"insufficient_scope\"") {
        return DENIED.to_owned();
    }
    let mut bytes = Vec::new();
    // A body that breaks off says what it says.
    answer.body_mut().as_reader().take(ERROR_BODY_MAX).read_to_end(&mut bytes).ok();
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let Some(first) = value.pointer("/errors/0") else { return String::new() };
    let text = |key: &str| first.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    let code = text("code").to_ascii_lowercase().replace('_', " ");
    let line = format!("{code}: {}", text("message"));
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// What Docker says for a registry that has no words.
fn or_usual(detail: String, status: StatusCode) -> String {
    match status {
        _ if !detail.is_empty() => detail,
        StatusCode::FORBIDDEN => DENIED.to_owned(),
        _ => "unauthorized: authentication required".to_owned(),
    }
}

pub(super) fn limited(answer: &mut Answer, limit: u64, url: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = answer.body_mut().as_reader().take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|source| Error::Transport { method: "Get".to_owned(), url: url.to_owned(), source })?;
    if bytes.len() as u64 > limit {
        return Err(Error::Protocol { url: url.to_owned(), why: "the answer is longer than announced or allowed" });
    }
    Ok(bytes)
}

fn transport(method: &Method, url: &str, error: ureq::Error) -> Error {
    let host = Url::parse(url).map(|url| url.host).unwrap_or_default();
    let source = match error {
        ureq::Error::Io(error) => in_gos_words(&host, error),
        ureq::Error::HostNotFound => unknown_host(&host),
        // A server that does not speak TLS will not learn it by asking again.
        error @ (ureq::Error::Tls(_) | ureq::Error::Rustls(_)) => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
        ureq::Error::Timeout(_) => io::Error::new(io::ErrorKind::TimedOut, format!("dial tcp {host}: i/o timeout")),
        other => io::Error::other(other.to_string()),
    };
    // And Go's words for the whole begin with the method: `Get "https://…": …`.
    let mut word = method.as_str().to_ascii_lowercase();
    word[..1].make_ascii_uppercase();
    Error::Transport { method: word, url: url.to_owned(), source }
}

/// What people search the net for when it does not work.
fn in_gos_words(host: &str, error: io::Error) -> io::Error {
    let text = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused",
        io::ErrorKind::NetworkUnreachable => "connect: network is unreachable",
        io::ErrorKind::HostUnreachable => "connect: no route to host",
        io::ErrorKind::TimedOut => "i/o timeout",
        // std has no kind for a name that does not resolve.
        _ if error.to_string().contains("lookup address") => return unknown_host(host),
        _ => return error,
    };
    io::Error::new(error.kind(), format!("dial tcp {host}: {text}"))
}

fn unknown_host(host: &str) -> io::Error {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    io::Error::new(io::ErrorKind::AddrNotAvailable, format!("dial tcp: lookup {name}: no such host"))
}

/// Whether asking again at once would be of no use.
fn refused(error: &Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, InvalidData, NetworkUnreachable};
    let hopeless = [AddrNotAvailable, ConnectionRefused, HostUnreachable, InvalidData, NetworkUnreachable];
    matches!(error, Error::Transport { source, .. } if hopeless.contains(&source.kind()))
}
