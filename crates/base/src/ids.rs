//! Identifiers: 64 lower-case hexadecimal digits, and the short form people type.

use serde::{Deserialize, Serialize};

/// Length of a full identifier in characters (32 bytes in hexadecimal).
pub const ID_LEN: usize = 64;
/// Length of the short form that tables show.
pub const SHORT_LEN: usize = 12;

/// The full id of a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(String);

impl ContainerId {
    /// Accepts exactly 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_full_id(text).then(|| Self(text.to_owned()))
    }

    /// Makes an id from 32 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(random_hex64(bytes))
    }

    /// The 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits.
    #[must_use]
    pub fn short(&self) -> &str {
        short(&self.0)
    }
}

impl std::fmt::Display for ContainerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` is a full id: 64 characters out of `0-9a-f`.
#[must_use]
pub fn is_full_id(text: &str) -> bool {
    text.len() == ID_LEN && is_lower_hex(text)
}

/// Whether every character is one of `0-9a-f`.
#[must_use]
pub fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Turns 32 random bytes into an id. Ids whose short form is all digits are avoided by Docker because
/// they can be mistaken for numbers in host names (moby `stringid`), so the first digit is then made a letter.
#[must_use]
pub fn random_hex64(bytes: [u8; 32]) -> String {
    let mut text = hex(&bytes);
    if text.bytes().take(SHORT_LEN).all(|b| b.is_ascii_digit()) {
        text.replace_range(0..1, "a");
    }
    text
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        out.push(char::from(DIGITS[usize::from(b >> 4)]));
        out.push(char::from(DIGITS[usize::from(b & 15)]));
    }
    out
}

/// The short form of an id; anything shorter is given back whole. A `sha256:` prefix is dropped.
#[must_use]
pub fn short(id: &str) -> &str {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    id.get(..SHORT_LEN).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_64_lower_hex_digits() {
        assert!(ContainerId::parse(&"a".repeat(64)).is_some());
        assert!(ContainerId::parse(&"A".repeat(64)).is_none());
        assert!(ContainerId::parse(&"a".repeat(63)).is_none());
        assert!(ContainerId::parse(&"../".repeat(22)[..64]).is_none());
    }

    #[test]
    fn short_ids_are_never_all_digits() {
        assert!(random_hex64([0; 32]).starts_with('a'));
        assert_eq!(random_hex64([0xab; 32]).len(), 64);
        assert_eq!(short("sha256:0123456789abcdef"), "0123456789ab");
    }
}
