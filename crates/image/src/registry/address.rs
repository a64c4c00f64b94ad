//! Which addresses a registry may send us to. Cloud machines keep secrets behind link-local addresses, and much listens on loopback.

use std::net::{IpAddr, ToSocketAddrs};

use super::{Error, Result};

/// The parts of a URL that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: String,
    /// `host[:port]`.
    pub(crate) host: String,
    /// Path and query, with the leading slash.
    pub(crate) path: String,
}

impl Url {
    /// Reads an absolute http(s) URL without user information.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let plain = !host.is_empty() && !host.contains('@') && text.bytes().all(|b| b.is_ascii_graphic());
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        (plain && matches!(scheme.as_str(), "http" | "https")).then(|| Self { scheme, host: host.to_owned(), path })
    }

    /// A `Location` or realm, absolute or relative to this.
    pub(crate) fn join(&self, to: &str) -> Option<Self> {
        if to.contains("://") {
            Self::parse(to)
        } else if let Some(rest) = to.strip_prefix("//") {
            Self::parse(&format!("{}://{rest}", self.scheme))
        } else if to.starts_with('/') {
            Self::parse(&format!("{}://{}{to}", self.scheme, self.host))
        } else {
            let dir = self.path.split('?').next().and_then(|p| p.rsplit_once('/')).map_or("", |(dir, _)| dir);
            Self::parse(&format!("{}://{}{dir}/{to}", self.scheme, self.host))
        }
    }

    pub(crate) fn text(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host, self.path)
    }
}

/// Whether the host is this machine, by name or literally; what Docker speaks plain HTTP to without being told.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = bare(host);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Refuses to go from `from` to `to`: never to link-local or unspecified addresses, to loopback only from loopback, and never from
/// https down to http unless the target may be plain anyway.
pub(crate) fn check(from: &Url, to: &Url, plain_allowed: bool) -> Result<()> {
    if from.scheme == "https" && to.scheme == "http" && !plain_allowed {
        return Err(Error::Address(to.text()));
    }
    if from.host == to.host {
        return Ok(());
    }
    let name = bare(&to.host);
    let ips: Vec<IpAddr> = match name.parse() {
        Ok(ip) => vec![ip],
        // A name that does not resolve fails later, with a better message.
        Err(_) => (name, 443).to_socket_addrs().map(|all| all.map(|a| a.ip()).collect()).unwrap_or_default(),
    };
    let from_here = is_loopback(&from.host);
    if ips.iter().any(|ip| forbidden(*ip) || (ip.is_loopback() && !from_here)) {
        return Err(Error::Address(to.text()));
    }
    Ok(())
}

fn forbidden(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => forbidden(IpAddr::V4(v4)),
            // fd00:ec2::254 is AWS's metadata service.
            None => v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast() || v6.segments()[..2] == [0xfd00, 0xec2],
        },
    }
}

/// The host without port and brackets.
fn bare(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_and_joined() {
        let base = Url::parse("https://reg:5000/v2/a/blobs/x?y=1").unwrap();
        assert_eq!((base.host.as_str(), base.path.as_str()), ("reg:5000", "/v2/a/blobs/x?y=1"));
        assert_eq!(base.join("/z").unwrap().text(), "https://reg:5000/z");
        assert_eq!(base.join("http://other/q").unwrap().text(), "http://other/q");
        assert_eq!(base.join("w").unwrap().text(), "https://reg:5000/v2/a/blobs/w");
        for bad in ["ftp://x/", "https://user@host/", "https:///x", "x", "https://a b/"] {
            assert_eq!(Url::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn dangerous_places_are_not_followed() {
        let from = Url::parse("https://registry.example/v2/").unwrap();
        for to in [
            "https://169.254.169.254/latest",
            "https://[fe80::1]/x",
            "https://[fd00:ec2::254]/x",
            "https://[::ffff:169.254.169.254]/",
            "https://127.0.0.1/x",
            "https://localhost:80/x",
            "https://0.0.0.0/x",
            "http://203.0.113.1/x",
        ] {
            assert!(check(&from, &Url::parse(to).unwrap(), false).is_err(), "{to}");
        }
        assert!(check(&from, &Url::parse("https://203.0.113.1/x").unwrap(), false).is_ok());
        let here = Url::parse("http://127.0.0.1:5000/v2/").unwrap();
        assert!(check(&here, &Url::parse("http://localhost:5001/x").unwrap(), true).is_ok());
        assert!(check(&here, &Url::parse("http://169.254.169.254/x").unwrap(), true).is_err());
    }
}
