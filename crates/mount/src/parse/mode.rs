//! The mode flags after the last colon of `-v` and `--volumes-from`: `ro,z,rshared,nocopy,cached`, each class at most once.

use crate::access::Access;
use crate::extra::{Extras, class_of};
use crate::parse::extra;
use crate::point::Propagation;

/// A valid set of mode flags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mode {
    /// `ro` was given.
    pub read_only: bool,
    /// Propagation, [`Propagation::Unset`] if none was given.
    pub propagation: Propagation,
    /// `nocopy` was given.
    pub nocopy: bool,
    /// Our own: `exclusive` or `single-writer`. The word `shared` is propagation here, and `ro` says read-only.
    pub access: Option<Access>,
    /// What Docker does not have.
    pub extras: Extras,
}

impl Mode {
    /// Reads the flags; none if a flag is unknown or its class comes twice. The empty string is valid.
    pub fn parse(text: &str) -> Option<Self> {
        let mut mode = Self::default();
        if text.is_empty() {
            return Some(mode);
        }
        let (mut access, mut label, mut copy, mut consistency, mut sharing) = (0, 0, 0, 0, 0);
        let mut seen: Vec<&str> = Vec::new();
        for flag in text.split(',') {
            let (key, value) = flag.split_once('=').map_or((flag, None), |(key, value)| (key, Some(value)));
            if !matches!(key, "u" | "o" | "bind-idmap") && extra::take(&mut mode.extras, key, value).ok()? {
                // As with Docker's flags, a class comes once.
                if seen.contains(&class(key)) {
                    return None;
                }
                seen.push(class(key));
                continue;
            }
            let count = match flag {
                "ro" => {
                    mode.read_only = true;
                    &mut access
                }
                "rw" => &mut access,
                "z" | "Z" => &mut label,
                "nocopy" => {
                    mode.nocopy = true;
                    &mut copy
                }
                "exclusive" | "single-writer" => {
                    mode.access = Access::from_word(flag);
                    &mut sharing
                }
                "consistent" | "cached" | "delegated" => &mut consistency,
                word => {
                    let propagation = Propagation::from_word(word)?;
                    if mode.propagation != Propagation::Unset {
                        return None;
                    }
                    mode.propagation = propagation;
                    continue;
                }
            };
            *count += 1;
            if *count > 1 {
                return None;
            }
        }
        Some(mode)
    }
}

/// Words of which only one may come.
fn class(key: &str) -> &str {
    match key {
        "chown" => "U",
        "overlay" => "O",
        flag => class_of(flag).unwrap_or(flag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_once_in_any_order() {
        let mode = Mode::parse("Z,rslave,ro,cached,nocopy").unwrap();
        assert_eq!(mode, Mode { read_only: true, propagation: Propagation::RSlave, nocopy: true, ..Mode::default() });
        assert_eq!(Mode::parse(""), Some(Mode::default()));
        assert_eq!(Mode::parse("rw"), Some(Mode::default()));
        assert_eq!(Mode::parse("exclusive,ro").unwrap().access, Some(Access::Exclusive));
        assert_eq!(Mode::parse("single-writer").unwrap().access, Some(Access::SingleWriter));
    }

    #[test]
    fn unknown_or_doubled_flags_are_no_mode() {
        for bad in [
            "rwz",
            "ro,rw",
            "ro,ro",
            "z,Z",
            "shared,rslave",
            "nocopy,nocopy",
            "cached,delegated",
            ",",
            "ro,",
            "RO",
            "default",
            "exclusive,single-writer",
            "read-only",
        ] {
            assert_eq!(Mode::parse(bad), None, "{bad}");
        }
    }
}
