//! The half that runs on the host: a source becomes a detached mount.

use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use stead_sys::mount::{self as kernel, Depth, Param};
use stead_sys::{durable, mountinfo};

use super::{ApplyError, Prepared, Who, at, finish, overlay, own, system_words};
use crate::point::Propagation;
use crate::value::{FilesystemSpec, Mount, Source, TmpfsSpec};

/// Resolves the source of a mount and makes a detached mount of it, with all its attributes.
/// File systems that belong to a namespace (`proc`, ...) are made by [`super::attach`] instead.
///
/// # Errors
/// See [`ApplyError`]; on failure nothing is left mounted, but a missing bind source may have been created.
pub fn prepare(mount: &Mount) -> Result<Prepared, ApplyError> {
    prepare_as(mount, &own::nobody)
}

/// The same for a mount whose files have to do with the container's user, whom `who` looks up.
///
/// # Errors
/// As [`prepare`], and what `who` says.
pub fn prepare_as(mount: &Mount, who: Who<'_>) -> Result<Prepared, ApplyError> {
    let target = &mount.target;
    let mut prepared = Prepared { mount: mount.clone(), tree: None, is_dir: true, late_subpath: None, space: None };
    let tree = match &mount.source {
        Source::Path(path) => {
            let handle = host_path(path, mount)?;
            check_propagation(&handle, path, mount)?;
            prepared.is_dir = kernel::shape(&handle, path).map_err(at(target))?.is_dir;
            source_tree(&handle, path, &mut prepared, who)?
        }
        Source::Dir { path, subpath } => {
            let mut handle = kernel::dir_handle(path).map_err(at(target))?;
            if let Some(subpath) = subpath {
                handle = beneath(&handle, path, subpath)?;
                prepared.is_dir = kernel::shape(&handle, subpath).map_err(at(target))?.is_dir;
            }
            source_tree(&handle, path, &mut prepared, who)?
        }
        Source::Image { lower, subpath } => image(lower, subpath.as_deref(), mount, &mut prepared)?,
        // A root without a writable layer is an image: its one layer may have no second beside it.
        Source::Overlay { lower, upper: None, .. } => image(lower, None, mount, &mut prepared)?,
        Source::Overlay { lower, upper, work, throwaway } => {
            overlay::mount(lower, upper.as_deref().zip(work.as_deref()), *throwaway, target)?
        }
        // Its rights may depend on the directory it covers, so its attributes are set when it is attached.
        Source::Tmpfs(spec) => {
            prepared.tree = Some(tmpfs(spec, target)?);
            return Ok(prepared);
        }
        Source::Filesystem(spec) => filesystem(spec, target)?,
        Source::Proc | Source::Sysfs | Source::Devpts | Source::Mqueue | Source::Cgroup => return Ok(prepared),
    };
    if prepared.late_subpath.is_none() {
        finish(tree.as_fd(), &prepared.mount)?;
    }
    prepared.tree = Some(tree);
    Ok(prepared)
}

/// A bind or a volume: given or labelled, cloned, mapped, covered by a layer for writes, whatever of it was asked.
fn source_tree(handle: &OwnedFd, path: &Path, prepared: &mut Prepared, who: Who<'_>) -> Result<OwnedFd, ApplyError> {
    let mount = prepared.mount.clone();
    let mount = &mount;
    own::before(handle.as_fd(), path, mount, who)?;
    let maps = own::maps(handle.as_fd(), path, mount, who)?;
    // A layer covers one file system: what is mounted below the source is not seen through it.
    let depth = if mount.recursive && mount.over.is_none() { Depth::Tree } else { Depth::Top };
    let mut tree = kernel::clone_tree(handle, depth, path).map_err(at(&mount.target))?;
    if let Some(maps) = &maps {
        prepared.space = Some(own::map(&tree, maps, path, &prepared.mount, depth)?);
    }
    if let Some(over) = &mount.over {
        if !prepared.is_dir {
            return Err(ApplyError::OverFile(path.display().to_string()));
        }
        // Before Linux 6.14 a layer must be attached somewhere; only a map needs it not to be.
        let lower = if maps.is_some() { tree.as_fd() } else { handle.as_fd() };
        tree = overlay::over(lower, over, path, &mount.target)?;
    }
    // A set-uid program that belongs to the user on the disk would be root's here, and the other way round (Incus CVE-2025-64507).
    if maps.is_some_and(|maps| maps.with_root) && !mount.attr.suid {
        prepared.mount.attr.nosuid = true;
    }
    Ok(tree)
}

/// Opens a bind source, after making it where `-v` or `bind-create-src` allows that.
fn host_path(path: &Path, mount: &Mount) -> Result<OwnedFd, ApplyError> {
    match kernel::handle(path) {
        Err(e) if e.io_kind() == ErrorKind::NotFound && mount.create_source => {
            durable::create_dir_all(path, 0o755).map_err(at(&mount.target))?;
            kernel::handle(path).map_err(at(&mount.target))
        }
        Err(e) if e.io_kind() == ErrorKind::NotFound => Err(ApplyError::NoSource(path.display().to_string())),
        opened => opened.map_err(at(&mount.target)),
    }
}

