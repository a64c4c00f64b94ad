//! `volume resize`: another limit, while the volume is in use.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use stead_base::size;
use stead_sys::{durable, loop_device, quota};

use crate::error::disk;
use crate::place::{IMAGE, image_fs};
use crate::pool::{self, run_tool};
use crate::record::{ImageFs, Place, Volume};
use crate::snapshot::open;
use crate::staging::Staging;
use crate::{Error, Result, Volumes, sidecar};

/// What a volume holds and may hold, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Held.
    pub used: u64,
    /// The most it may hold.
    pub limit: u64,
}

impl Volumes {
    /// Gives a volume another size, in use or not, durably. `None` lifts a quota's limit.
    ///
    /// A crash on the way leaves the volume with the old size or the new one; the same call again, or a repair, finishes it.
    ///
    /// # Errors
    /// [`Error::CannotShrink`], [`Error::CannotLimit`], [`Error::NotFound`], the disk: the size is then what it was.
    pub fn resize(&self, name: &str, bytes: Option<u64>) -> Result<Volume> {
        self.get(name)?;
        let _lock = self.lock(name)?;
        let volume = self.settled(name)?.ok_or_else(|| Error::NotFound { name: name.to_owned() })?;
        self.resize_locked(volume, bytes)
    }

    /// The same under the volume's lock.
    pub(crate) fn resize_locked(&self, mut volume: Volume, bytes: Option<u64>) -> Result<Volume> {
        let name = &volume.name.clone();
        match (volume.place == Place::Image, bytes) {
            (true, None) => {
                return Err(Error::CannotLimit {
                    name: name.to_owned(),
                    why: "the size of a file system of its own cannot be lifted, only raised",
                });
            }
            (true, Some(bytes)) => self.grow_image(&volume, bytes)?,
            (false, _) => self.limit_in_place(&mut volume, bytes)?,
        }
        volume.limits.size = bytes;
        match bytes {
            Some(bytes) => drop(volume.options.insert("size".to_owned(), bytes.to_string())),
            None => drop(volume.options.remove("size")),
        }
        sidecar::write(&self.home(name), &volume)?;
        self.store.publish(|tx| tx.put(&volume))?;
        Ok(volume)
    }

    fn limit_in_place(&self, volume: &mut Volume, bytes: Option<u64>) -> Result<()> {
        let (name, home) = (volume.name.clone(), self.home(&volume.name));
        let name = &name;
        let cannot = |why| Error::CannotLimit { name: name.clone(), why };
        if self.driver(volume)?.storage(volume)? != crate::driver::Storage::Directory {
            return Err(cannot("its device has the size it has"));
        }
        let data = open(&self.path(name)).map_err(disk("resize", name))?;
        let nothing =
            || cannot("nothing here limits a plain directory; make a volume with --size and copy it there with 'stead volume cp'");
        let quota = self.can_limit(&self.area_of(name)).ok_or_else(nothing)?;
        if let (Some(bytes), Some(usage)) = (bytes, quota::usage(&data))
            && usage.used > bytes
        {
            return Err(Error::CannotShrink { name: name.clone(), why: format!("it holds {}", size::human_binary(usage.used)) });
        }
        if volume.limits.quota != Some(quota) {
            // Known before it is done: what is set and not said is found by a repair.
            volume.limits.quota = Some(quota);
            sidecar::write(&home, volume)?;
        }
        if !self.limit(&data, &home, bytes).map_err(disk("resize", name))? {
            return Err(nothing());
        }
        durable::sync_fs(&data, &self.path(name)).map_err(disk("resize", name))
    }

    fn grow_image(&self, volume: &Volume, bytes: u64) -> Result<()> {
        let name = &volume.name;
        let image = self.home(name).join(IMAGE);
        let now = image.metadata().map_err(|e| disk("resize", name)(stead_sys::Error::new("stat", &image, e)))?.len();
        if bytes < volume.limits.size.unwrap_or(now) {
            let why = "a file system of its own only grows; make a smaller volume and copy it there with 'stead volume cp'".to_owned();
            return Err(Error::CannotShrink { name: name.clone(), why });
        }
        if bytes > now {
            pool::lengthen(&image, bytes)?;
        }
        let holder = self.hold_for_reading(volume)?;
        let grown = self.grow_mounted(volume, bytes);
        self.let_go(volume, holder);
        match grown {
            // ext4 grows in use only for those who have CAP_SYS_RESOURCE (ext4_resize_begin), which not every root has.
            Err(Error::Disk { source, .. }) if source.errno() == Some(EPERM) && image_fs(volume) == Some(ImageFs::Ext4) => {
                // What a user of the old file wrote from here on would be lost.
                let _unmounted = match self.keep_unmounted(volume) {
                    Err(Error::Mounted { .. }) => return Err(Error::CannotGrowInUse { name: name.clone() }),
                    other => other?,
                };
                self.grow_aside(volume, &image)
            }
            other => other,
        }
    }

