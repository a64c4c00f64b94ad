//! Writing an event: under the segment's lock, one `write`, and a flush where it is asked for.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use stead_base::layout::Root;
use stead_base::time::Time;
use stead_sys::{Error, Result, durable};

use crate::event::{self, Draft, Event, TAIL, Tail};
use crate::segment::{self, SEGMENT_MAX, SEGMENTS};

/// How long the lock is waited for. A holder that was stopped must not stop everybody else: after this the line is written without it, which keeps
/// it whole (`O_APPEND`) and may only put it a little out of order.
const LOCK_WAIT: Duration = Duration::from_secs(1);
/// The clock may be set back by so much and the journal's times still rise; after more, the new clock is believed.
const SLEW: i128 = 1_000_000_000;
/// How often a rotation or a deletion under our hands is begun again after.
const TRIES: u32 = 50;

/// Whether an event has to survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// It is on the disk when [`append`] returns.
    Yes,
    /// The kernel writes it within half a minute.
    No,
}

/// Writes an event to the journal; several processes may do so at once. Gives it back with its moment.
///
/// # Errors
/// The journal cannot be written: a full disk, for one. No caller's work depends on it.
pub fn append(root: &Root, draft: Draft, flush: Flush) -> Result<Event> {
    let dir = root.events();
    for _ in 0..TRIES {
        let newest = segment::all(&dir)?.last().copied();
        let Some((file, made)) = open(&dir, newest.unwrap_or(1))? else { continue };
        let locked = lock(&file, &dir)?;
        let size = file.metadata().map_err(|error| Error::new("stat", &dir, error))?;
        if locked && (size.nlink() == 0 || segment::all(&dir)?.last() != Some(&newest.unwrap_or(1))) {
            continue;
        }
        if locked && size.size() >= SEGMENT_MAX {
            rotate(&dir)?;
            continue;
        }
        let event = write(&file, &dir, size.size(), draft)?;
        if flush == Flush::Yes {
            rustix::fs::fdatasync(&file).map_err(|errno| Error::new("fdatasync", &dir, errno))?;
        }
        if made {
            // Whatever comes first: who flushes later takes the file's name for granted.
            durable::sync_dir(&dir)?;
        }
        return Ok(event);
    }
    Err(Error::new("open", &dir, Errno::BUSY))
}

/// The segment of this number and whether this call made it. `None` when it has to be looked for again.
fn open(dir: &Path, number: u64) -> Result<Option<(File, bool)>> {
    let path = segment::path(dir, number);
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(fd) => return Ok(Some((File::from(fd), false))),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(Error::new("open", &path, errno)),
    }
    match rustix::fs::open(&path, flags | OFlags::CREATE | OFlags::EXCL, Mode::RUSR | Mode::WUSR) {
        Ok(fd) => Ok(Some((File::from(fd), true))),
        Err(Errno::EXIST) => Ok(None),
        Err(Errno::NOENT) => make_dir(dir).map(|()| None),
        Err(errno) => Err(Error::new("open", &path, errno)),
    }
}

/// Makes the journal's directory, durably: it is made once in the life of a root.
pub(crate) fn make_dir(dir: &Path) -> Result<()> {
    match durable::create_dir(dir, 0o700) {
        Err(error) if error.errno() == Some(Errno::EXIST.raw_os_error()) => Ok(()),
        other => other,
    }
}

/// Whether the lock was had in time.
fn lock(file: &File, dir: &Path) -> Result<bool> {
    let end = Instant::now() + LOCK_WAIT;
    let mut pause = Duration::from_micros(50);
    loop {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) if Instant::now() >= end => return Ok(false),
            Err(Errno::WOULDBLOCK) => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(2));
            }
            Err(errno) => return Err(Error::new("flock", dir, errno)),
        }
    }
}

fn write(file: &File, dir: &Path, size: u64, draft: Draft) -> Result<Event> {
    let begin = size.saturating_sub(TAIL);
    let mut bytes = vec![0; usize::try_from(size - begin).unwrap_or(0)];
    file.read_exact_at(&mut bytes, begin).map_err(|error| Error::new("read", dir, error))?;
    let tail = Tail::of(&bytes);
    let Draft { kind, action, id, attributes } = draft;
    let mut event = Event { kind, action, id, attributes, time: moment(Time::now(), tail.time) };
    let mut line = event::line(&mut event);
    if !tail.whole {
        // Ends what a crash tore, so that it takes nothing of ours with it.
        line.insert(0, b'\n');
    }
    let mut written = 0;
    while written < line.len() {
        match rustix::io::write(file, &line[written..]) {
            Ok(count) => written += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::new("write", dir, errno)),
        }
    }
    Ok(event)
}

/// Later than the event before it, unless the clock was really set back.
fn moment(now: Time, last: Option<Time>) -> Time {
    match last {
        Some(last) if last >= now && last.since(now) <= SLEW => Time::from_nanos(last.nanos() + 1),
        _ => now,
    }
}

/// Makes room first, which a full disk needs, then the next segment. The caller holds the lock of the newest.
fn rotate(dir: &Path) -> Result<()> {
    let all = segment::all(dir)?;
    let Some(newest) = all.last() else { return Ok(()) };
    for old in all.iter().take((all.len() + 1).saturating_sub(SEGMENTS)) {
        let path = segment::path(dir, *old);
        match rustix::fs::unlink(&path) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(Error::new("unlink", &path, errno)),
        }
    }
    let path = segment::path(dir, newest + 1);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    drop(rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| Error::new("open", &path, errno))?);
    durable::sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_rise_unless_the_clock_was_set_back() {
        let at = |nanos: i128| Time::from_nanos(5_000_000_000 + nanos);
        assert_eq!(moment(at(7), None), at(7));
        assert_eq!(moment(at(7), Some(at(3))), at(7));
        assert_eq!(moment(at(7), Some(at(7))), at(8));
        assert_eq!(moment(at(7), Some(at(900))), at(901));
        assert_eq!(moment(at(7), Some(at(2 * SLEW))), at(7));
    }
}
