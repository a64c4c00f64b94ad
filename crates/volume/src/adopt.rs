//! Taking over a volume that another engine made: its content copied aside, checked, durable, then one rename.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::AtomicU64;

use rustix::fs::{Mode, OFlags};
use stead_base::time::Time;
use stead_mount::Access;
use stead_mount::names::check_volume_name;
use stead_sys::copy::{self, CopyOptions};
use stead_sys::tree::{self, Measure};
use stead_sys::{durable, xattr};

use crate::create::CreateRequest;
use crate::error::disk;
use crate::record::{LOCAL, Limits, Place, State, Volume};
use crate::snapshot::fresh_data;
use crate::staging::Staging;
use crate::{Error, Result, Volumes, driver, sidecar};

/// What is taken over.
#[derive(Debug)]
pub struct Adopt<'a> {
    /// Name, labels and options; the driver is `local`.
    pub request: CreateRequest,
    /// When it was made; now where that is not known.
    pub created: Option<Time>,
    /// The directory to copy. `None`: the options say where the content is, and it stays there.
    pub content: Option<BorrowedFd<'a>>,
    /// Whether a content that changes meanwhile is taken nevertheless.
    pub is_live: bool,
    /// Grows by the bytes that are copied.
    pub copied: &'a AtomicU64,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// A volume of this name is there already; it was not touched.
    Exists,
    /// It is here, and survives a power cut.
    Done {
        /// What was copied.
        content: Measure,
        /// Whether the source did not hold still: what was written meanwhile may be half there.
        is_torn: bool,
    },
}

impl Volumes {
    /// Takes over a volume. The source is only read; interrupted, there is nothing but litter that the next repair removes.
    ///
    /// # Errors
    /// A name or an option that can not be; [`Error::Changed`]; the disk. Nothing is left behind then.
    pub fn adopt(&self, what: &Adopt<'_>) -> Result<Adopted> {
        let name = &what.request.name;
        check_volume_name(name).map_err(|source| Error::Name { name: name.clone(), source })?;
        if self.indexed(name)?.is_some() {
            return Ok(Adopted::Exists);
        }
        let driver = driver::named(LOCAL, self).ok_or_else(|| Error::Driver { name: name.clone(), driver: LOCAL.to_owned() })?;
        driver.check(name, &what.request.options)?;
        let _lock = self.lock(name)?;
        if self.settled(name)?.is_some() {
            return Ok(Adopted::Exists);
        }
        let stage = Staging::new(&self.root.volumes(), &self.run_root)?;
        let data = stage.path().join("_data");
        fresh_data(stage.path()).map_err(disk("adopt", name))?;
        let (content, is_torn) = match what.content {
            Some(source) => copy_checked(source, &data, what)?,
            None => (Measure::default(), false),
        };
        let volume = Volume {
            name: name.clone(),
            driver: LOCAL.to_owned(),
            uuid: durable::unique_name()?,
            labels: what.request.labels.clone(),
            options: what.request.options.clone(),
            created_at: what.created.unwrap_or_else(Time::now),
            anonymous: what.request.anonymous,
            // One that was never used may still be filled from an image, as where it came from.
            state: if content.entries == 0 && what.content.is_some() { State::New } else { State::Ready },
            populated_from: None,
            protected: false,
            access: Access::Shared,
            last_holder: None,
            origin: None,
            place: Place::Directory,
            limits: Limits::default(),
        };
        sidecar::write(stage.path(), &volume)?;
        durable::sync_dir(&data).map_err(disk("adopt", name))?;
        stage.publish(&self.root.volumes().join(name)).map_err(disk("adopt", name))?;
        self.store.publish(|tx| tx.put(&volume))?;
        Ok(Adopted::Done { content, is_torn })
    }
}

/// Bytes that could still be written to the file system of a path.
///
/// # Errors
/// The kernel's answer.
pub fn free_bytes(path: &Path) -> Result<u64> {
    Ok(durable::free_bytes(path)?)
}

/// Copies, flushes, and counts both sides again.
fn copy_checked(source: BorrowedFd<'_>, data: &Path, what: &Adopt<'_>) -> Result<(Measure, bool)> {
    let name = &what.request.name;
    let target = open(data).map_err(disk("adopt", name))?;
    xattr::clear_default_acl(&target, data).map_err(disk("adopt", name))?;
    let options = CopyOptions { threads: 0, durable: true };
    copy::copy_tree_watched(source, target.as_fd(), &options, what.copied).map_err(disk("adopt", name))?;
    let copied = tree::measure(&target).map_err(disk("adopt", name))?;
    let is_torn = tree::measure(source).map_err(disk("adopt", name))? != copied;
    if is_torn && !what.is_live {
        return Err(Error::Changed { name: name.clone() });
    }
    Ok((copied, is_torn))
}

fn open(path: &Path) -> Result<OwnedFd, stead_sys::Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|e| stead_sys::Error::new("open", path, e))
}
