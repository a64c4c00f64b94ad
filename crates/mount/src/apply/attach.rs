//! The half that runs in the container's mount namespace: the detached mount gets its place.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use stead_sys::copy::{self, CopyOptions};
use stead_sys::mount::{self as kernel, Param, Shape, Wanted};
use stead_sys::owner;
use stead_sys::statfs::{self, FsKind};

use super::{ApplyError, Prepared, at, finish};
use crate::guard::{self, Content, Forbidden};
use crate::value::{Mount, Source, TmpfsSpec};

/// Attaches a mount the user asked for. Targets over the kernel's file systems are refused, by their text and by what they resolve to.
///
/// # Errors
/// See [`ApplyError`]; on failure the mount is gone, but a mount point may have been made.
pub fn attach(rootfs: BorrowedFd<'_>, prepared: Prepared) -> Result<(), ApplyError> {
    let target = prepared.mount.target.clone();
    guard::check(&target, content(&prepared.mount.source))?;
    put(rootfs, prepared, Some(&target))
}

/// Attaches a mount the engine or the runtime asks for itself (`/proc`, `/etc/hosts`, ...): everything but the guard.
///
/// # Errors
/// As [`attach`].
pub fn attach_own(rootfs: BorrowedFd<'_>, prepared: Prepared) -> Result<(), ApplyError> {
    put(rootfs, prepared, None)
}

fn content(source: &Source) -> Content<'_> {
    match source {
        Source::Path(path) => Content::Host(path),
        _ => Content::Kept,
    }
}

fn put(rootfs: BorrowedFd<'_>, prepared: Prepared, guarded: Option<&Path>) -> Result<(), ApplyError> {
    let Prepared { mount, tree, is_dir, late_subpath, space: _space } = prepared;
    let target = &mount.target;
    let existing = kernel::handle_in_root(rootfs, target).ok();
    let is_new = existing.is_none();
    let place = match existing {
        Some(place) => place,
        None => {
            let wanted = if is_dir { Wanted::Directory } else { Wanted::File };
            kernel::place_in_root(rootfs, target, wanted).map_err(at(target))?
        }
    };
    if let Some(asked) = guarded {
        check_place(&place, asked, content(&mount.source))?;
    }
    let shape = kernel::shape(&place, target).map_err(at(target))?;
    if shape.is_dir != is_dir {
        return Err(ApplyError::Shape { source_path: shown(&mount.source), target: target.display().to_string() });
    }
    let tree = match tree {
        Some(tree) => tree,
        None => namespaced(&mount)?,
    };
    let tree = match late_subpath {
        Some(subpath) => cut(&tree, &place, &subpath, &mount)?,
        None => tree,
    };
    match &mount.source {
        Source::Tmpfs(spec) => {
            match (spec.copy_up, is_new) {
                (true, false) => copy_up(&tree, &place, spec, target)?,
                (false, false) if spec.mode.is_none() => inherit_mode(&tree, shape, target)?,
                _ => {}
            }
            finish(tree.as_fd(), &mount)?;
        }
        Source::Proc | Source::Sysfs | Source::Devpts | Source::Mqueue | Source::Cgroup => finish(tree.as_fd(), &mount)?,
        _ => {}
    }
    kernel::attach(&tree, &place, target).map_err(at(target))?;
    verify(rootfs, &tree, target)
}

/// A tmpfs over a directory of the image has that directory's rights, e.g. 1777 for `/tmp` and 0700 for `/root`.
fn inherit_mode(tree: &OwnedFd, covered: Shape, target: &Path) -> Result<(), ApplyError> {
    kernel::set_root_mode(tree, covered.mode, target).map_err(at(target))
}

