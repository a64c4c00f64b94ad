//! Content digests: `sha256:` and 64 lower-case hexadecimal digits. Names images (config digest), layers (diff id), blobs and manifests.

use serde::{Deserialize, Serialize};

use crate::ids;

/// The digest of some bytes. Only sha256 exists here: every registry speaks it, and a digest becomes part of a path,
/// so nothing but the strict grammar is ever accepted (no `sha256:../..`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid checksum digest format: {0:?}")]
pub struct BadDigest(pub String);

impl Digest {
    /// The prefix of every digest.
    pub const PREFIX: &'static str = "sha256:";

    /// Reads `sha256:<64 lower-case hex>`.
    ///
    /// # Errors
    /// [`BadDigest`] for anything else.
    pub fn parse(text: &str) -> Result<Self, BadDigest> {
        match text.strip_prefix(Self::PREFIX) {
            Some(hex) if ids::is_full_id(hex) => Ok(Self(text.to_owned())),
            _ => Err(BadDigest(text.to_owned())),
        }
    }

    /// Takes the 32 bytes a hash function gave.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(format!("{}{}", Self::PREFIX, ids::hex(bytes)))
    }

    /// Takes the 64 digits without the prefix.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        ids::is_full_id(hex).then(|| Self(format!("{}{hex}", Self::PREFIX)))
    }

    /// `sha256:…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64 digits.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0[Self::PREFIX.len()..]
    }

    /// The first twelve digits.
    #[must_use]
    pub fn short(&self) -> &str {
        ids::short(&self.0)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = BadDigest;

    fn try_from(text: String) -> Result<Self, BadDigest> {
        Self::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_strict_form_is_a_digest() {
        let hex = "0123456789abcdef".repeat(4);
        let digest = Digest::parse(&format!("sha256:{hex}")).unwrap();
        assert_eq!(digest.hex(), hex);
        assert_eq!(digest.short(), "0123456789ab");
        assert_eq!(Digest::from_hex(&hex), Some(digest));
        for bad in ["", "sha256:", "sha256:../../etc/passwd", "sha512:00", &hex, &format!("sha256:{}", hex.to_uppercase())] {
            assert!(Digest::parse(bad).is_err(), "{bad}");
        }
    }
}
