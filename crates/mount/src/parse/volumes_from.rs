//! `--volumes-from CONTAINER[:mode]`.

use crate::parse::Mode;
use crate::point::Propagation;
use crate::spec::SpecError;

/// Whose mounts are inherited, and whether they become read-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumesFrom {
    /// Name or id of the other container.
    pub container: String,
    /// Whether the mounts are read-only here, whatever they are there.
    pub read_only: bool,
}

/// Reads one `--volumes-from`. Only `ro` and `rw` matter; labels and consistency are accepted without effect.
///
/// # Errors
/// The empty string, an unknown mode, and modes that cannot be inherited (propagation, `nocopy`).
pub fn volumes_from(spec: &str) -> Result<VolumesFrom, SpecError> {
    if spec.is_empty() {
        return Err(SpecError::EmptyVolumesFrom);
    }
    let (container, mode) = spec.split_once(':').unwrap_or((spec, ""));
    let parsed = Mode::parse(mode)
        .filter(|parsed| !parsed.nocopy && parsed.extras.is_empty() && parsed.propagation == Propagation::Unset)
        .ok_or_else(|| SpecError::InvalidMode(mode.to_owned()))?;
    Ok(VolumesFrom { container: container.to_owned(), read_only: parsed.read_only })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_access_matters() {
        for (spec, container, read_only) in [
            ("c", "c", false),
            ("c:", "c", false),
            ("c:ro", "c", true),
            ("c:rw", "c", false),
            ("c:z", "c", false),
            ("c:Z,ro,cached", "c", true),
        ] {
            assert_eq!(volumes_from(spec).unwrap(), VolumesFrom { container: container.to_owned(), read_only });
        }
    }

    #[test]
    fn what_cannot_be_inherited_is_refused() {
        assert_eq!(volumes_from("").unwrap_err().to_string(), "volumes-from specification cannot be an empty string");
        for mode in ["shared", "rslave", "nocopy", "bogus", "ro,rw", "ro:rw"] {
            assert_eq!(volumes_from(&format!("c:{mode}")).unwrap_err().to_string(), format!("invalid mode: {mode}"));
        }
    }
}
