//! How big a volume is: at once where its place knows, else what was measured last (`size.json` beside `_data`), else by a look at every file.
//!
//! A look never keeps its caller waiting: what is mounted on a volume may be dead (NFS, FUSE), and a process that waits for that can not even be
//! killed. So a process of its own does it, one at a time for each volume, and is left behind when its time is over.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stead_base::time::Time;
use stead_sys::lock::{self, Lock};
use stead_sys::{durable, process, tree};

use crate::record::{Place, Volume};
use crate::remove::mount_below;
use crate::{Error, Result, Volumes, staging};

/// The role of the process that measures: `stead … measure VOLUME`.
pub const ROLE: &str = "measure";
/// Above what the file can sensibly take.
const LENGTH_MAX: u64 = 4 << 10;
/// A size is believed for ten minutes where nobody asks for a new one.
const STALE_NANOS: i128 = 600 * 1_000_000_000;
/// So many volumes are measured at once.
const WORKERS: usize = 4;

/// A size that was true at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Sum of the sizes of its files, as Docker counts.
    pub bytes: u64,
    /// When.
    pub at: Time,
}

impl Volumes {
    /// What is known of its size without a look at its content.
    #[must_use]
    pub fn known_size(&self, volume: &Volume) -> Option<Size> {
        if let Some(bytes) = self.counted_size(volume) {
            return Some(Size { bytes, at: Time::now() });
        }
        let mut bytes = Vec::new();
        std::fs::File::open(self.home(&volume.name).join("size.json")).ok()?.take(LENGTH_MAX).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// What the place counts itself, in O(1) and without waiting for anything that is mounted.
    fn counted_size(&self, volume: &Volume) -> Option<u64> {
        if volume.place != Place::Image && (volume.limits.size.is_none() || mount_below(&self.home(&volume.name)).ok()?.is_some()) {
            return None;
        }
        Some(self.space_of(volume).ok()??.used)
    }

    /// Measures it here, for as long as that takes, and remembers the result. Somebody else who is at it is left at it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoAnswer`] while somebody else measures it; it can not be read.
    pub fn measure_here(&self, name: &str) -> Result<Size> {
        let volume = self.get(name)?;
        staging::make(&self.run_root.locks(), 0o711)?;
        let Some(lock) = Lock::try_exclusive(&self.measuring(&volume))? else { return Err(self.no_answer(&volume)) };
        let at = Time::now();
        let measured = tree::apparent_size(&self.path(name)).map(|bytes| Size { bytes, at });
        if let Ok(size) = &measured {
            // Best effort: it is measured again where it is not remembered.
            let bytes = serde_json::to_vec(size).unwrap_or_default();
            durable::replace_unflushed(&self.home(name).join("size.json"), &bytes, 0o600).ok();
        }
        lock.remove().ok();
        Ok(measured?)
    }

    /// Measures it, but waits no longer than `limit`.
    ///
    /// # Errors
    /// As [`Volumes::measure_here`]; [`Error::NoAnswer`] also when the time is over.
    pub fn measure(&self, volume: &Volume, limit: Duration) -> Result<Size> {
        if let Some(bytes) = self.counted_size(volume) {
            return Ok(Size { bytes, at: Time::now() });
        }
        let end = Instant::now() + limit;
        let path = self.measuring(volume);
        while lock::is_locked(&path)? {
            if Instant::now() >= end {
                return Err(self.no_answer(volume));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // On our own file system everybody waits as we do.
        if mount_below(&self.home(&volume.name))?.is_none() {
            return self.measure_here(&volume.name);
        }
        self.measure_apart(volume, end)
    }

    /// Several at once, in their order.
    #[must_use]
    pub fn measure_all(&self, volumes: &[Volume], limit: Duration) -> Vec<Result<Size>> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..WORKERS.min(volumes.len()) {
                scope.spawn(|| {
                    while let Some((index, volume)) = take(&next, volumes) {
                        let size = self.measure(volume, limit);
                        done.lock().unwrap_or_else(PoisonError::into_inner).push((index, size));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, size)| size).collect()
    }

    /// Whether its size is unknown, or was measured long ago.
    #[must_use]
    pub fn is_size_stale(&self, volume: &Volume) -> bool {
        let now = Time::now();
        self.known_size(volume).is_none_or(|size| now.since(size.at) > STALE_NANOS)
    }

    /// Measures all whose size is stale, one after another. Somebody else who is at it is left at it.
    ///
    /// # Errors
    /// The volumes can not be listed.
    pub fn measure_stale(&self, limit: Duration) -> Result<()> {
        staging::make(&self.run_root.locks(), 0o711)?;
        let Some(_alone) = Lock::try_exclusive(&self.run_root.locks().join("measure"))? else { return Ok(()) };
        for volume in self.list()?.into_iter().flatten().filter(|volume| self.is_size_stale(volume)) {
            self.measure(&volume, limit).ok();
        }
        Ok(())
    }

    fn measure_apart(&self, volume: &Volume, end: Instant) -> Result<Size> {
        let failed = |e| Error::Sys(stead_sys::Error::new("exec", Path::new(ROLE), e));
        let mut command = process::command("/proc/self/exe");
        command.arg("--root").arg(self.root.path()).arg("--run-root").arg(self.run_root.path()).arg(ROLE).arg(&volume.name);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        let began = Time::now();
        let mut child = command.spawn().map_err(failed)?;
        loop {
            if child.try_wait().map_err(failed)?.is_some() {
                // Not an older result.
                let measured = self.known_size(volume).filter(|size| size.at.since(began) >= 0);
                return measured.ok_or_else(|| self.no_answer(volume));
            }
            if Instant::now() >= end {
                // It may not hear it before the mount answers. Nobody waits for that but a thread, so that `serve` keeps no zombie.
                child.kill().ok();
                let reaper = std::thread::Builder::new().name("measure-reaper".into()).stack_size(64 << 10);
                reaper.spawn(move || drop(child.wait())).ok();
                return Err(self.no_answer(volume));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn measuring(&self, volume: &Volume) -> PathBuf {
        self.run_root.locks().join(format!("measure-{}", volume.uuid))
    }

    fn no_answer(&self, volume: &Volume) -> Error {
        let at = mount_below(&self.home(&volume.name)).ok().flatten().unwrap_or_else(|| self.path(&volume.name));
        Error::NoAnswer { name: volume.name.clone(), at }
    }
}

fn take<'v>(next: &AtomicUsize, volumes: &'v [Volume]) -> Option<(usize, &'v Volume)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    volumes.get(index).map(|volume| (index, volume))
}
