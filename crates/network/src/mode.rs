//! What `--network` asks for.

/// Which network namespace a container gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The host's own.
    Host,
    /// A new one with nothing but a loopback.
    None,
    /// Nothing was asked for: the network `bridge`.
    Default,
    /// Another container's.
    Container(String),
    /// A network by name or id.
    Network(String),
}

impl Mode {
    /// Reads `HostConfig.NetworkMode`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "host" => Self::Host,
            "none" => Self::None,
            "" | "default" => Self::Default,
            other => match other.strip_prefix("container:") {
                Some(container) => Self::Container(container.to_owned()),
                None => Self::Network(other.to_owned()),
            },
        }
    }

    /// Whether the container gets a network namespace that is nobody else's.
    #[must_use]
    pub fn is_private(&self) -> bool {
        !matches!(self, Self::Host | Self::Container(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_told_from_networks() {
        assert_eq!(Mode::parse("host"), Mode::Host);
        assert_eq!(Mode::parse(""), Mode::Default);
        assert_eq!(Mode::parse("container:web"), Mode::Container("web".into()));
        assert_eq!(Mode::parse("web"), Mode::Network("web".into()));
        assert!(Mode::parse("none").is_private() && !Mode::parse("host").is_private());
    }
}
