//! Who may use a source at the same time. Our own: Docker lets everybody write to everything.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a user of a source allows others, and itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Everybody may read and write, as with Docker.
    #[default]
    Shared,
    /// Nobody writes: the mount is read-only.
    ReadOnly,
    /// One writer at a time, any number of readers.
    SingleWriter,
    /// One user at a time.
    Exclusive,
}

impl Access {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Shared, Self::ReadOnly, Self::SingleWriter, Self::Exclusive];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::ReadOnly => "read-only",
            Self::SingleWriter => "single-writer",
            Self::Exclusive => "exclusive",
        }
    }

    /// What a word means.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|access| access.as_str() == word)
    }

    /// Whether it is the default.
    pub fn is_shared(&self) -> bool {
        *self == Self::Shared
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_both_ways() {
        for access in Access::ALL {
            assert_eq!(Access::from_word(access.as_str()), Some(access));
            assert_eq!(serde_json::to_string(&access).unwrap(), format!("{:?}", access.as_str()));
        }
        assert_eq!(Access::from_word("Exclusive"), None);
    }
}
