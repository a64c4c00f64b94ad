//! Image layers as one file system, made without a path of the host's mount table.

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use stead_sys::mount::{self as kernel, Param};

use super::{ApplyError, at};

/// What keeps a writable layer readable by itself: whole files, no renamed directories, no index beside it.
const SELF_CONTAINED: [(&str, &str); 3] = [("index", "off"), ("metacopy", "off"), ("redirect_dir", "off")];

/// No flush of the writable layer, not even at the end.
const VOLATILE: Param<'static> = Param::Flag("volatile");

/// The kernel's limit of one parameter.
const PARAM_BYTES_MAX: usize = 255;

/// Mounts layers, the topmost first, detached; with a writable layer and its work directory, or read-only.
pub(super) fn mount(lower: &[PathBuf], upper: Option<(&Path, &Path)>, throwaway: bool, target: &Path) -> Result<OwnedFd, ApplyError> {
    if lower.is_empty() {
        return Err(ApplyError::NoLayers);
    }
    let open = |path: &Path| kernel::dir_handle(path).map_err(at(target));
    let layers = lower.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
    let upper = match upper {
        Some((upper, work)) => Some((open(upper)?, open(work)?)),
        None => None,
    };
    by_descriptor(&layers, upper.as_ref(), throwaway).or_else(|first| {
        // Before Linux 6.13 layers have to be named. The names lead to the descriptors, so they are short and cannot change their meaning.
        by_name(&layers, upper.as_ref(), throwaway).map_err(|_older| at(target)(first))
    })
}

fn by_descriptor(layers: &[OwnedFd], upper: Option<&(OwnedFd, OwnedFd)>, throwaway: bool) -> stead_sys::Result<OwnedFd> {
    let mut params = common();
    params.extend(layers.iter().map(|layer| Param::Dir("lowerdir+", layer.as_fd())));
    if let Some((upper, work)) = upper {
        params.push(Param::Dir("upperdir", upper.as_fd()));
        params.push(Param::Dir("workdir", work.as_fd()));
        params.extend(throwaway.then_some(VOLATILE));
    }
    kernel::new_filesystem("overlay", &params, kernel::Flags::empty())
}

fn by_name(layers: &[OwnedFd], upper: Option<&(OwnedFd, OwnedFd)>, throwaway: bool) -> stead_sys::Result<OwnedFd> {
    let name = |fd: &OwnedFd| format!("/proc/self/fd/{}", fd.as_raw_fd());
    let names: Vec<String> = layers.iter().map(name).collect();
    let joined = names.join(":");
    let writable = upper.map(|(upper, work)| (name(upper), name(work)));
    let mut params = common();
    if joined.len() <= PARAM_BYTES_MAX {
        params.push(Param::Text("lowerdir", &joined));
    } else {
        params.extend(names.iter().map(|name| Param::Text("lowerdir+", name)));
    }
    if let Some((upper, work)) = &writable {
        params.push(Param::Text("upperdir", upper));
        params.push(Param::Text("workdir", work));
        params.extend(throwaway.then_some(VOLATILE));
    }
    kernel::new_filesystem("overlay", &params, kernel::Flags::empty())
}

fn common<'a>() -> Vec<Param<'a>> {
    let mut params = vec![Param::Text("source", "overlay")];
    params.extend(SELF_CONTAINED.iter().map(|(key, value)| Param::Text(key, value)));
    params
}

#[cfg(test)]
pub(super) mod older {
    //! What a kernel before 6.13 would do, for the tests.

    use super::{OwnedFd, Path, PathBuf, kernel};

    /// Mounts by name only.
    pub(in crate::apply) fn mount(lower: &[PathBuf], upper: Option<(&Path, &Path)>) -> stead_sys::Result<OwnedFd> {
        let layers = lower.iter().map(|path| kernel::dir_handle(path)).collect::<Result<Vec<_>, _>>()?;
        let upper = match upper {
            Some((upper, work)) => Some((kernel::dir_handle(upper)?, kernel::dir_handle(work)?)),
            None => None,
        };
        super::by_name(&layers, upper.as_ref(), false)
    }
}