/// Events can only be shared where the host's own mount shares them.
fn check_propagation(handle: &OwnedFd, path: &Path, mount: &Mount) -> Result<(), ApplyError> {
    let shared = matches!(mount.propagation, Propagation::Shared | Propagation::RShared);
    let slave = matches!(mount.propagation, Propagation::Slave | Propagation::RSlave);
    if !(shared || slave) || mount.propagation_fallback {
        return Ok(());
    }
    let id = kernel::mount_id(handle, path).map_err(at(&mount.target))?;
    let table = mountinfo::read().map_err(at(&mount.target))?;
    let entry = table.iter().find(|entry| entry.id == id).or_else(|| mountinfo::containing(&table, path));
    let path = path.display().to_string();
    let mount_point = entry.map(|entry| entry.mount_point.display().to_string()).unwrap_or_default();
    let is_shared = entry.is_some_and(|entry| entry.shared.is_some());
    let is_slave = entry.is_some_and(|entry| entry.master.is_some());
    if shared && !is_shared {
        return Err(ApplyError::NotShared { path, mount_point });
    }
    if slave && !is_shared && !is_slave {
        return Err(ApplyError::NotSharedOrSlave { path, mount_point });
    }
    Ok(())
}

/// Opens a part of a volume or image. One lookup by the kernel decides and gives the descriptor that is mounted: there is no
/// moment between in which a container could swap a directory for a symlink.
fn beneath(dir: impl AsFd, base: &Path, subpath: &Path) -> Result<OwnedFd, ApplyError> {
    kernel::handle_beneath(dir, subpath).map_err(|e| {
        if e.io_kind() == ErrorKind::CrossesDevices {
            return ApplyError::SubpathEscapes { base: base.display().to_string(), subpath: subpath.display().to_string() };
        }
        ApplyError::NoSubpath { path: base.join(subpath).display().to_string(), reason: system_words(&e.source) }
    })
}

fn image(lower: &[PathBuf], subpath: Option<&Path>, mount: &Mount, prepared: &mut Prepared) -> Result<OwnedFd, ApplyError> {
    let target = &mount.target;
    // Overlayfs wants two layers at least; one alone is already what is to be seen.
    let (handle, whole) = match lower {
        [] => return Err(ApplyError::NoLayers),
        [only] => {
            let handle = kernel::dir_handle(only).map_err(at(target))?;
            let whole = kernel::clone_tree(&handle, Depth::Top, only).map_err(at(target))?;
            (Some(handle), whole)
        }
        _ => (None, overlay::mount(lower, None, false, target)?),
    };
    let Some(subpath) = subpath else { return Ok(whole) };
    let base = lower.first().map(PathBuf::as_path).unwrap_or(target);
    let from = handle.as_ref().unwrap_or(&whole);
    let part = beneath(from, base, subpath)?;
    prepared.is_dir = kernel::shape(&part, subpath).map_err(at(target))?.is_dir;
    match kernel::clone_tree(&part, Depth::Top, subpath) {
        Ok(tree) => Ok(tree),
        // Before Linux 6.15 a detached mount cannot be cloned from; it is cut to size once it is attached.
        Err(e) if e.io_kind() == ErrorKind::InvalidInput => {
            prepared.late_subpath = Some(subpath.to_path_buf());
            Ok(whole)
        }
        Err(e) => Err(at(target)(e)),
    }
}

fn tmpfs(spec: &TmpfsSpec, target: &Path) -> Result<OwnedFd, ApplyError> {
    let mode = spec.mode.map(|mode| format!("{mode:o}"));
    let uid = spec.uid.map(|uid| uid.to_string());
    let gid = spec.gid.map(|gid| gid.to_string());
    let mut params = vec![Param::Text("source", "tmpfs")];
    let values = [
        ("size", &spec.size),
        ("mode", &mode),
        ("uid", &uid),
        ("gid", &gid),
        ("nr_inodes", &spec.nr_inodes),
        ("nr_blocks", &spec.nr_blocks),
        ("mpol", &spec.mpol),
    ];
    params.extend(values.into_iter().filter_map(|(key, value)| value.as_deref().map(|value| Param::Text(key, value))));
    for (key, given) in [("sync", spec.sync), ("dirsync", spec.dirsync), ("noswap", spec.noswap)] {
        if given {
            params.push(Param::Flag(key));
        }
    }
    kernel::new_filesystem("tmpfs", &params, kernel::Flags::empty())
        .map_err(|e| if spec.noswap && e.path.to_string_lossy().contains("noswap") { ApplyError::NoNoswap(e) } else { at(target)(e) })
}

/// Options that are flags of the mount or of every file system, not of the file system's own grammar; they mean nothing here.
const IGNORED: [&str; 8] = ["defaults", "rw", "auto", "noauto", "user", "nouser", "_netdev", "nofail"];

fn filesystem(spec: &FilesystemSpec, target: &Path) -> Result<OwnedFd, ApplyError> {
    let mut flags = kernel::Flags::empty();
    let mut params = vec![Param::Text("source", &spec.device)];
    for option in &spec.options {
        match (flag_of(option), option.split_once('=')) {
            (Some(flag), _) => flags |= flag,
            (None, Some((key, value))) => params.push(Param::Text(key, value)),
            (None, None) if IGNORED.contains(&option.as_str()) => {}
            (None, None) => params.push(Param::Flag(option)),
        }
    }
    kernel::new_filesystem(&spec.fstype, &params, flags).map_err(at(target))
}

fn flag_of(option: &str) -> Option<kernel::Flags> {
    Some(match option {
        "nosuid" => kernel::Flags::MOUNT_ATTR_NOSUID,
        "nodev" => kernel::Flags::MOUNT_ATTR_NODEV,
        "noexec" => kernel::Flags::MOUNT_ATTR_NOEXEC,
        "noatime" => kernel::Flags::MOUNT_ATTR_NOATIME,
        "nodiratime" => kernel::Flags::MOUNT_ATTR_NODIRATIME,
        "strictatime" => kernel::Flags::MOUNT_ATTR_STRICTATIME,
        "suid" | "dev" | "exec" | "relatime" | "atime" | "diratime" => kernel::Flags::empty(),
        _ => return None,
    })
}
