//! Image layers as one file system, made without a path of the host's mount table.

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use stead_sys::mount::{self as kernel, Param};
use stead_sys::{copy, durable, owner, tree};

use super::{ApplyError, at};
use crate::value::Over;

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

/// A writable layer over a directory: `lower` is a handle of it, or a detached mount of it. Only one file system of it is seen.
pub(super) fn over(lower: BorrowedFd<'_>, over: &Over, source: &Path, target: &Path) -> Result<OwnedFd, ApplyError> {
    let (upper, work) = match over {
        Over::Throwaway(dir) => anew(dir, lower, source).map_err(at(target))?,
        Over::Kept(dir) => kept(dir, lower, source).map_err(at(target))?,
        Over::Named { upper, work } => (upper.clone(), work.clone()),
    };
    let open = |path: &Path| match over {
        // The user's own: links on the way are the user's too.
        Over::Named { .. } => kernel::handle(path).map_err(at(target)),
        _ => kernel::dir_handle(path).map_err(at(target)),
    };
    let (upper, work) = (open(&upper)?, open(&work)?);
    // With an index the kernel refuses a layer that is mounted already, or that was made over something else.
    let is_kept = !matches!(over, Over::Throwaway(_));
    let mut params = vec![Param::Text("source", "overlay"), Param::Text("index", if is_kept { "on" } else { "off" })];
    params.extend(SELF_CONTAINED.iter().filter(|(key, _)| *key != "index").map(|(key, value)| Param::Text(key, value)));
    params.extend((!is_kept).then_some(VOLATILE));
    let names = [lower, upper.as_fd(), work.as_fd()].map(|fd| format!("/proc/self/fd/{}", fd.as_raw_fd()));
    let by_descriptor = [Param::Dir("lowerdir+", lower), Param::Dir("upperdir", upper.as_fd()), Param::Dir("workdir", work.as_fd())];
    let by_name = [Param::Text("lowerdir", &names[0]), Param::Text("upperdir", &names[1]), Param::Text("workdir", &names[2])];
    let mount = |layers: &[Param<'_>]| kernel::new_filesystem("overlay", &[&params, layers].concat(), kernel::Flags::empty());
    let made = mount(&by_descriptor).or_else(|first| mount(&by_name).map_err(|_older| first));
    made.map_err(|error| {
        let reason = match error.errno() {
            Some(EBUSY) => "its layer is in use by another container".to_owned(),
            Some(ESTALE) => "its layer was made over something else".to_owned(),
            _ => return at(target)(error),
        };
        ApplyError::Over { source_path: source.display().to_string(), reason }
    })
}

const EBUSY: i32 = 16;
const ESTALE: i32 = 116;

/// Two empty directories in `dir`, whatever an earlier life left there.
fn anew(dir: &Path, lower: BorrowedFd<'_>, source: &Path) -> stead_sys::Result<(PathBuf, PathBuf)> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
        return Err(stead_sys::Error::new("mkdir", dir, std::io::Error::from(std::io::ErrorKind::InvalidInput)));
    };
    present(parent, 0o700)?;
    tree::remove_tree(kernel::dir_handle(parent).and_then(|dir| owner::open_root(dir, parent))?, name)?;
    durable::make_dir(dir, 0o700)?;
    let (upper, work) = (dir.join("upper"), dir.join("work"));
    durable::make_dir(&upper, 0o755)?;
    durable::make_dir(&work, 0o700)?;
    like(&upper, lower, source)?;
    Ok((upper, work))
}

/// The same two, made once and durably. The root of what is seen has the attributes of the layer's root, so these come first.
fn kept(dir: &Path, lower: BorrowedFd<'_>, source: &Path) -> stead_sys::Result<(PathBuf, PathBuf)> {
    let (upper, work) = (dir.join("upper"), dir.join("work"));
    if upper.symlink_metadata().is_err() {
        let part = dir.join("upper.part");
        present(&part, 0o755)?;
        like(&part, lower, source)?;
        match durable::rename_noreplace(&part, &upper) {
            // Another container's start was quicker.
            Err(error) if error.io_kind() == std::io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
    }
    present(&work, 0o700)?;
    Ok((upper, work))
}

fn present(dir: &Path, mode: u32) -> stead_sys::Result<()> {
    match durable::make_dir(dir, mode) {
        Err(error) if error.io_kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Gives a layer's root the owner, rights and attributes of what it covers, as they are seen in the container.
fn like(upper: &Path, lower: BorrowedFd<'_>, source: &Path) -> stead_sys::Result<()> {
    let from = owner::open_root(lower, source)?;
    let to = kernel::dir_handle(upper).and_then(|dir| owner::open_root(dir, upper))?;
    copy::copy_attributes(from.as_fd(), to.as_fd(), source)
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
