//! A verb's own hold on a volume, or on a snapshot of one: what lies behind `VOL` or `VOL@SNAP` is there while the guard lives.
//!
//! The holder is called `verb-…` and is alive while a lock of that name is held: the kernel gives the lock back when the command dies, and
//! the next verb that wants the device for itself, or `system check --repair`, takes the holder off.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, Mode, OFlags};
use stead_mount::activate;
use stead_mount::names::{check_snapshot_name, split_snapshot};
use stead_sys::durable;
use stead_sys::lock::{self, Lock};

use crate::error::disk;
use crate::record::Volume;
use crate::volumes::short_name;
use crate::{Error, Result, Volumes, staging};

/// What every verb's holder begins with; ids of containers are hexadecimal.
const VERB: &str = "verb-";
/// So long an exchange of a volume's content waits for commands that write to it.
const WRITERS_LIMIT: Duration = Duration::from_secs(2);

/// A volume that stays available while this lives. Dropped, the hold is given back.
#[derive(Debug)]
pub struct Held {
    volumes: Volumes,
    volume: Volume,
    snapshot: Option<String>,
    path: PathBuf,
    root: OwnedFd,
    holder: Option<Holder>,
    /// Of a hold for writing: nobody gives the volume another content meanwhile.
    _writes: Option<Lock>,
}

/// A name in the activation ledger, alive while this lives.
#[derive(Debug)]
pub(crate) struct Holder {
    name: String,
    living: Option<Lock>,
}

impl Holder {
    /// As the ledger has it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if let Some(living) = self.living.take() {
            living.remove().ok();
        }
    }
}

impl Volumes {
    /// Holds `VOL` or `VOL@SNAP`: a device is mounted, a snapshot is found.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoSnapshot`]; the device can not be mounted.
    pub fn hold(&self, reference: &str) -> Result<Held> {
        let (name, snapshot) = split_snapshot(reference);
        if let Some(snapshot) = snapshot {
            return self.hold_snapshot(name, snapshot);
        }
        self.hold_volume(name, false)
    }

    /// Holds a volume that is going to be written to: no rollback and no import exchanges its content before the guard is dropped, so that what was
    /// written is in the volume, or in the snapshot of what was before.
    ///
    /// # Errors
    /// As [`Volumes::hold`]; a snapshot is [`Error::NotFound`].
    pub fn hold_to_write(&self, name: &str) -> Result<Held> {
        self.hold_volume(name, true)
    }

    fn hold_volume(&self, name: &str, writes: bool) -> Result<Held> {
        let volume = self.get(name)?;
        let holder = self.verb_holder()?;
        let path = self.mount(name, holder.name())?;
        // After the mount, which may wait for the volume's lock; before the content is opened, so that it is the content that stays.
        let writes = if writes { Lock::shared(&self.writes(name)).map(Some) } else { Ok(None) };
        match writes.and_then(|writes| Ok((writes, open(&path)?))) {
            Ok((writes, root)) => {
                Ok(Held { volumes: self.clone(), volume, snapshot: None, path, root, holder: Some(holder), _writes: writes })
            }
            Err(e) => {
                self.unmount(name, holder.name()).ok();
                Err(disk("open", name)(e))
            }
        }
    }

    /// A holder for this command, which a repair takes off when the command was killed.
    pub(crate) fn verb_holder(&self) -> Result<Holder> {
        staging::make(&self.run_root.locks(), 0o711)?;
        let name = format!("{VERB}{}", durable::unique_name()?);
        let living = Lock::exclusive(&self.run_root.locks().join(&name))?;
        Ok(Holder { name, living: Some(living) })
    }

    /// Keeps commands from writing to a volume while its content is exchanged. Those at work are waited for, but not for long.
    ///
    /// # Errors
    /// [`Error::Writing`].
    pub(crate) fn keep_writers_out(&self, name: &str) -> Result<Lock> {
        staging::make(&self.run_root.locks(), 0o711)?;
        Lock::exclusive_within(&self.writes(name), WRITERS_LIMIT)?.ok_or_else(|| Error::Writing { name: name.to_owned() })
    }