/// A tmpfs that begins with what it covers, attributes of the root included, unless the user said others. This process is in the
/// container's control group already: the pages are the container's.
fn copy_up(tree: &OwnedFd, covered: &OwnedFd, spec: &TmpfsSpec, target: &Path) -> Result<(), ApplyError> {
    let from = owner::open_root(covered, target).map_err(at(target))?;
    let to = owner::open_root(tree, target).map_err(at(target))?;
    // One thread: this is a copy of a process, and its caller counts on being alone.
    let options = CopyOptions { threads: 1, durable: false };
    copy::copy_tree(from.as_fd(), to.as_fd(), &options).map_err(at(target))?;
    if spec.uid.is_some() || spec.gid.is_some() {
        owner::give_root(tree, spec.uid, spec.gid, target).map_err(at(target))?;
    }
    spec.mode.map_or(Ok(()), |mode| kernel::set_root_mode(tree, mode, target).map_err(at(target)))
}

/// Symlinks of the image may lead a harmless target into `/proc` or `/sys`; the file system there tells.
fn check_place(place: &OwnedFd, asked: &Path, content: Content<'_>) -> Result<(), ApplyError> {
    let kind = statfs::of(place, asked).map_err(at(asked))?.kind;
    let shown = || asked.display().to_string();
    match kind {
        FsKind::Proc if !guard::is_proc_file(asked) => Err(Forbidden::Proc(shown()).into()),
        FsKind::Sysfs | FsKind::Cgroup | FsKind::Cgroup2 if !(asked.starts_with("/sys") && guard::is_of_sys(content)) => {
            Err(Forbidden::Sys(shown()).into())
        }
        _ => Ok(()),
    }
}

/// Attaches the whole tree, clones the part that was asked for, and takes the whole away again.
fn cut(whole: &OwnedFd, place: &OwnedFd, subpath: &Path, mount: &Mount) -> Result<OwnedFd, ApplyError> {
    let target = &mount.target;
    kernel::attach(whole, place, target).map_err(at(target))?;
    let part = kernel::handle_beneath(whole, subpath).and_then(|part| kernel::clone_tree(&part, kernel::Depth::Top, subpath));
    kernel::detach(whole, target).map_err(at(target))?;
    let part = part.map_err(at(target))?;
    finish(part.as_fd(), mount)?;
    Ok(part)
}

/// The file systems that show the namespaces of whoever makes them.
fn namespaced(mount: &Mount) -> Result<OwnedFd, ApplyError> {
    let (fstype, params): (&str, &[Param<'_>]) = match mount.source {
        Source::Sysfs => ("sysfs", &[Param::Text("source", "sysfs")]),
        Source::Devpts => (
            "devpts",
            &[Param::Text("source", "devpts"), Param::Text("ptmxmode", "0666"), Param::Text("mode", "0620"), Param::Text("gid", "5")],
        ),
        Source::Mqueue => ("mqueue", &[Param::Text("source", "mqueue")]),
        Source::Cgroup => ("cgroup2", &[Param::Text("source", "cgroup")]),
        _ => ("proc", &[Param::Text("source", "proc")]),
    };
    kernel::new_filesystem(fstype, params, kernel::Flags::empty()).map_err(at(&mount.target))
}

/// The target, looked up once more, must lead to what was just mounted. It does not if a process that shares a volume with this
/// container moved the mount point meanwhile.
fn verify(rootfs: BorrowedFd<'_>, tree: &OwnedFd, target: &Path) -> Result<(), ApplyError> {
    let ours = kernel::mount_id(tree, target).map_err(at(target))?;
    let seen = kernel::handle_in_root(rootfs, target).and_then(|handle| kernel::mount_id(&handle, target));
    if matches!(seen, Ok(id) if id == ours) {
        return Ok(());
    }
    kernel::detach(tree, target).map_err(at(target))?;
    Err(ApplyError::Replaced(target.display().to_string()))
}

fn shown(source: &Source) -> String {
    match source {
        Source::Path(path) => path.display().to_string(),
        Source::Dir { path, subpath: Some(subpath) } => path.join(subpath).display().to_string(),
        Source::Dir { path, subpath: None } => path.display().to_string(),
        Source::Image { subpath: Some(subpath), .. } => subpath.display().to_string(),
        Source::Filesystem(spec) => spec.device.clone(),
        Source::Tmpfs(_) => "tmpfs".to_owned(),
        _ => "filesystem".to_owned(),
    }
}
