//! Where a new volume lies, and what keeps it to its size: a quota where the file system has one, else a file system of its own in a sparse file.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use stead_base::size;
use stead_mount::local::{LocalOptions, Quota as HostQuota, local_options, mount_of};
use stead_mount::{FilesystemSpec, activate};
use stead_sys::{durable, xattr};

use crate::error::{disk, is_full};
use crate::held::Holder;
use crate::pool::{lengthen, make_filesystem, no_copy_on_write};
use crate::record::{Extend, ImageFs, LOCAL, Limits, Place, Quota, Volume};
use crate::snapshot::{fresh_data, open};
use crate::{Error, Result, Volumes, io};

/// The file in a volume's directory that holds its file system.
pub(crate) const IMAGE: &str = "image";
/// The key in `config.json` that says whether new volumes lie in the pool.
pub const POOL_KEY: &str = "volume.pool";
/// ext4 needs so much for itself; XFS says its own minimum.
const IMAGE_MIN: u64 = 8 << 20;

/// The options of a volume of the `local` driver.
pub(crate) fn options(name: &str, options: &BTreeMap<String, String>) -> Result<LocalOptions> {
    local_options(options, HostQuota::Supported).map_err(|source| Error::Options { name: name.to_owned(), source })
}

/// The file system in the image of a volume whose directory is `home`.
pub(crate) fn filesystem(volume: &Volume, home: &Path) -> Option<FilesystemSpec> {
    let fstype = image_fs(volume)?.word().to_owned();
    // What is deleted inside gives its space back to the host.
    Some(FilesystemSpec { fstype, device: home.join(IMAGE).display().to_string(), options: vec!["loop".to_owned(), "discard".to_owned()] })
}

/// What the file system in its image is, where it has one.
pub(crate) fn image_fs(volume: &Volume) -> Option<ImageFs> {
    match volume.limits.quota {
        Some(Quota::Image { fs }) if volume.place == Place::Image => Some(fs),
        _ => None,
    }
}

/// The key of a volume in the activation ledger, which is shared with whatever else is ever activated.
pub(crate) fn key(volume: &Volume) -> String {
    format!("volume-{}", volume.uuid)
}

impl Volumes {
    /// Decides where a volume that is asked for with these options lies and what keeps it to its size.
    ///
    /// # Errors
    /// Options that can not be; a pool that is not there or can not be mounted; a size that nothing can hold.
    pub(crate) fn site(&self, name: &str, driver: &str, asked: &BTreeMap<String, String>) -> Result<(Place, Limits)> {
        if driver != LOCAL {
            return Ok((Place::Directory, Limits::default()));
        }
        let unsized_limits = Limits { io: io::of_options(name, asked)?, ..Limits::default() };
        let options = options(name, asked)?;
        if options.filesystem.is_some() {
            return Ok((Place::Directory, unsized_limits));
        }
        let fs = options.place.fs.as_deref().and_then(ImageFs::of_word);
        let pool = options.place.pool.unwrap_or_else(|| fs.is_none() && self.pool_is_default());
        if pool && fs.is_some() {
            return Err(Error::PoolRequest("a volume lies in the pool or has a file system of its own (fs), not both".to_owned()));
        }
        let mut place = if pool { Place::Pool } else { Place::Directory };
        let area = self.area_for(place, name)?;
        let extend = options.place.auto_extend.map(|extend| Extend { percent: extend.percent, max: extend.max });
        let Some(bytes) = options.size else { return Ok((place, unsized_limits)) };
        let quota = match (fs, self.can_limit(&area)) {
            (Some(fs), _) => Quota::Image { fs },
            (None, Some(quota)) => quota,
            (None, None) => Quota::Image { fs: ImageFs::default() },
        };
        if matches!(quota, Quota::Image { .. }) {
            place = Place::Image;
            if bytes < IMAGE_MIN {
                return Err(Error::TooSmall { name: name.to_owned(), least: IMAGE_MIN });
            }
        }
        Ok((place, Limits { size: Some(bytes), quota: Some(quota), extend, ..unsized_limits }))
    }

    fn pool_is_default(&self) -> bool {
        stead_store::config::read(&self.root).is_ok_and(|set| set.get(POOL_KEY).is_some_and(|value| value == "true" || value == true))
    }

    /// Makes the empty content of a new volume in its staged directory, limited to its size. The directory itself is not flushed.
    pub(crate) fn make_content(&self, stage: &Path, volume: &Volume) -> Result<()> {
        let failed = disk("create", &volume.name);
        if volume.place == Place::Image {
            plain(&stage.join("_data")).map_err(&failed)?;
            return make_image(stage, volume);
        }
        let data = fresh_data(stage).map_err(&failed)?;
        if let Some(bytes) = volume.limits.size {
            let is_limited = self.limit(&data, stage, Some(bytes)).map_err(&failed)?;
            if !is_limited {
                return Err(failed(stead_sys::Error::new("limit", stage, rustix::io::Errno::OPNOTSUPP)));
            }
        }
        rustix::fs::fsync(&data).map_err(|e| failed(stead_sys::Error::new("fsync", stage, e)))
    }

