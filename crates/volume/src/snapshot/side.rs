//! A tree shown in order, entry by entry: a live one, or a snapshot's with what its manifest knows.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use stead_sys::tree::{entries, open_below};
use stead_sys::xattr::{self, Place, Scratch};
use stead_sys::{Error, Result};

use super::content;
use super::manifest::{Digest, Entry, Kind, Meta, Reader};
use super::scan::{Seen, as_path, join, look_closer, split};
use super::shared::objects::digest_of;

/// A tree in the order of [`super::manifest::order`]. Open are only the directories on the way to where it is.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    root: BorrowedFd<'a>,
    device: u64,
    /// The directories we are in, each with the names that are left, the next one last.
    open: Vec<Level>,
    begun: bool,
}

#[derive(Debug)]
struct Level {
    path: Vec<u8>,
    /// Closed while we are much deeper, and then opened again.
    dir: Option<OwnedFd>,
    left: Vec<CString>,
}

/// So many directories are open at most, so that depth costs no descriptors.
const OPEN_MAX: usize = 100;

impl<'a> Walk<'a> {
    pub(crate) fn new(root: BorrowedFd<'a>) -> Self {
        Self { root, device: 0, open: Vec::new(), begun: false }
    }

    /// The next entry; the root comes first. Of a symbolic link the target is read, attributes are not.
    pub(crate) fn next(&mut self) -> Result<Option<Seen>> {
        if !self.begun {
            self.begun = true;
            let stat = fs::fstat(self.root).map_err(|e| Error::new("stat", ".", e))?;
            self.device = stat.st_dev;
            self.enter(Vec::new())?;
            return Ok(Some(Seen {
                path: Vec::new(),
                meta: Meta::of(&stat),
                same_device: true,
                attributes: Vec::new(),
                target: Vec::new(),
            }));
        }
        loop {
            let Some(level) = self.open.last_mut() else { return Ok(None) };
            let Some(name) = level.left.pop() else {
                self.open.pop();
                continue;
            };
            let path = join(&level.path, name.to_bytes());
            if level.dir.is_none() {
                level.dir = Some(open_below(self.root, as_path(&level.path)).map_err(|e| Error::new("open", as_path(&path), e))?);
            }
            let Some(dir) = &level.dir else { continue };
            let stat = match fs::statat(dir, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(e) => return Err(Error::new("stat", as_path(&path), e)),
            };
            let meta = Meta::of(&stat);
            let mut seen = Seen { path, meta, same_device: stat.st_dev == self.device, attributes: Vec::new(), target: Vec::new() };
            match meta.kind {
                Kind::Symlink => match fs::readlinkat(dir, &*name, Vec::new()) {
                    Ok(target) => seen.target = target.into_bytes(),
                    Err(Errno::NOENT | Errno::INVAL) => continue,
                    Err(e) => return Err(Error::new("readlink", as_path(&seen.path), e)),
                },
                Kind::Directory => self.enter(seen.path.clone())?,
                _ => {}
            }
            return Ok(Some(seen));
        }
    }

    fn enter(&mut self, path: Vec<u8>) -> Result<()> {
        let dir = match open_below(self.root, as_path(&path)) {
            Ok(dir) => dir,
            // Gone meanwhile, or a mount.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => return Ok(()),
            Err(e) => return Err(Error::new("open", as_path(&path), e)),
        };
        let mut left: Vec<CString> = match entries(&dir) {
            Ok(all) => all.into_iter().map(|entry| entry.name).collect(),
            Err(Errno::NOENT) => Vec::new(),
            Err(e) => return Err(Error::new("readdir", as_path(&path), e)),
        };
        left.sort_unstable_by(|a, b| b.cmp(a));
        if let Some(above) = self.open.len().checked_sub(OPEN_MAX).and_then(|at| self.open.get_mut(at)) {
            above.dir = None;
        }
        self.open.push(Level { path, dir: Some(dir), left });
        Ok(())
    }
}

/// What is read of one entry of a tree, to compare or to check it.
#[derive(Debug)]
pub(crate) struct Look {
    buffer: Vec<u8>,
    scratch: Scratch,
}

