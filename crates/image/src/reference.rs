//! Image references, by the rules of Docker's `distribution/reference`: `[domain/]path[:tag][@sha256:…]`.

use stead_base::Digest;
use stead_base::ids;

/// The registry of names without a domain.
pub const DEFAULT_DOMAIN: &str = "docker.io";
/// The tag of names without one.
pub const DEFAULT_TAG: &str = "latest";
/// The repository prefix of official images.
const OFFICIAL: &str = "library/";
/// Longest `domain/path` (distribution/reference `RepositoryNameTotalLengthMax`).
const NAME_LEN_MAX: usize = 255;
/// Longest tag (the grammar's `[\w][\w.-]{0,127}`).
const TAG_LEN_MAX: usize = 128;

/// A parsed, normalised reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text that is no reference, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The grammar does not allow it.
    #[error("invalid reference format")]
    Format,
    /// Upper case in the path.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    UpperCase(String),
    /// 64 hexadecimal digits could be an id.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    LooksLikeId(String),
    /// Longer than 255 characters.
    #[error("repository name must not be more than {NAME_LEN_MAX} characters")]
    TooLong,
    /// A digest that is not sha256.
    #[error("unsupported digest algorithm")]
    Algorithm,
    /// A sha256 digest without exactly 64 digits.
    #[error("invalid checksum digest length")]
    DigestLength,
}

impl Reference {
    /// Parses what people type; `redis` becomes `docker.io/library/redis`. No default tag is added.
    ///
    /// # Errors
    /// Docker's texts, see [`Error`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        if ids::is_full_id(text) {
            return Err(Error::LooksLikeId(text.to_owned()));
        }
        let (domain, rest) = split_domain(text);
        let before_tag = rest.find([':', '@']).map_or(rest.as_str(), |at| &rest[..at]);
        if before_tag.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(Error::UpperCase(before_tag.to_owned()));
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(parse_digest(digest)?)),
            None => (rest.as_str(), None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) if is_tag(tag) => (path, Some(tag.to_owned())),
            Some(_) => return Err(Error::Format),
            None => (rest, None),
        };
        if !is_domain(&domain) || !path.split('/').all(is_path_component) {
            return Err(Error::Format);
        }
        if domain.len() + 1 + path.len() > NAME_LEN_MAX {
            return Err(Error::TooLong);
        }
        Ok(Self { domain, path: path.to_owned(), tag, digest })
    }

    /// The registry's host, with port if one was given.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository below the domain: `library/redis`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, if one was given.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one was given.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// `docker.io/library/redis`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// `docker.io/library/redis:latest`: the form records use.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.suffixed(self.name())
    }

    /// `redis`: the name as people know it.
    #[must_use]
    pub fn familiar_name(&self) -> String {
        if self.domain == DEFAULT_DOMAIN {
            self.path.strip_prefix(OFFICIAL).filter(|rest| !rest.contains('/')).unwrap_or(&self.path).to_owned()
        } else {
            self.name()
        }
    }

    /// `redis:latest`.
    #[must_use]
    pub fn familiar(&self) -> String {
        self.suffixed(self.familiar_name())
    }

    /// With the tag `latest` when there is neither tag nor digest.
    #[must_use]
    pub fn or_latest(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The same repository by digest alone.
    #[must_use]
    pub fn at_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The same repository with another tag; `None` when the grammar forbids it.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> Option<Self> {
        is_tag(tag).then(|| Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    fn suffixed(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name.push(':');
            name.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            name.push('@');
            name.push_str(digest.as_str());
        }
        name
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.familiar())
    }
}

/// `splitDockerDomain`: the part before the first slash is a domain only if it looks like one.
fn split_domain(text: &str) -> (String, String) {
    let (domain, rest) = match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase()) => {
            (first, rest)
        }
        _ => (DEFAULT_DOMAIN, text),
    };
    let domain = if domain == "index.docker.io" { DEFAULT_DOMAIN } else { domain };
    let official = domain == DEFAULT_DOMAIN && !rest.contains('/');
    (domain.to_owned(), if official { format!("{OFFICIAL}{rest}") } else { rest.to_owned() })
}