    /// Makes the image of a volume in its staged directory and lets `fill` put content into it. When this returns it is flushed and unmounted.
    pub(crate) fn fill_image<E: From<Error>>(
        &self,
        stage: &Path,
        volume: &Volume,
        fill: impl FnOnce(&OwnedFd) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(filling) = self.begin_image(stage, volume)? else { return Ok(()) };
        fill(&open(&filling.data).map_err(disk("fill", &volume.name))?)?;
        Ok(filling.finish()?)
    }

    /// Makes the image of a volume in its staged directory and mounts it there.
    pub(crate) fn begin_image(&self, stage: &Path, volume: &Volume) -> Result<Option<Filling>> {
        self.make_content(stage, volume)?;
        let Some(spec) = filesystem(volume, stage) else { return Ok(None) };
        let (data, holder) = (stage.join("_data"), self.verb_holder()?);
        // Not the volume's key: who uses the volume meanwhile (a rollback is being prepared) must get its own image, not this one.
        let key = holder.name();
        activate::activate(&self.run_root, key, &mount_of(&spec, &data), &data, key)?;
        let filling = Filling { volumes: self.clone(), name: volume.name.clone(), data, holder: Some(holder) };
        no_lost_and_found(&filling.data).map_err(disk("fill", &volume.name))?;
        Ok(Some(filling))
    }
}

/// A new image that is mounted on `_data` beside it while this lives.
#[derive(Debug)]
pub(crate) struct Filling {
    volumes: Volumes,
    name: String,
    data: PathBuf,
    holder: Option<Holder>,
}

impl Filling {
    /// Flushes and unmounts it. Nobody may have anything in it open.
    pub(crate) fn finish(mut self) -> Result<()> {
        let failed = disk("fill", &self.name);
        durable::sync_fs(&open(&self.data).map_err(&failed)?, &self.data).map_err(&failed)?;
        self.holder.take().map_or(Ok(()), |holder| Ok(activate::release(&self.volumes.run_root, holder.name(), holder.name())?))
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        if let Some(holder) = self.holder.take() {
            // What can not be unmounted now is in the ledger without a living holder.
            activate::release(&self.volumes.run_root, holder.name(), holder.name()).ok();
        }
    }
}

/// A content that is larger than its file system, told as such.
pub(crate) fn does_not_fit(volume: &Volume) -> impl Fn(stead_sys::Error) -> Error + '_ {
    |e| {
        let size = volume.limits.size.map_or_else(String::new, size::human_binary);
        if is_full(&e) { Error::DoesNotFit { name: volume.name.clone(), size } } else { disk("fill", &volume.name)(e) }
    }
}

/// Takes away the directory that mkfs.ext4 makes: `initdb` refuses a directory with anything in it.
pub(crate) fn no_lost_and_found(data: &Path) -> Result<(), stead_sys::Error> {
    match rustix::fs::unlinkat(rustix::fs::CWD, data.join("lost+found"), rustix::fs::AtFlags::REMOVEDIR) {
        // One with something in it is somebody's.
        Ok(()) | Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTEMPTY | rustix::io::Errno::NOTDIR | rustix::io::Errno::ROFS) => {
            Ok(())
        }
        Err(e) => Err(stead_sys::Error::new("rmdir", data.join("lost+found"), e)),
    }
}

fn plain(data: &Path) -> Result<(), stead_sys::Error> {
    durable::make_dir(data, 0o755)?;
    xattr::clear_default_acl(open(data)?, data)
}

fn make_image(stage: &Path, volume: &Volume) -> Result<()> {
    let (Some(fs), Some(bytes)) = (image_fs(volume), volume.limits.size) else { return Ok(()) };
    let failed = disk("create", &volume.name);
    let image = stage.join(IMAGE);
    durable::write_new(&image, b"", 0o600).map_err(&failed)?;
    no_copy_on_write(&image);
    lengthen(&image, bytes)?;
    let path: &std::ffi::OsStr = image.as_ref();
    match fs {
        // Nothing is reserved for root: who fills it is root. Blocks of 4096 whatever the size, because a loop device may have sectors of that
        // size, as the disk below it has, and smaller blocks could not be mounted from it.
        ImageFs::Ext4 => {
            let options = ["-q", "-F", "-m", "0", "-b", "4096"].map(std::ffi::OsStr::new);
            make_filesystem("mkfs.ext4", "e2fsprogs", &[&options[..], &[path]].concat())
        }
        ImageFs::Xfs => {
            let options = ["-q", "-f", "-s", "size=4096"].map(std::ffi::OsStr::new);
            make_filesystem("mkfs.xfs", "xfsprogs", &[&options[..], &[path]].concat())
        }
    }?;
    let flushed = std::fs::File::open(&image).and_then(|file| file.sync_all());
    flushed.map_err(|e| failed(stead_sys::Error::new("fsync", &image, e)))
}