    /// Grows a copy of the image of a volume that nobody uses, and puts it in the place of the image: whatever is killed, one of the two is whole.
    fn grow_aside(&self, volume: &Volume, image: &Path) -> Result<()> {
        let failed = disk("resize", &volume.name);
        let stage = Staging::new(&self.area_of(&volume.name), &self.run_root)?;
        let copy = stage.path().join(IMAGE);
        copy_sparse(image, &copy).map_err(&failed)?;
        let path: &OsStr = copy.as_ref();
        run_tool("e2fsck", "e2fsprogs", &["-f".as_ref(), "-p".as_ref(), path], 1)?;
        run_tool("resize2fs", "e2fsprogs", &[path], 0)?;
        let flushed = File::open(&copy).and_then(|file| file.sync_all());
        flushed.map_err(|e| failed(stead_sys::Error::new("fsync", &copy, e)))?;
        durable::rename(&copy, image).map_err(&failed)
    }

    fn grow_mounted(&self, volume: &Volume, bytes: u64) -> Result<()> {
        let failed = disk("resize", &volume.name);
        if let Some(device) = loop_device::of_image(&self.home(&volume.name).join(IMAGE)) {
            loop_device::grow(&device).map_err(&failed)?;
        }
        let path = self.path(&volume.name);
        let data = open(&path).map_err(&failed)?;
        quota::grow_filesystem(&data, bytes, &path).map_err(&failed)?;
        durable::sync_fs(&data, &path).map_err(&failed)
    }

    /// What a volume holds, without looking at its files; `None` where nothing counts. Of a file system of its own that is not mounted: what its
    /// file takes.
    ///
    /// # Errors
    /// It is not there.
    pub fn space(&self, name: &str) -> Result<Option<Space>> {
        self.space_of(&self.get(name)?)
    }

    pub(crate) fn space_of(&self, volume: &Volume) -> Result<Option<Space>> {
        let path = self.path(&volume.name);
        if volume.place == Place::Image {
            if self.driver(volume)?.is_idle(volume)? {
                // What its file takes of the disk is near enough: what is deleted inside is given back.
                let used = pool::allocated(&self.home(&volume.name).join(IMAGE)).unwrap_or(0);
                return Ok(volume.limits.size.map(|limit| Space { used: used.min(limit), limit }));
            }
            let (used, free) = pool::space(&path)?;
            return Ok(Some(Space { used, limit: used.saturating_add(free) }));
        }
        let Some(limit) = volume.limits.size else { return Ok(None) };
        let data = open(&path).map_err(disk("get", &volume.name))?;
        Ok(quota::usage(&data).map(|usage| Space { used: usage.used, limit: usage.limit.unwrap_or(limit) }))
    }

    /// Grows a volume that is nearly full as its `auto-extend` says. The new size, if it grew.
    ///
    /// # Errors
    /// As [`Volumes::resize`].
    pub fn extend(&self, name: &str) -> Result<Option<u64>> {
        let volume = self.get(name)?;
        let (Some(extend), Some(size), Some(space)) = (volume.limits.extend, volume.limits.size, self.space_of(&volume)?) else {
            return Ok(None);
        };
        if space.used.saturating_mul(100) < space.limit.saturating_mul(NEARLY_FULL) {
            return Ok(None);
        }
        let wanted = size.saturating_add(size.saturating_mul(extend.percent) / 100).min(extend.max.unwrap_or(u64::MAX));
        if wanted <= size {
            return Ok(None);
        }
        self.resize(name, Some(wanted)).map(|_volume| Some(wanted))
    }
}

/// Copies what is not a hole.
fn copy_sparse(from: &Path, to: &Path) -> Result<(), stead_sys::Error> {
    use rustix::fs::{SeekFrom, copy_file_range, seek};
    let failed = |e: rustix::io::Errno| stead_sys::Error::new("copy", to, e);
    let source = File::open(from).map_err(|e| stead_sys::Error::new("open", from, e))?;
    let length = source.metadata().map_err(|e| stead_sys::Error::new("stat", from, e))?.len();
    durable::write_new(to, b"", 0o600)?;
    pool::lengthen_unflushed(to, length)?;
    let target = File::options().write(true).open(to).map_err(|e| stead_sys::Error::new("open", to, e))?;
    let mut at = 0;
    while at < length {
        let mut from_at = match seek(&source, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(rustix::io::Errno::NXIO) => break,
            Err(e) => return Err(failed(e)),
        };
        let end = seek(&source, SeekFrom::Hole(from_at)).map_err(failed)?;
        let mut to_at = from_at;
        while from_at < end {
            let room = usize::try_from(end - from_at).unwrap_or(usize::MAX);
            if copy_file_range(&source, Some(&mut from_at), &target, Some(&mut to_at), room).map_err(failed)? == 0 {
                break;
            }
        }
        at = end;
    }
    Ok(())
}

/// `EPERM` of every Linux architecture.
const EPERM: i32 = 1;
/// Per cent at which a volume extends itself.
const NEARLY_FULL: u64 = 90;