impl Default for Look {
    fn default() -> Self {
        Self { buffer: content::buffer(), scratch: Scratch::default() }
    }
}

impl Look {
    /// The digest of an entry's extended attributes.
    pub(crate) fn xattrs(&mut self, root: BorrowedFd<'_>, seen: &Seen) -> Result<Option<Digest>> {
        let shown = as_path(&seen.path);
        if matches!(seen.meta.kind, Kind::File | Kind::Directory) {
            let file = open(root, seen)?;
            return Ok(digest_of(&xattr::read_all(Place::File(file.as_fd()), &mut self.scratch, shown)?));
        }
        let (parent, name) = split(&seen.path);
        let dir = open_below(root, as_path(parent)).map_err(|e| Error::new("open", shown, e))?;
        let name = CString::new(name).map_err(|e| Error::new("open", shown, e))?;
        let mut closer = seen.clone();
        look_closer(dir.as_fd(), &name, &mut closer, &mut self.scratch)?;
        Ok(digest_of(&closer.attributes))
    }

    /// The digest of a file's content; `None` when it does not hold still. `fresh`: from the disk and not from memory.
    pub(crate) fn content(&mut self, root: BorrowedFd<'_>, seen: &Seen, fresh: bool) -> Result<Option<Digest>> {
        let shown = as_path(&seen.path);
        let file = open(root, seen)?;
        if fresh {
            // What is dirty stays; nothing is in a snapshot at rest. Advice that is not taken costs nothing.
            fs::fadvise(&file, 0, None, fs::Advice::DontNeed).ok();
        }
        content::digest(file.as_fd(), None, seen.meta.size, true, &mut self.buffer).map_err(|(e, op)| Error::new(op, shown, e))
    }
}

/// Opens a file or directory for reading, never through a link, never waiting on a pipe.
pub(crate) fn open(root: BorrowedFd<'_>, seen: &Seen) -> Result<OwnedFd> {
    let shown = as_path(&seen.path);
    if seen.meta.kind == Kind::Directory {
        return open_below(root, shown).map_err(|e| Error::new("open", shown, e));
    }
    let (parent, name) = split(&seen.path);
    let dir = open_below(root, as_path(parent)).map_err(|e| Error::new("open", shown, e))?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match fs::openat(&dir, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => fs::openat(&dir, name, flags, Mode::empty()),
        other => other,
    }
    .map_err(|e| Error::new("open", shown, e))
}

/// One of the two trees of a comparison.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    root: BorrowedFd<'a>,
    /// What the snapshot's manifest says, if it has a good one: then the tree itself is only asked for what it does not say.
    manifest: Option<Reader>,
    walk: Walk<'a>,
}

/// An entry of one side: as it is there, and what is known of it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) seen: Seen,
    pub(crate) noted: Option<Entry>,
}

impl<'a> Side<'a> {
    /// A tree and the manifest beside it, if there is one.
    pub(crate) fn new(root: BorrowedFd<'a>, manifest: Option<&Path>) -> Self {
        // A damaged one only means that more is read; `scrub` tells.
        let manifest = manifest.and_then(|path| Reader::open(path).ok().flatten());
        Self { root, manifest, walk: Walk::new(root) }
    }

    pub(crate) fn root(&self) -> BorrowedFd<'a> {
        self.root
    }

    pub(crate) fn next(&mut self) -> Result<Option<Shown>> {
        let Some(manifest) = &mut self.manifest else {
            return Ok(self.walk.next()?.map(|seen| Shown { seen, noted: None }));
        };
        Ok(manifest.next()?.map(|entry| {
            let seen = Seen {
                path: entry.path.clone(),
                meta: entry.meta,
                same_device: true,
                attributes: Vec::new(),
                target: entry.target.clone(),
            };
            Shown { seen, noted: Some(entry) }
        }))
    }
}

/// A path as people see it, from the root of the volume.
pub(crate) fn absolute(path: &[u8]) -> Vec<u8> {
    [b"/", path].concat()
}
