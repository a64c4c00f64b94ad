//! The writable layer of a container: `containers/<id>/{upper,work}`, made lazily, discarded through the trash.

mod adopt;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

pub use adopt::{adopt, adopted, clear_staging, is_half_adopted};
use stead_base::layout::{Root, RunRoot};
pub use stead_sys::Error as DiskError;
pub use stead_sys::lock::Lock as Hold;
use stead_sys::{Result, durable, tree};

/// The two directories overlayfs writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writable {
    /// What the container changed.
    pub upper: PathBuf,
    /// Overlayfs's scratch space.
    pub work: PathBuf,
}

/// Makes what is missing of a container's directory and gives the writable layer's paths.
///
/// Not flushed: the container's record is the truth, and an empty layer that is missing after a power cut is made again here.
///
/// # Errors
/// A directory cannot be made.
pub fn ensure(root: &Root, id: &str) -> Result<Writable> {
    let dir = root.container(id);
    let writable = Writable { upper: dir.join("upper"), work: dir.join("work") };
    match make(&dir, 0o710) {
        Err(error) if error.io_kind() == std::io::ErrorKind::NotFound => {
            make(&root.containers(), 0o700)?;
            make(&dir, 0o710)?;
        }
        other => other?,
    }
    make(&writable.upper, 0o755)?;
    make(&writable.work, 0o700)?;
    forget_volatile(&writable.work)?;
    Ok(writable)
}

/// Where the layers over a container's mounts are made that are thrown away: they go with its directory.
#[must_use]
pub fn overlays(root: &Root, id: &str) -> PathBuf {
    root.container(id).join("overlays")
}

/// A layer that was mounted without flushing refuses to be mounted again until somebody says that no power cut came in between. For a
/// container that is to be removed anyway, `restart` says so; after a power cut it is removed before anybody mounts it.
fn forget_volatile(work: &Path) -> Result<()> {
    match std::fs::File::open(work.join("work")) {
        Ok(dir) => tree::remove_tree(&dir, OsStr::new("incompat")),
        Err(_nothing_mounted_yet) => Ok(()),
    }
}

fn make(dir: &Path, mode: u32) -> Result<()> {
    match durable::make_dir(dir, mode) {
        Err(error) if error.io_kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Keeps a start, a view for `cp` and a removal of one container apart: overlayfs must not be mounted twice on one upper directory.
///
/// # Errors
/// The lock file cannot be made.
pub fn hold(run_root: &RunRoot, id: &str) -> Result<Hold> {
    Hold::exclusive(&run_root.locks().join(format!("rootfs-{id}")))
}

/// The same if nobody holds it now.
///
/// # Errors
/// As [`hold`].
pub fn hold_if_free(run_root: &RunRoot, id: &str) -> Result<Option<Hold>> {
    Hold::try_exclusive(&run_root.locks().join(format!("rootfs-{id}")))
}

/// The same if it is free within a time.
///
/// # Errors
/// As [`hold`].
pub fn hold_within(run_root: &RunRoot, id: &str, limit: std::time::Duration) -> Result<Option<Hold>> {
    Hold::exclusive_within(&run_root.locks().join(format!("rootfs-{id}")), limit)
}

/// The lock of one kind of prune, if nobody holds it: two at once would count the same things twice.
///
/// # Errors
/// As [`hold`].
pub fn hold_prune(run_root: &RunRoot, what: &str) -> Result<Option<Hold>> {
    Hold::try_exclusive(&run_root.locks().join(format!("prune-{what}")))
}

/// What the container changed, by descriptor.
///
/// # Errors
/// The directory cannot be opened.
pub fn open(writable: &Writable) -> Result<std::os::fd::OwnedFd> {
    stead_sys::path::open_root(&writable.upper)
}

/// Whether a container has a directory.
#[must_use]
pub fn exists(root: &Root, id: &str) -> bool {
    root.container(id).symlink_metadata().is_ok()
}

/// Makes the coming and going of containers' directories durable.
///
/// # Errors
/// The disk's.
pub fn flush(root: &Root) -> Result<()> {
    durable::sync_dir(&root.containers())
}

/// Whether an interrupted removal left something in the trash.
#[must_use]
pub fn has_trash(root: &Root) -> bool {
    std::fs::read_dir(root.containers_trash()).is_ok_and(|mut entries| entries.next().is_some())
}

/// Moves a removed container's directory to the trash and deletes what is in the trash under that name.
///
/// The rename comes first, so that a crash leaves either a container's directory without a record, which `system check` reports,
/// or a directory in the trash, which the next sweep deletes.
///
/// # Errors
/// The directory cannot be moved or emptied.
pub fn discard(root: &Root, id: &str) -> Result<()> {
    let dir = root.container(id);
    let trash = root.containers_trash();
    if dir.symlink_metadata().is_ok() {
        make(&trash, 0o700)?;
        // Not flushed: the record of the removal is, and whoever finds the directory after a power cut finishes it.
        durable::rename_unflushed(&dir, &trash.join(id))?;
    }
    remove_from(&trash, id)
}

/// Deletes whatever an interrupted removal left in the trash.
///
/// # Errors
/// The trash cannot be read or emptied.
pub fn sweep(root: &Root) -> Result<()> {
    let trash = root.containers_trash();
    let entries = match std::fs::read_dir(&trash) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(stead_sys::Error::new("readdir", &trash, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| stead_sys::Error::new("readdir", &trash, error))?;
        if let Some(name) = entry.file_name().to_str() {
            remove_from(&trash, name)?;
        }
    }
    Ok(())
}

/// The ids of all containers that have a directory, with a record or without.
///
/// # Errors
/// The directory of the containers cannot be read.
pub fn ids(root: &Root) -> Result<Vec<String>> {
    let dir = root.containers();
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(stead_sys::Error::new("readdir", &dir, error)),
    };
    let mut ids = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| stead_sys::Error::new("readdir", &dir, error))?.file_name();
        ids.extend(name.to_str().filter(|name| stead_base::ids::is_full_id(name)).map(str::to_owned));
    }
    ids.sort();
    Ok(ids)
}

/// A monitor at its very end may still write into the directory that is being deleted.
fn emptied(remove: impl Fn() -> Result<()>) -> Result<()> {
    for _ in 0..20 {
        match remove() {
            Err(error) if error.io_kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            other => return other,
        }
    }
    remove()
}

fn remove_from(trash: &Path, name: &str) -> Result<()> {
    match std::fs::File::open(trash) {
        Ok(dir) => emptied(|| tree::remove_tree(&dir, OsStr::new(name))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(stead_sys::Error::new("open", trash, error)),
    }
}

/// Bytes the container has written, counted as Docker does: those of its files, not those of directories.
///
/// # Errors
/// The layer cannot be read.
pub fn usage(root: &Root, id: &str) -> Result<u64> {
    let upper = root.container(id).join("upper");
    if upper.symlink_metadata().is_err() {
        return Ok(0);
    }
    tree::apparent_size(&upper)
}
