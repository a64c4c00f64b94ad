//! Mount specifications of Linux containers on Windows: sources of Windows, targets of Linux.

use crate::gotext::clean;
use crate::parse::windows::{Platform, raw_on, spec_on};
use crate::point::MountPoint;
use crate::request::{MountRequest, MountType};
use crate::spec::{Fault, SpecError};
use crate::validate::Probe;

const LCOW: Platform = Platform { is_destination, check_target, backslashes: false };

/// Reads one `-v`.
///
/// # Errors
/// The first thing wrong with it, in Docker's words.
pub fn raw(spec: &str, driver: &str, probe: &dyn Probe) -> Result<MountPoint, SpecError> {
    raw_on(&LCOW, spec, driver, probe)
}

/// Turns one entry of `HostConfig.Mounts` into a mount point.
///
/// # Errors
/// The first thing wrong with it, in Docker's words.
pub fn spec(request: &MountRequest, probe: &dyn Probe) -> Result<MountPoint, SpecError> {
    Ok(spec_on(&LCOW, request, probe)?)
}

fn check_target(request: &MountRequest) -> Result<(), Fault> {
    if clean(&request.target) == "/" {
        return Err(Fault::TargetIsRoot);
    }
    if request.kind == MountType::Npipe {
        return Err(Fault::PipeOnLcow);
    }
    if is_destination(&request.target.to_lowercase()) { Ok(()) } else { Err(Fault::BadPath(request.target.clone())) }
}

/// An absolute path without empty components and without the characters Windows reserves.
fn is_destination(text: &str) -> bool {
    let Some(path) = text.strip_prefix('/') else { return false };
    let inner = path.strip_suffix('/').unwrap_or(path);
    path.is_empty() || inner.split('/').all(|part| !part.is_empty() && !part.contains(['\\', ':', '*', '?', '"', '<', '>', '\r', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_linux_paths() {
        for good in ["/", "/a", "/a/", "/a b/c|d", "/..", "/program files (x86)"] {
            assert!(is_destination(good), "{good}");
        }
        for bad in ["", "a", "//", "/a//b", "/a\\b", "c:\\", "/a:b", "/a*"] {
            assert!(!is_destination(bad), "{bad}");
        }
    }
}
