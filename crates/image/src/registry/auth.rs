//! Authentication: basic, and bearer tokens fetched from the place the registry's challenge names.

use base64::Engine as _;
use serde::Deserialize;

use super::access::Login;

/// What a 401 answer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Bearer { realm: String, service: String, scope: String },
}

/// The answer of a token service.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Token {
    token: String,
    access_token: String,
}

impl Token {
    /// The token under either of its names; empty or multi-line ones are none.
    pub(crate) fn value(self) -> Option<String> {
        let token = if self.token.is_empty() { self.access_token } else { self.token };
        (!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())).then_some(token)
    }
}

impl Challenge {
    /// Reads a `WWW-Authenticate` header.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (String::new(), String::new(), String::new());
        let mut left = rest.trim();
        while let Some((key, after)) = left.split_once('=') {
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_at(after.find(',').unwrap_or(after.len())),
            };
            match key.trim().to_ascii_lowercase().as_str() {
                "realm" => value.clone_into(&mut realm),
                "service" => value.clone_into(&mut service),
                "scope" => value.clone_into(&mut scope),
                _ => {}
            }
            left = after.trim_start().trim_start_matches(',').trim_start();
        }
        (!realm.is_empty()).then_some(Self::Bearer { realm, service, scope })
    }
}

/// The query of a token request.
pub(crate) fn query(service: &str, scope: &str) -> String {
    let mut query = format!("service={}", escape(service));
    // A challenge may name several scopes; each is a parameter of its own.
    for one in scope.split_ascii_whitespace() {
        query.push_str("&scope=");
        query.push_str(&escape(one));
    }
    query
}

/// The form of a token request with a refresh token.
pub(crate) fn form(service: &str, scope: &str, login: &Login) -> String {
    format!("grant_type=refresh_token&client_id=stead&refresh_token={}&{}", escape(&login.token), query(service, scope))
}

/// The header value of basic authentication.
pub(crate) fn basic(login: &Login) -> String {
    let pair = format!("{}:{}", login.user, login.password);
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

/// Percent-encodes everything but unreserved characters.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push('%');
            out.push_str(&stead_base::ids::hex(&[b]).to_ascii_uppercase());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let got = Challenge::parse(r#"Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push""#);
        let want = Challenge::Bearer {
            realm: "https://auth.example/token".into(),
            service: "reg".into(),
            scope: "repository:a/b:pull,push".into(),
        };
        assert_eq!(got, Some(want));
        assert_eq!(Challenge::parse("Basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(Challenge::parse("basic"), Some(Challenge::Basic));
        for bad in ["", "Digest x=1", "Bearer", "Bearer realm=\"x"] {
            assert_eq!(Challenge::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn requests_are_encoded() {
        assert_eq!(query("a b", "repository:x/y:pull"), "service=a%20b&scope=repository%3Ax%2Fy%3Apull");
        assert_eq!(query("s", "a:b:c d:e:f"), "service=s&scope=a%3Ab%3Ac&scope=d%3Ae%3Af");
        let login = Login { user: "me".into(), password: "p:w".into(), ..Login::default() };
        assert_eq!(basic(&login), "Basic bWU6cDp3");
    }
}
