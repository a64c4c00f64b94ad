//! Areas: directories with the shape of `<root>/volumes` (`NAME/`, `.staging`, `.trash`, `.removed`, `.objects`), each on one file system, so
//! that every publish within one is a rename. The root's own is always there; the pool's where there is a pool.

use std::path::{Path, PathBuf};

use stead_sys::durable;

use crate::record::Place;
use crate::{Error, Result, Volumes, staging};

/// What is being prepared.
pub(crate) const STAGING: &str = ".staging";
/// What is being deleted.
pub(crate) const TRASH: &str = ".trash";

/// What was removed and can be had back.
pub(crate) const REMOVED: &str = ".removed";

/// Makes what is missing of an area.
pub(crate) fn make(area: &Path) -> Result<(), stead_sys::Error> {
    // That of the pool comes with the pool: what was made in its place while it is not mounted would be hidden, or lost, later.
    if !area.is_dir() && area.parent().and_then(Path::parent).is_some_and(|pool| pool.join("pool.json").symlink_metadata().is_ok()) {
        return Err(stead_sys::Error::new("open", area, std::io::Error::from(std::io::ErrorKind::NotFound)));
    }
    // Nobody else gets in: a set-uid file in a volume whose name is known must not be reached (CVE-2021-41091).
    staging::make(area, 0o700)?;
    // All of it while there is room: from a full disk something can then still be removed.
    [STAGING, TRASH, REMOVED].iter().try_for_each(|own| match area.join(own) {
        there if there.is_dir() => Ok(()),
        missing => match durable::create_dir(&missing, 0o700) {
            Err(e) if e.io_kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        },
    })
}

/// The area of a directory in it: of a volume, or of one that is staged or removed.
pub(crate) fn around(directory: &Path) -> PathBuf {
    let parent = directory.parent().unwrap_or(directory);
    let is_ours = parent.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    if is_ours { parent.parent().unwrap_or(parent).to_path_buf() } else { parent.to_path_buf() }
}

impl Volumes {
    /// The volume's directory. Of a volume that is not there: where the root would have it.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.area_of(name).join(name)
    }

    /// The directory of all volumes that lies on the file system of this one, with `.staging`, `.trash` and `.objects` in it. Mounts nothing:
    /// [`Volumes::find`] has done that for whoever has a volume.
    pub(crate) fn area_of(&self, name: &str) -> PathBuf {
        let own = self.root.volumes();
        if own.join(name).symlink_metadata().is_ok() {
            return own;
        }
        self.pool_if_mounted().filter(|pool| pool.join(name).symlink_metadata().is_ok()).unwrap_or(own)
    }

    /// The same for a name that may be that of a volume in a pool that is not mounted yet.
    ///
    /// # Errors
    /// [`crate::Error::NoPool`]: there is a pool and it can not be looked at, so that nobody knows whether it has the volume.
    pub(crate) fn area_with(&self, name: &str) -> Result<PathBuf> {
        let own = self.root.volumes();
        if own.join(name).symlink_metadata().is_ok() {
            return Ok(own);
        }
        let pool = self.pool_that_answers().map_err(|e| e.for_volume(name))?;
        Ok(pool.filter(|pool| pool.join(name).symlink_metadata().is_ok()).unwrap_or(own))
    }

    /// Where new volumes of a place are made.
    ///
    /// # Errors
    /// There is no pool, or it can not be used.
    pub(crate) fn area_for(&self, place: Place, name: &str) -> Result<PathBuf> {
        match place {
            Place::Directory | Place::Image => Ok(self.root.volumes()),
            Place::Pool => self.pool().map_err(|e| e.for_volume(name))?.ok_or_else(|| Error::PoolMissing { name: name.to_owned() }),
        }
    }

    /// Every area that can be looked at. A pool that can not is named by [`Volumes::list`] and by [`Volumes::recover`].
    pub(crate) fn areas(&self) -> Vec<PathBuf> {
        let mut areas = vec![self.root.volumes()];
        areas.extend(self.pool_that_answers().ok().flatten());
        areas
    }

    /// The pool's area, if what is in it can be read: a btrfs whose host was full answers every look with an error.
    ///
    /// # Errors
    /// It can not be mounted or read, and what to do.
    pub(crate) fn pool_that_answers(&self) -> Result<Option<PathBuf>> {
        let Some(area) = self.pool()? else { return Ok(None) };
        let first = std::fs::read_dir(&area).and_then(|mut listing| listing.next().transpose());
        match first {
            Ok(_) => Ok(Some(area)),
            Err(e) => Err(Error::Pool(format!(
                "it does not answer ({e}): where its host was full, make room there, then 'stead system check --repair' mounts it anew"
            ))),
        }
    }

    /// What an area makes of its volumes where it is told by nothing else.
    pub(crate) fn is_pool(&self, area: &Path) -> bool {
        area != self.root.volumes()
    }
}
