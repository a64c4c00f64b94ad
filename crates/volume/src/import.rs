//! `volume import`: the content of a volume exchanged for another, whole, in one step.
//!
//! The new content is made in `.staging/UUID/_data` (of a volume with a file system of its own: in a new `image` there, mounted on it) and is durable
//! when the two change places by one RENAME_EXCHANGE. What was in the
//! volume is then in the staging directory, and goes from there to the removed volumes. Until it is there, `replacing.json` beside it
//! says what it is: a crash between the two leaves what [`Volumes::repair`] brings to the same place.

use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, StatxFlags};
use serde::{Deserialize, Serialize};
use stead_base::time::Time;
use stead_store::Record;
use stead_sys::{durable, tree};

use crate::driver::Storage;
use crate::error::disk;
use crate::place::{Filling, IMAGE};
use crate::record::{Place, State, Volume};
use crate::remove::mount_below;
use crate::removed::Leaving;
use crate::rollback::exchange;
use crate::snapshot::{fresh_data, open};
use crate::staging::Staging;
use crate::{Error, Removal, Result, Volumes, sidecar, trash};

/// Beside a `_data` that is about to change places.
pub(crate) const NOTE: &str = "replacing.json";

/// What mkfs makes is no content.
const NO_CONTENT: [&std::ffi::CStr; 1] = [c"lost+found"];

/// What the note says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    version: u32,
    name: String,
    /// The new content's directory, or image: while it is still in the staging directory, nothing was exchanged.
    inode: u64,
    born_nanos: i128,
    keep_nanos: i128,
    why: String,
}

/// New content on its way into a volume. Dropped unpublished, nothing of it stays.
#[derive(Debug)]
pub struct Importing {
    volumes: Volumes,
    volume: Volume,
    replace: bool,
    data: OwnedFd,
    /// Unmounted before the staging directory goes.
    filling: Option<Filling>,
    stage: Option<Staging>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The volume.
    pub volume: Volume,
    /// The id by which what was there before can be had back.
    pub replaced: Option<String>,
}

impl Volumes {
    /// Makes the place for new content. Without `replace` the volume must be empty.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotEmpty`], [`Error::NotInPlace`], [`Error::Protected`] for a replacement; the disk.
    pub fn import_begin(&self, name: &str, replace: bool) -> Result<Importing> {
        let volume = self.get(name)?;
        self.check_importable(&volume, replace)?;
        let stage = Staging::new(&self.area_of(name), &self.run_root)?;
        let filling = self.begin_image(stage.path(), &volume)?;
        let data = open(&stage.path().join("_data")).map_err(disk("import", name))?;
        Ok(Importing { volumes: self.clone(), volume, replace, data, filling, stage: Some(stage) })
    }

    fn holds_content(&self, volume: &Volume) -> Result<bool> {
        let path = self.path(&volume.name);
        // Of its own file system nothing is seen before it is mounted.
        let holder = self.hold_for_reading(volume)?;
        let is_empty = match File::open(&path) {
            Ok(data) => tree::is_empty_but(&data, &NO_CONTENT, &path).map_err(Error::from),
            Err(_) => Ok(true),
        };
        self.let_go(volume, holder);
        is_empty.map(|is_empty| !is_empty)
    }

    fn check_importable(&self, volume: &Volume, replace: bool) -> Result<()> {
        let name = &volume.name;
        if volume.place != Place::Image && self.driver(volume)?.storage(volume)? != Storage::Directory {
            return Err(Error::NotInPlace { act: "import", name: name.clone() });
        }
        if self.is_interrupted(name) {
            self.finish_left_over(name)?;
        }
        match (self.holds_content(volume)?, replace) {
            (false, _) => Ok(()),
            (true, false) => Err(Error::NotEmpty { name: name.clone() }),
            (true, true) if volume.protected => Err(Error::Protected { name: name.clone() }),
            (true, true) => Ok(()),
        }
    }

    /// What an interrupted exchange left in a staging directory: whether it is what was in a volume before. If so it is kept like a removed volume.
    pub(crate) fn keep_replaced(&self, staged: &Path, repair: bool) -> Result<bool> {
        let Ok(bytes) = std::fs::read(staged.join(NOTE)) else { return Ok(false) };
        let Ok(note) = serde_json::from_slice::<Note>(&bytes) else { return Ok(false) };
        if identity(&content_of(staged))? == Some((note.inode, note.born_nanos)) {
            return Ok(false);
        }
        if repair {
            self.keep_old(staged, &note)?;
        }
        Ok(true)
    }

    fn keep_old(&self, staged: &Path, note: &Note) -> Result<String> {
        let failed = disk("import", &note.name);
        // The note goes along: without it, a crash right here would leave litter, and litter is deleted.
        let leaving = Leaving { name: &note.name, created_at: Time::now(), keep_nanos: note.keep_nanos, why: &note.why };
        Ok(self.keep(staged, &leaving).map_err(&failed)?.0)
    }
}

impl Importing {
    /// The empty directory to fill.
    #[must_use]
    pub fn data(&self) -> &OwnedFd {
        &self.data
    }

    /// The volume, as it was at the beginning.
    #[must_use]
    pub fn volume(&self) -> &Volume {
        &self.volume
    }

