//! Names of volumes of the `local` driver. Other drivers may accept anything.

use stead_base::Kind;

use crate::gotext::quote;

/// A name the `local` driver refuses. Callers put `create NAME: ` before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// One character.
    #[error("volume name is too short, names should be at least two alphanumeric characters")]
    TooShort,
    /// Characters that are not allowed, or more than [`NAME_BYTES_MAX`] of them.
    #[error(
        "{} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path",
        quote(.0)
    )]
    Characters(String),
    /// Longer than a directory's name can be.
    #[error("volume name is too long, names should be at most {NAME_BYTES_MAX} characters")]
    TooLong,
    /// What stands behind the `@` of a volume can not be the name of a snapshot.
    #[error("{} is no name of a snapshot: only \"[a-zA-Z0-9][a-zA-Z0-9_.-]*\" is allowed, of at most {SNAPSHOT_BYTES_MAX} characters", quote(.0))]
    Snapshot(String),
}

impl NameError {
    /// A wrong request.
    pub fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// The longest name: a directory entry on every Linux file system.
pub const NAME_BYTES_MAX: usize = 255;

/// The longest name of a snapshot: a directory entry with room for a prefix.
pub const SNAPSHOT_BYTES_MAX: usize = 200;

/// Takes `VOL@SNAP` apart, the one place that does: the volume, and the snapshot if one is named. No name of a volume has an `@` in it.
#[must_use]
pub fn split_snapshot(typed: &str) -> (&str, Option<&str>) {
    match typed.split_once('@') {
        Some((volume, snapshot)) => (volume, Some(snapshot)),
        None => (typed, None),
    }
}

/// Checks the name of a snapshot against `[a-zA-Z0-9][a-zA-Z0-9_.-]*`.
///
/// # Errors
/// [`NameError::Snapshot`].
pub fn check_snapshot_name(name: &str) -> Result<(), NameError> {
    let mut bytes = name.bytes();
    let starts_well = bytes.next().is_some_and(|first| first.is_ascii_alphanumeric());
    if starts_well && name.len() <= SNAPSHOT_BYTES_MAX && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')) {
        Ok(())
    } else {
        Err(NameError::Snapshot(name.to_owned()))
    }
}

/// Checks a name against `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
///
/// # Errors
/// See [`NameError`].
pub fn check_volume_name(name: &str) -> Result<(), NameError> {
    if name.len() == 1 {
        return Err(NameError::TooShort);
    }
    let mut bytes = name.bytes();
    let starts_well = bytes.next().is_some_and(|first| first.is_ascii_alphanumeric());
    if !starts_well || !bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')) {
        return Err(NameError::Characters(name.to_owned()));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_a_letter_or_digit_and_have_two_characters() {
        for good in ["ab", "a1", "0_", "a.b-c_d", "A.."] {
            assert_eq!(check_volume_name(good), Ok(()), "{good}");
        }
        assert_eq!(check_volume_name("x"), Err(NameError::TooShort));
        assert_eq!(check_volume_name("."), Err(NameError::TooShort));
        for bad in ["", ".a", "-a", "_a", "..", "a/b", "../x", "a b", "aé", "a\n", "a\0b"] {
            assert_eq!(check_volume_name(bad), Err(NameError::Characters(bad.to_owned())), "{bad:?}");
        }
        assert_eq!(check_volume_name(&"a".repeat(255)), Ok(()));
        assert_eq!(check_volume_name(&"a".repeat(256)), Err(NameError::TooLong));
    }

    #[test]
    fn a_snapshot_stands_behind_the_first_at() {
        assert_eq!(split_snapshot("data"), ("data", None));
        assert_eq!(split_snapshot("data@monday"), ("data", Some("monday")));
        assert_eq!(split_snapshot("data@"), ("data", Some("")));
        assert_eq!(split_snapshot("@a@b"), ("", Some("a@b")));
        for good in ["1", "a", "20260102T030405Z", "before-rollback-1", "a.b_c"] {
            assert_eq!(check_snapshot_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "-a", ".part", "a/b", "a@b", "a b", "é"] {
            assert_eq!(check_snapshot_name(bad), Err(NameError::Snapshot(bad.to_owned())), "{bad}");
        }
        assert!(check_snapshot_name(&"a".repeat(200)).is_ok() && check_snapshot_name(&"a".repeat(201)).is_err());
    }

    #[test]
    fn the_message_is_dockers() {
        assert_eq!(
            check_volume_name("rel/x").unwrap_err().to_string(),
            "\"rel/x\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        );
    }
}