fn parse_digest(text: &str) -> Result<Digest, Error> {
    let (algorithm, hex) = text.split_once(':').ok_or(Error::Format)?;
    let word = |w: &str| w.starts_with(|c: char| c.is_ascii_alphabetic()) && w.bytes().all(|b| b.is_ascii_alphanumeric());
    if !algorithm.split(['+', '.', '-', '_']).all(word) || hex.len() < 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Error::Format);
    }
    if algorithm != "sha256" {
        return Err(Error::Algorithm);
    }
    Digest::from_hex(hex).ok_or(if hex.len() == ids::ID_LEN { Error::Format } else { Error::DigestLength })
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= TAG_LEN_MAX && tag.bytes().next().is_some_and(word) && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let port_fits = port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    let v6 = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host_fits = match v6 {
        Some(inner) => !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
        None => host.split('.').all(|part| {
            let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
            edge(part.bytes().next()) && edge(part.bytes().last()) && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        }),
    };
    host_fits && port_fits
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(part: &str) -> bool {
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !part.bytes().next().is_some_and(alnum) || !part.bytes().last().is_some_and(alnum) {
        return false;
    }
    part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|gap| matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|b| b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_and_made_familiar_again() {
        let hex = "0123456789abcdef".repeat(4);
        for (text, canonical, familiar) in [
            ("redis", "docker.io/library/redis", "redis"),
            ("redis:7", "docker.io/library/redis:7", "redis:7"),
            ("library/redis", "docker.io/library/redis", "redis"),
            ("me/app:V1", "docker.io/me/app:V1", "me/app:V1"),
            ("index.docker.io/me/app", "docker.io/me/app", "me/app"),
            ("localhost/a", "localhost/a", "localhost/a"),
            ("localhost:5000/a/b:t", "localhost:5000/a/b:t", "localhost:5000/a/b:t"),
            ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"),
            ("quay.io/x/y__z-w", "quay.io/x/y__z-w", "quay.io/x/y__z-w"),
            ("Upper/redis", "Upper/redis", "Upper/redis"),
        ] {
            let r = Reference::parse(text).unwrap();
            assert_eq!(r.canonical(), canonical);
            assert_eq!(r.familiar(), familiar);
        }
        let both = Reference::parse(&format!("redis:7@sha256:{hex}")).unwrap();
        assert_eq!(both.tag(), Some("7"));
        assert_eq!(both.digest().map(Digest::hex), Some(hex.as_str()));
    }

    #[test]
    fn refusals_have_dockers_words() {
        for bad in ["", ":", "a:", "-a", "a..b", "a//b", "a b", "a:b c", "a@", "a@sha256:x", "../a", "a___b", "http://x", "a/", "/a", "é"]
        {
            assert_eq!(Reference::parse(bad), Err(Error::Format), "{bad}");
        }
        assert_eq!(
            Reference::parse("Redis").unwrap_err().to_string(),
            "invalid reference format: repository name (library/Redis) must be lowercase"
        );
        let hex = "a".repeat(64);
        assert!(matches!(Reference::parse(&hex), Err(Error::LooksLikeId(_))));
        assert_eq!(Reference::parse(&format!("a@sha512:{hex}")), Err(Error::Algorithm));
        assert_eq!(Reference::parse(&format!("a@sha256:{}", &hex[..40])), Err(Error::DigestLength));
        assert_eq!(Reference::parse(&"a".repeat(256)), Err(Error::TooLong));
        assert_eq!(Reference::parse(&format!("a:{}", "t".repeat(129))), Err(Error::Format));
    }

    #[test]
    fn the_default_tag_is_added_only_where_nothing_is() {
        assert_eq!(Reference::parse("a").unwrap().or_latest().familiar(), "a:latest");
        assert_eq!(Reference::parse("a:1").unwrap().or_latest().familiar(), "a:1");
    }
}
