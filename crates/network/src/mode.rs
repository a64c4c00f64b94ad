//! What `--network` asks for.

use stead_base::Kind;

/// Which network namespace a container gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The host's own.
    Host,
    /// A new one with nothing but a loopback.
    None,
    /// Nothing was asked for: a new one with a loopback, until bridges exist.
    Default,
}

/// A network that this engine cannot give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModeError {
    /// A mode or a network that is not there.
    #[error("network {0} not found: this version of stead has the networks host and none")]
    Unknown(String),
}

impl ModeError {
    /// The universal kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::Unsupported
    }
}

impl Mode {
    /// Reads `HostConfig.NetworkMode`.
    ///
    /// # Errors
    /// [`ModeError::Unknown`] for bridges, named networks and `container:`.
    pub fn parse(text: &str) -> Result<Self, ModeError> {
        match text {
            "host" => Ok(Self::Host),
            "none" => Ok(Self::None),
            "" | "default" => Ok(Self::Default),
            other => Err(ModeError::Unknown(other.to_owned())),
        }
    }

    /// The key under `NetworkSettings.Networks`.
    #[must_use]
    pub fn network_name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::None | Self::Default => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_networks_that_exist_are_accepted() {
        assert_eq!(Mode::parse("host"), Ok(Mode::Host));
        assert_eq!(Mode::parse(""), Ok(Mode::Default));
        let refused = Mode::parse("web").unwrap_err().to_string();
        assert!(refused.contains("network web not found"), "{refused}");
    }
}
