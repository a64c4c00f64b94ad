//! A verb's own hold on a volume, or on a snapshot of one: what lies behind `VOL` or `VOL@SNAP` is there while the guard lives.
//!
//! The holder is called `verb-…` and is alive while a lock of that name is held: the kernel gives the lock back when the command dies, and
//! `system check --repair` takes the holder off.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use stead_mount::names::{check_snapshot_name, split_snapshot};
use stead_sys::durable;
use stead_sys::lock::{self, Lock};

use crate::error::disk;
use crate::record::Volume;
use crate::{Error, Result, Volumes, staging};

/// What every verb's holder begins with; ids of containers are hexadecimal.
const VERB: &str = "verb-";

/// A volume that stays available while this lives. Dropped, the hold is given back.
#[derive(Debug)]
pub struct Held {
    volumes: Volumes,
    volume: Volume,
    snapshot: Option<String>,
    holder: Option<String>,
    path: PathBuf,
    root: OwnedFd,
    living: Option<Lock>,
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
        let volume = self.get(name)?;
        staging::make(&self.run_root.locks(), 0o711)?;
        let holder = format!("{VERB}{}", durable::unique_name()?);
        let living = Lock::exclusive(&self.run_root.locks().join(&holder))?;
        let path = match self.mount(name, &holder) {
            Ok(path) => path,
            Err(e) => {
                living.remove().ok();
                return Err(e);
            }
        };
        // From here on the guard gives back what was taken, also where the directory can not be opened.
        let opened = open(&path);
        let give_back = |living: Lock| {
            self.unmount(name, &holder).ok();
            living.remove().ok();
        };
        let root = match opened {
            Ok(root) => root,
            Err(e) => {
                give_back(living);
                return Err(disk("open", name)(e));
            }
        };
        Ok(Held { volumes: self.clone(), volume, snapshot: None, holder: Some(holder), path, root, living: Some(living) })
    }

    fn hold_snapshot(&self, name: &str, snapshot: &str) -> Result<Held> {
        let volume = self.get(name)?;
        let missing = || Error::NoSnapshot { volume: name.to_owned(), snapshot: snapshot.to_owned() };
        check_snapshot_name(snapshot).map_err(|_source| missing())?;
        let path = self.snapshot_path(name, snapshot);
        let root = open(&path).map_err(|e| if e.io_kind() == std::io::ErrorKind::NotFound { missing() } else { disk("open", name)(e) })?;
        Ok(Held { volumes: self.clone(), volume, snapshot: Some(snapshot.to_owned()), holder: None, path, root, living: None })
    }

    /// Removes the locks of verbs that were killed. They hold nothing; they are only names.
    pub(crate) fn forget_dead_verbs(&self) {
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
            return Some(crate::pool::exists(&self.root));
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
            self.volumes.unmount(&self.volume.name, holder).ok();
        }
        if let Some(living) = self.living.take() {
            living.remove().ok();
        }
    }
}

fn open(path: &Path) -> Result<OwnedFd, stead_sys::Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|e| stead_sys::Error::new("open", path, e))
}