    /// Makes what is in the place the content of the volume; it is durable already. `users` is asked while no record can change, with the ids of
    /// all who refer to the volume: none of them may run. What was in the volume is kept as `how` says of a removal. After an error the volume is
    /// as it was, and this may be tried again.
    ///
    /// # Errors
    /// As [`Volumes::import_begin`]; the volume is gone; what `users` says.
    pub fn publish<E>(&mut self, how: &Removal, users: impl FnOnce(&[String]) -> Result<(), E>) -> Result<Imported, E>
    where
        E: From<Error> + From<stead_store::Error>,
    {
        let (volumes, name) = (&self.volumes, self.volume.name.clone());
        let gone = || Error::NotFound { name: name.clone() };
        let _lock = volumes.lock(&name)?;
        let now = volumes.settled(&name)?.filter(|now| now.uuid == self.volume.uuid).ok_or_else(gone)?;
        let _no_writers = volumes.keep_writers_out(&name)?;
        volumes.check_importable(&now, self.replace)?;
        let failed = disk("import", &name);
        let Some(staged) = self.stage.as_ref().map(|stage| stage.path().to_path_buf()) else { return Err(gone().into()) };
        if let Some(filling) = self.filling.take() {
            // A descriptor of ours would keep it busy.
            self.data = open(&staged).map_err(&failed)?;
            filling.finish()?;
        } else if now.place != Place::Image {
            rustix::fs::fsync(&self.data).map_err(|e| failed(stead_sys::Error::new("fsync", &staged, e)))?;
        }
        let _unmounted = volumes.keep_unmounted(&now)?;
        if let Some(at) = mount_below(&volumes.path(&name))? {
            return Err(Error::Mounted { name: name.clone(), at }.into());
        }
        let note = if self.replace { Some(prepare(&staged, &now, how)?) } else { None };
        let is_image = now.place == Place::Image;
        let (ours, theirs) = (content_of(&staged), volumes.home(&name).join(if is_image { IMAGE } else { "_data" }));
        volumes.store.publish(|tx| {
            let ids: Vec<String> = tx.referrers(Volume::KIND, &name)?.into_iter().map(|(_, id)| id).collect();
            users(&ids)?;
            let exchanged = if is_image { durable::rename_exchange(&ours, &theirs) } else { exchange(&ours, &theirs) };
            exchanged.map_err(&failed)?;
            Ok::<_, E>(())
        })?;
        // From here on the volume has its new content, and what is in the staging directory is not ours to lose, nor a sweep's to take before we have
        // told where it is.
        let _living = self.stage.take().and_then(Staging::leave);
        let volume = Volume { state: State::Ready, populated_from: Some(how.why.clone()), ..now };
        let written = sidecar::write(&volumes.home(&name), &volume).and_then(|()| Ok(volumes.store.publish(|tx| tx.put(&volume))?));
        let replaced = match note {
            Some(note) if note.keep_nanos > 0 => Some(volumes.keep_old(&staged, &note)?),
            _ => {
                trash::discard(&volumes.area_of(&name), &staged).map_err(&failed)?;
                None
            }
        };
        written?;
        Ok(Imported { volume, replaced })
    }
}

/// What will be beside the old content when it is in the staging directory: the description of a volume that can be had back, and the note.
fn prepare(staged: &Path, volume: &Volume, how: &Removal) -> Result<Note> {
    let failed = disk("import", &volume.name);
    let (inode, born_nanos) = identity(&content_of(staged))?.unwrap_or_default();
    // Another volume than the one that stays.
    let old = Volume { uuid: durable::unique_name()?, ..volume.clone() };
    sidecar::write(staged, &old)?;
    let keep_nanos = how.keep_nanos[usize::from(volume.anonymous)];
    let note = Note { version: 1, name: volume.name.clone(), inode, born_nanos, keep_nanos, why: how.why.clone() };
    let bytes = serde_json::to_vec_pretty(&note).unwrap_or_default();
    durable::replace_file(&staged.join(NOTE), &bytes, 0o600).map_err(failed)?;
    Ok(note)
}

/// What changes places, in a staged directory: the image where there is one.
fn content_of(staged: &Path) -> PathBuf {
    let image = staged.join(IMAGE);
    if image.symlink_metadata().is_ok() { image } else { staged.join("_data") }
}

/// Which directory it is: the inode alone is the same for every subvolume of btrfs.
fn identity(path: &Path) -> Result<Option<(u64, i128)>> {
    let mask = StatxFlags::INO | StatxFlags::BTIME;
    match rustix::fs::statx(rustix::fs::CWD, path, AtFlags::SYMLINK_NOFOLLOW, mask) {
        Ok(found) => {
            let born = i128::from(found.stx_btime.tv_sec) * 1_000_000_000 + i128::from(found.stx_btime.tv_nsec);
            Ok(Some((found.stx_ino, born)))
        }
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(e) => Err(stead_sys::Error::new("statx", path, e).into()),
    }
}

/// Where content comes from that is merged into a volume, and where it goes to is not empty: an empty directory that is nobody's yet.
#[derive(Debug)]
pub struct Aside {
    data: OwnedFd,
    _stage: Staging,
}

impl Volumes {
    /// A private empty directory on the file system of the volumes; gone with the guard.
    ///
    /// # Errors
    /// The disk.
    pub fn aside(&self) -> Result<Aside> {
        let stage = Staging::new(&self.root.volumes(), &self.run_root)?;
        let data = fresh_data(stage.path())?;
        Ok(Aside { data, _stage: stage })
    }
}

impl Aside {
    /// The directory.
    #[must_use]
    pub fn data(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.data)
    }
}
