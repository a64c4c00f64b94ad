//! `volume create --from`: a new volume that has content when it is there, or is not there.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::AtomicU64;

use rustix::fs::{Mode, OFlags};
use stead_sys::copy::{self, CopyOptions, CopyStats};
use stead_sys::path as lookup;

use crate::create::{Begun, named};
use crate::driver::Storage;
use crate::error::disk;
use crate::record::{Place, State, Volume};
use crate::snapshot::open;
use crate::staging::Staging;
use crate::{CreateRequest, Error, Result, Volumes};

/// What there is room for on a file system, with something left for everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

/// Kept free by whoever fills a volume from something that may not end: the larger of 16 MiB and a hundredth of the file system.
const RESERVE_MIN: u64 = 16 << 20;

impl Room {
    /// Of the file system behind a descriptor.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn at(fd: impl AsFd) -> Result<Self> {
        let found = rustix::fs::fstatvfs(fd).map_err(|e| stead_sys::Error::new("statvfs", "", e))?;
        let reserve = RESERVE_MIN.max(found.f_blocks.saturating_mul(found.f_frsize) / 100);
        // btrfs makes inodes as they are needed and tells zero.
        let files = if found.f_files == 0 { u64::MAX } else { found.f_favail.saturating_sub(found.f_files / 100) };
        Ok(Self { bytes: found.f_bavail.saturating_mul(found.f_frsize).saturating_sub(reserve), files })
    }
}

impl Volumes {
    /// Makes a volume whose content `fill` puts into the empty directory it is given, and makes durable. Before `fill` has succeeded there is no
    /// volume of that name; `from` says, for people, where the content is from.
    ///
    /// # Errors
    /// [`Error::Taken`]; [`Error::NotInPlace`] where the content would lie on a device; what `fill` says. Nothing is left behind.
    pub fn create_filled<E: From<Error>>(
        &self,
        request: CreateRequest,
        from: &str,
        fill: &mut dyn FnMut(&OwnedFd) -> Result<(), E>,
    ) -> Result<Volume, E> {
        let request = named(request)?;
        match self.begin(&request)? {
            Begun::Exists(volume) => Err(Error::Taken { act: "create", name: request.name, taken: volume.name }.into()),
            Begun::New { mut volume, lock: _lock } => {
                if volume.place != Place::Image && self.driver(&volume)?.storage(&volume)? != Storage::Directory {
                    return Err(Error::NotInPlace { act: "create", name: volume.name }.into());
                }
                let stage = self.stage_filled(&volume, fill)?;
                volume.state = State::Ready;
                volume.populated_from = Some(from.to_owned());
                self.publish_new(&volume, stage)?;
                self.store.publish(|tx| tx.put(&*volume)).map_err(Error::from)?;
                Ok(*volume)
            }
        }
    }
}

impl Volumes {
    fn stage_filled<E: From<Error>>(&self, volume: &Volume, fill: &mut dyn FnMut(&OwnedFd) -> Result<(), E>) -> Result<Staging, E> {
        if volume.place == Place::Image {
            let stage = Staging::new(&self.area_for(volume.place, &volume.name)?, &self.run_root)?;
            self.fill_image(stage.path(), volume, fill)?;
            return Ok(stage);
        }
        let stage = self.stage_new(volume)?;
        let data = open(&stage.path().join("_data")).map_err(disk("create", &volume.name))?;
        fill(&data)?;
        rustix::fs::fsync(&data).map_err(|e| disk("create", &volume.name)(stead_sys::Error::new("fsync", stage.path(), e)))?;
        Ok(stage)
    }
}

/// Copies a tree, with the attributes of its top, into an empty directory; durable. `copied` grows by the bytes.
///
/// # Errors
/// The first failure.
pub fn copy_into(source: BorrowedFd<'_>, data: &OwnedFd, copied: &AtomicU64) -> Result<CopyStats> {
    Ok(copy::copy_tree_watched(source, data.as_fd(), &CopyOptions { threads: 0, durable: true }, copied)?)
}

/// A directory below a root that is not trusted: symbolic links stay in it.
///
/// # Errors
/// It is not there, or no directory.
pub fn open_directory(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd> {
    let rel = lookup::relative(path);
    let rel = if rel.as_os_str().is_empty() { Path::new(".") } else { rel };
    Ok(lookup::open_in_root(root, rel, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}