    fn writes(&self, name: &str) -> PathBuf {
        self.run_root.locks().join(format!("volume-writes-{}", short_name(name)))
    }

    fn hold_snapshot(&self, name: &str, snapshot: &str) -> Result<Held> {
        let volume = self.get(name)?;
        let missing = || Error::NoSnapshot { volume: name.to_owned(), snapshot: snapshot.to_owned() };
        check_snapshot_name(snapshot).map_err(|_source| missing())?;
        let path = self.snapshot_path(name, snapshot);
        let root = open(&path).map_err(|e| if e.io_kind() == std::io::ErrorKind::NotFound { missing() } else { disk("open", name)(e) })?;
        Ok(Held { volumes: self.clone(), volume, snapshot: Some(snapshot.to_owned()), path, root, holder: None, _writes: None })
    }

    /// Takes killed verbs off what they held of a volume's device: it is not in use because of them.
    pub(crate) fn let_dead_verbs_go(&self, key: &str) -> Result<()> {
        // Of containers only the engine knows; its repair asks for them.
        let is_live = |holder: &str| !holder.starts_with(VERB) || self.verb_is_alive(holder).unwrap_or(true);
        Ok(activate::release_dead(&self.run_root, key, &is_live)?)
    }

    /// Undoes what killed verbs mounted for themselves (an image that was being filled), and removes their locks. Those hold nothing; they are only
    /// names.
    pub(crate) fn forget_dead_verbs(&self) {
        for key in activate::keys(&self.run_root).unwrap_or_default() {
            if self.verb_is_alive(&key) == Some(false) && key.starts_with(VERB) {
                // What can not be undone is found by the repair of the mounts.
                self.let_dead_verbs_go(&key).ok();
            }
        }
        let listed = std::fs::read_dir(self.run_root.locks());
        for entry in listed.into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(VERB.as_bytes())
                && let Ok(Some(lock)) = Lock::try_exclusive(&entry.path())
            {
                lock.remove().ok();
            }
        }
    }

    /// Whether a holder in the ledger is a verb, and if so, whether it is still at work.
    #[must_use]
    pub fn verb_is_alive(&self, holder: &str) -> Option<bool> {
        // The pool stays mounted while there is one.
        if holder == crate::pool::HOLDER {
            return Some(crate::pool::may_exist(&self.root));
        }
        holder.starts_with(VERB).then(|| lock::is_locked(&self.run_root.locks().join(holder)).unwrap_or(true))
    }
}

impl Held {
    /// The root of the content.
    #[must_use]
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Where that is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The volume, as it was when it was held.
    #[must_use]
    pub fn volume(&self) -> &Volume {
        &self.volume
    }

    /// The snapshot's name, where it is one: nothing is written to it.
    #[must_use]
    pub fn snapshot(&self) -> Option<&str> {
        self.snapshot.as_deref()
    }

    /// Refuses where the volume was removed, rolled back or replaced since it was held: what was read of it may be half of it.
    ///
    /// # Errors
    /// [`Error::Replaced`].
    pub fn still_there(&self) -> Result<()> {
        let same = |found: &rustix::fs::Statx, held: &rustix::fs::Statx| {
            (found.stx_dev_major, found.stx_dev_minor, found.stx_ino) == (held.stx_dev_major, held.stx_dev_minor, held.stx_ino)
        };
        let mask = rustix::fs::StatxFlags::INO;
        let held = rustix::fs::statx(&self.root, "", AtFlags::EMPTY_PATH, mask);
        let found = rustix::fs::statx(rustix::fs::CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW, mask);
        match (found, held) {
            (Ok(found), Ok(held)) if same(&found, &held) => Ok(()),
            _ => Err(Error::Replaced { name: self.volume.name.clone() }),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // What can not be unmounted now is in the ledger without a living holder: `system check` finds it.
        if let Some(holder) = &self.holder {
            // Our own descriptor would keep the device busy.
            if let Ok(elsewhere) = open(Path::new("/")) {
                self.root = elsewhere;
            }
            self.volumes.unmount(&self.volume.name, holder.name()).ok();
        }
    }
}

fn open(path: &Path) -> Result<OwnedFd, stead_sys::Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|e| stead_sys::Error::new("open", path, e))
}
