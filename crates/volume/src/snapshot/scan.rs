//! A walk that only looks: everything in a tree with what `stat` says, on several threads. It is what a snapshot's pause consists of.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use rustix::fs::{self, AtFlags};
use rustix::io::Errno;
use stead_sys::tree::{entries, open_below};
use stead_sys::xattr::{self, Place, Scratch};
use stead_sys::{Error, Result};

use super::manifest::{Kind, Meta};

/// An extended attribute: its name and its value.
pub(crate) type Attribute = (CString, Vec<u8>);

/// One entry as it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Relative to the root, whose own path is empty.
    pub(crate) path: Vec<u8>,
    pub(crate) meta: Meta,
    /// Whether it is on the file system of the root (a nested btrfs subvolume is not, and its inode numbers say nothing).
    pub(crate) same_device: bool,
    /// Of anything but a file; a file's are read with its content.
    pub(crate) attributes: Vec<Attribute>,
    /// Where a symbolic link points.
    pub(crate) target: Vec<u8>,
}

impl Seen {
    /// The directory that holds it, and its name there.
    pub(crate) fn split(&self) -> (&[u8], &[u8]) {
        split(&self.path)
    }
}

/// A path's directory and name.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    path.iter().rposition(|b| *b == b'/').map_or((&[], path), |at| (&path[..at], &path[at + 1..]))
}

/// A name in a directory.
pub(crate) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() }
}

/// A path of bytes as a path.
pub(crate) fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// How many threads look at or copy files at once: more only fight over the journal.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8)
}

/// Everything below `root` and `root` itself, in no order. Mounts are not crossed; what vanishes meanwhile is not there.
///
/// # Errors
/// The first entry that can not be read.
pub(crate) fn scan(root: BorrowedFd<'_>) -> Result<Vec<Seen>> {
    let stat = fs::fstat(root).map_err(|e| Error::new("stat", ".", e))?;
    let own = Seen {
        path: Vec::new(),
        meta: Meta::of(&stat),
        same_device: true,
        attributes: xattr::read_all(Place::File(root), &mut Scratch::default(), Path::new("."))?,
        target: Vec::new(),
    };
    let walk = Walk {
        root,
        device: stat.st_dev,
        waiting: Mutex::new(Waiting { paths: vec![Vec::new()], ..Waiting::default() }),
        wake: Condvar::new(),
    };
    let mut all = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads()).map(|_| scope.spawn(|| walk.work())).collect();
        let mut all = walk.work();
        for other in others {
            // A panic of a worker is a defect; it is passed on.
            all.append(&mut other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
    });
    if let Some(error) = walk.waiting.lock().unwrap_or_else(PoisonError::into_inner).failure.take() {
        return Err(error);
    }
    all.push(own);
    Ok(all)
}

#[derive(Default)]
struct Waiting {
    /// Paths, not descriptors, so that depth and width cost none.
    paths: Vec<Vec<u8>>,
    busy: usize,
    failure: Option<Error>,
}

struct Walk<'a> {
    root: BorrowedFd<'a>,
    device: u64,
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

impl Walk<'_> {
    fn work(&self) -> Vec<Seen> {
        let mut found = Vec::new();
        let mut scratch = Scratch::default();
        while let Some(path) = self.next() {
            let looked = self.directory(&path, &mut found, &mut scratch);
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.busy -= 1;
            if let Err(e) = looked {
                waiting.failure.get_or_insert(e);
            }
            if waiting.busy == 0 || waiting.failure.is_some() {
                self.wake.notify_all();
            }
        }
        found
    }

    fn next(&self) -> Option<Vec<u8>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if waiting.failure.is_some() {
                return None;
            }
            if let Some(path) = waiting.paths.pop() {
                waiting.busy += 1;
                return Some(path);
            }
            if waiting.busy == 0 {
                return None;
            }
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn directory(&self, path: &[u8], found: &mut Vec<Seen>, scratch: &mut Scratch) -> Result<()> {
        let dir = match open_below(self.root, as_path(path)) {
            Ok(dir) => dir,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => return Ok(()),
            Err(e) => return Err(Error::new("open", as_path(path), e)),
        };
        let names = match entries(&dir) {
            Ok(names) => names,
            // It was deleted while it was open.
            Err(Errno::NOENT) => return Ok(()),
            Err(e) => return Err(Error::new("readdir", as_path(path), e)),
        };
        if !path.is_empty() {
            // Its own line: by now its attributes can be read from the descriptor.
            let stat = fs::fstat(&dir).map_err(|e| Error::new("stat", as_path(path), e))?;
            let attributes = xattr::read_all(Place::File(dir.as_fd()), scratch, as_path(path))?;
            found.push(Seen {
                path: path.to_vec(),
                meta: Meta::of(&stat),
                same_device: stat.st_dev == self.device,
                attributes,
                target: Vec::new(),
            });
        }
        let mut below = Vec::new();
        for entry in names {
            let child = join(path, entry.name.to_bytes());
            let name = &*entry.name;
            let failed = |op| move |e: Errno| Error::new(op, as_path(path).join(OsStr::from_bytes(name.to_bytes())), e);
            if entry.kind == fs::FileType::Directory {
                below.push(child);
                continue;
            }
            let stat = match fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(e) => return Err(failed("stat")(e)),
            };
            let meta = Meta::of(&stat);
            let mut seen = Seen { path: child, meta, same_device: stat.st_dev == self.device, attributes: Vec::new(), target: Vec::new() };
            match meta.kind {
                Kind::Directory => {
                    below.push(seen.path);
                    continue;
                }
                Kind::File => {}
                _ => {
                    if !look_closer(dir.as_fd(), name, &mut seen, scratch)? {
                        continue;
                    }
                }
            }
            found.push(seen);
        }
        if !below.is_empty() {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).paths.append(&mut below);
            self.wake.notify_all();
        }
        Ok(())
    }
}

/// Where a symbolic link points, and the attributes of what can not be opened. `false` when it is gone.
pub(crate) fn look_closer(dir: BorrowedFd<'_>, name: &CStr, seen: &mut Seen, scratch: &mut Scratch) -> Result<bool> {
    if seen.meta.kind == Kind::Symlink {
        match fs::readlinkat(dir, name, Vec::new()) {
            Ok(target) => seen.target = target.into_bytes(),
            Err(Errno::NOENT | Errno::INVAL) => return Ok(false),
            Err(e) => return Err(Error::new("readlink", as_path(&seen.path), e)),
        }
    }
    match xattr::read_all(Place::Name(dir, name), scratch, as_path(&seen.path)) {
        Ok(attributes) => seen.attributes = attributes,
        Err(e) if e.io_kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    }
    Ok(true)
}
