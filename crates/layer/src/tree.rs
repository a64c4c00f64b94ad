//! The directory a layer is unpacked into. Every step goes from a descriptor one name down; nothing here follows a symlink in the last
//! component, and symlinks on the way lead nowhere but inside the tree.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use stead_sys::path::{fd_path, open_beneath, open_in_root};

use crate::attributes::Attributes;
use crate::name::{join, refuse, split};
use crate::{Error, Result};

/// Directory handles kept for the entries that follow; archives name files directory by directory.
const HANDLES_MAX: usize = 512;
/// Mode of directories that the archive does not name.
const IMPLIED_DIR: u32 = 0o755;
pub(crate) const OPAQUE_XATTR: &str = "trusted.overlay.opaque";

/// A directory of the tree: its handle and its path without symlinks.
#[derive(Clone)]
pub(crate) struct Dir {
    pub(crate) fd: Rc<OwnedFd>,
    pub(crate) path: Rc<[u8]>,
}

/// Something an entry replaced, kept because the recipe needs its content: files announced before `before` whose path is `path` or
/// below it are at `to` now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moved {
    /// Hexadecimal, because paths are bytes.
    pub(crate) path: String,
    /// Number of files announced when it happened.
    pub(crate) before: u64,
    /// Name inside `shadow/`.
    pub(crate) to: String,
}

/// The tree being made.
pub(crate) struct Tree {
    root: Dir,
    base: PathBuf,
    shadow: PathBuf,
    handles: HashMap<Vec<u8>, Dir>,
    times: HashMap<Vec<u8>, fs::Timestamps>,
    moved: Vec<Moved>,
}

/// What stood where something is to be made.
#[derive(Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Directory,
    Whiteout,
}

impl Tree {
    /// `dir` is the empty directory to fill, `shadow` the (not yet existing) one for what gets replaced.
    pub(crate) fn new(dir: &Path, shadow: PathBuf) -> Result<Self> {
        let fd = fs::open(dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
            .map_err(|e| stead_sys::Error::new("open", dir, e))?;
        let base = fd_path(fd.as_fd())?;
        let root = Dir { fd: Rc::new(fd), path: Rc::from(&b""[..]) };
        Ok(Self { root, base, shadow, handles: HashMap::new(), times: HashMap::new(), moved: Vec::new() })
    }

    /// The directory that holds `path`, made if it is missing, and the last component.
    pub(crate) fn parent<'p>(&mut self, path: &'p [u8]) -> Result<(Dir, &'p [u8])> {
        let (dir, base) = split(path);
        Ok((self.directory(dir)?, base))
    }

