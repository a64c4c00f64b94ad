//! Versions of the Engine API, and which of them are spoken.

use std::fmt;

use stead_engine::Failure;

/// A version of the Engine API, `1.50`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32);

/// The oldest version a client may ask for.
pub(crate) const OLDEST: Version = Version(1, 24);
/// The version that is spoken where a client names none.
pub(crate) const NEWEST: Version = Version(1, 50);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Version {
    /// Reads `1.50`; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        let number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
        Some(Self(number(major)?, number(minor)?))
    }

    /// Refuses versions that are not spoken.
    ///
    /// # Errors
    /// Docker's words for a client that is too old or too new.
    pub(crate) fn check(self) -> Result<Self, Failure> {
        if self < OLDEST {
            return Err(Failure::invalid(format!(
                "client version {self} is too old. Minimum supported API version is {OLDEST}, please upgrade your client to a newer version"
            )));
        }
        if self > NEWEST {
            return Err(Failure::invalid(format!("client version {self} is too new. Maximum supported API version is {NEWEST}")));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert!(Version::parse("1.9") < Version::parse("1.24"));
        assert_eq!(Version::parse("1.50"), Some(NEWEST));
        for bad in ["", "1.", ".5", "a.b", "1.2.3", "1.+5", "99999999999.1"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_not_spoken_is_refused_in_dockers_words() {
        assert_eq!(
            Version(1, 23).check().unwrap_err().message,
            "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"
        );
        assert_eq!(Version(1, 60).check().unwrap_err().message, "client version 1.60 is too new. Maximum supported API version is 1.50");
        assert!(OLDEST.check().is_ok() && NEWEST.check().is_ok());
    }
}