    /// A regular file, new and empty; an earlier one of that name is replaced.
    pub(crate) fn create_file(&mut self, dir: &Dir, name: &[u8], files: u64) -> Result<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.make(dir, name, "open", files, |dir, name| fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR))
    }

    /// A symbolic link.
    pub(crate) fn symlink(&mut self, dir: &Dir, name: &[u8], target: &[u8], files: u64) -> Result<()> {
        self.make(dir, name, "symlink", files, |dir, name| fs::symlinkat(OsStr::from_bytes(target), dir, name))
    }

    /// A device or a FIFO.
    pub(crate) fn node(&mut self, dir: &Dir, name: &[u8], kind: FileType, device: u64, files: u64) -> Result<()> {
        self.make(dir, name, "mknod", files, |dir, name| fs::mknodat(dir, name, kind, Mode::RUSR | Mode::WUSR, device))
    }

    /// A hard link to something else in this tree.
    pub(crate) fn hard_link(&mut self, dir: &Dir, name: &[u8], target: &[u8], files: u64) -> Result<()> {
        let (target_dir, target_name) = split(target);
        let from = self.existing(target_dir).map_err(|_missing| refuse(target, "hard link to a file that is not in this layer"))?;
        let target_name = OsStr::from_bytes(target_name);
        let stat = fs::statat(&*from.fd, target_name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|_missing| refuse(target, "hard link to a file that is not in this layer"))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory || is_whiteout(&stat) {
            return Err(refuse(target, "hard link to a directory or to nothing"));
        }
        if from.path == dir.path && target_name.as_bytes() == name {
            return Ok(());
        }
        self.make(dir, name, "link", files, |to, name| fs::linkat(&*from.fd, target_name, to, name, AtFlags::empty()))
    }

    /// A directory; one that is there already stays with its content. Its times are set by [`Tree::finish`].
    pub(crate) fn create_dir(&mut self, dir: &Dir, name: &[u8], files: u64) -> Result<Dir> {
        let path = join(&dir.path, name);
        let os_name = OsStr::from_bytes(name);
        let mut opaque = false;
        match fs::mkdirat(&*dir.fd, os_name, Mode::RWXU) {
            Ok(()) => {}
            Err(Errno::EXIST) => match self.make_room(dir, name, true, files)? {
                Before::Directory => {}
                before => {
                    fs::mkdirat(&*dir.fd, os_name, Mode::RWXU).map_err(|e| fault("mkdir", &path, e))?;
                    // The archive hides what lower layers have here and then puts a directory: only the new content counts.
                    opaque = before == Before::Whiteout;
                }
            },
            Err(e) => return Err(fault("mkdir", &path, e)),
        }
        let made = self.remember(dir, name)?;
        if opaque {
            self.set_opaque(&made)?;
        }
        Ok(made)
    }

    /// Hides what lower layers have at `name`. What this layer itself put there stays: a whiteout speaks of lower layers only.
    pub(crate) fn whiteout(&mut self, dir: &Dir, name: &[u8]) -> Result<()> {
        let os_name = OsStr::from_bytes(name);
        match fs::mknodat(&*dir.fd, os_name, FileType::CharacterDevice, Mode::empty(), 0) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => {
                let stat = self.stat(dir, name)?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                    let made = self.remember(dir, name)?;
                    self.set_opaque(&made)?;
                }
                Ok(())
            }
            Err(e) => Err(fault("mknod", &join(&dir.path, name), e)),
        }
    }

    /// Hides what lower layers have inside a directory.
    pub(crate) fn opaque(&mut self, path: &[u8]) -> Result<()> {
        let dir = self.directory(path)?;
        self.set_opaque(&dir)
    }

    /// The root itself.
    pub(crate) fn root(&self) -> Dir {
        self.root.clone()
    }

    /// Remembers the times of a directory until nothing is made in it any more.
    pub(crate) fn later(&mut self, dir: &Dir, attributes: &Attributes) {
        self.times.insert(dir.path.to_vec(), attributes.times.clone());
    }

    /// Sets the directories' times; answers what was replaced.
    pub(crate) fn finish(self) -> Result<Vec<Moved>> {
        for (path, times) in &self.times {
            let rel = if path.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(path)) };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            // A directory that a later entry replaced is gone, and its times with it.
            if let Ok(fd) = open_beneath(self.root.fd.as_fd(), rel, flags, Mode::empty()) {
                fs::futimens(&fd, times).map_err(|e| fault("utimensat", path, e))?;
            }
        }
        Ok(self.moved)
    }

    fn stat(&self, dir: &Dir, name: &[u8]) -> Result<Stat> {
        fs::statat(&*dir.fd, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW).map_err(|e| fault("stat", &join(&dir.path, name), e))
    }

    fn make<T>(
        &mut self,
        dir: &Dir,
        name: &[u8],
        op: &'static str,
        files: u64,
        call: impl Fn(&OwnedFd, &OsStr) -> rustix::io::Result<T>,
    ) -> Result<T> {
        let os_name = OsStr::from_bytes(name);
        match call(&dir.fd, os_name) {
            Err(Errno::EXIST) => {
                self.make_room(dir, name, false, files)?;
                call(&dir.fd, os_name)
            }
            other => other,
        }
        .map_err(|e| fault(op, &join(&dir.path, name), e))
    }

    /// Takes away what an entry replaces, as Docker does: only a directory over a directory stays.
    fn make_room(&mut self, dir: &Dir, name: &[u8], keep_dir: bool, files: u64) -> Result<Before> {
        let path = join(&dir.path, name);
        let os_name = OsStr::from_bytes(name);
        let stat = self.stat(dir, name)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if keep_dir && kind == FileType::Directory {
            return Ok(Before::Directory);
        }
        let holds_content = kind == FileType::Directory || (kind == FileType::RegularFile && stat.st_size > 0);
        if !holds_content {
            fs::unlinkat(&*dir.fd, os_name, AtFlags::empty()).map_err(|e| fault("unlink", &path, e))?;
            return Ok(if is_whiteout(&stat) { Before::Whiteout } else { Before::Nothing });
        }
        if self.moved.is_empty() {
            stead_sys::durable::make_dir(&self.shadow, 0o700)?;
        }
        let to = self.moved.len().to_string();
        let target = self.shadow.join(&to);
        fs::renameat(&*dir.fd, os_name, fs::CWD, &target).map_err(|e| fault("rename", &path, e))?;
        self.handles.clear();
        self.moved.push(Moved { path: stead_base::ids::hex(&path), before: files, to });
        Ok(Before::Nothing)
    }

    /// A directory that must be there; symlinks on the way are followed inside the tree only.
    fn existing(&self, path: &[u8]) -> Result<Dir> {
        if path.is_empty() {
            return Ok(self.root.clone());
        }
        if let Some(dir) = self.handles.get(path) {
            return Ok(dir.clone());
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let rel = Path::new(OsStr::from_bytes(path));
        match open_beneath(self.root.fd.as_fd(), rel, flags, Mode::empty()) {
            Ok(fd) => Ok(Dir { fd: Rc::new(fd), path: Rc::from(path) }),
            Err(e) if e.errno() == Some(Errno::LOOP.raw_os_error()) => self.through_links(rel),
            Err(e) => Err(e.into()),
        }
    }

    fn through_links(&self, rel: &Path) -> Result<Dir> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = open_in_root(self.root.fd.as_fd(), rel, flags, Mode::empty())?;
        // Where it really is, for the recipe. A wrong answer would be noticed when the tar is rebuilt, by its digest.
        let real = fd_path(fd.as_fd())?;
        let path =
            real.strip_prefix(&self.base).map_err(|_outside| refuse(rel.as_os_str().as_bytes(), "name leads outside of the layer"))?;
        Ok(Dir { fd: Rc::new(fd), path: Rc::from(path.as_os_str().as_bytes()) })
    }

    /// A directory, made with its parents where it is missing.
    fn directory(&mut self, path: &[u8]) -> Result<Dir> {
        match self.existing(path) {
            Ok(dir) => {
                self.keep(path, &dir);
                return Ok(dir);
            }
            Err(Error::Sys(e)) if matches!(e.io_kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {}
            Err(e) => return Err(e),
        }
        let (above, name) = split(path);
        let parent = self.directory(above)?;
        let full = join(&parent.path, name);
        match fs::mkdirat(&*parent.fd, OsStr::from_bytes(name), Mode::from_raw_mode(IMPLIED_DIR)) {
            // The umask of whoever calls must not decide what containers may read.
            Ok(()) => self.open_to_all(&parent, name)?,
            Err(Errno::EXIST) => {
                if !is_whiteout(&self.stat(&parent, name)?) {
                    return Err(refuse(path, "a parent is not a directory"));
                }
                let made = self.create_dir(&parent, name, 0)?;
                self.open_to_all(&parent, name)?;
                return Ok(made);
            }
            Err(e) => return Err(fault("mkdir", &full, e)),
        }
        self.remember(&parent, name)
    }

    /// Gives a directory that the archive does not name the usual mode.
    fn open_to_all(&self, dir: &Dir, name: &[u8]) -> Result<()> {
        fs::chmodat(&*dir.fd, OsStr::from_bytes(name), Mode::from_raw_mode(IMPLIED_DIR), AtFlags::empty())
            .map_err(|e| fault("chmod", &join(&dir.path, name), e))
    }

    /// Opens a directory that is known to be one, and keeps the handle.
    fn remember(&mut self, dir: &Dir, name: &[u8]) -> Result<Dir> {
        let path = join(&dir.path, name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&*dir.fd, OsStr::from_bytes(name), flags, Mode::empty()).map_err(|e| fault("open", &path, e))?;
        let made = Dir { fd: Rc::new(fd), path: Rc::from(path.as_slice()) };
        self.keep(&path, &made);
        Ok(made)
    }

    fn keep(&mut self, path: &[u8], dir: &Dir) {
        if path.is_empty() {
            return;
        }
        if self.handles.len() >= HANDLES_MAX {
            self.handles.clear();
        }
        self.handles.insert(path.to_vec(), dir.clone());
    }

    fn set_opaque(&self, dir: &Dir) -> Result<()> {
        let path = stead_sys::path::proc_path(dir.fd.as_fd());
        fs::setxattr(&path, OPAQUE_XATTR, b"y", fs::XattrFlags::empty()).map_err(|e| fault("setxattr", &dir.path, e))
    }
}

/// Overlayfs's whiteout: a character device 0:0.
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// A failed system call on a path of the tree.
pub(crate) fn fault(op: &'static str, path: &[u8], errno: Errno) -> Error {
    Error::Sys(stead_sys::Error::new(op, OsStr::from_bytes(path), errno))
}
