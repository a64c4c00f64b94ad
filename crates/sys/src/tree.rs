//! Walking and removing trees without ever crossing a mount.
//!
//! Every step is relative to a directory descriptor and refuses symbolic links and mount points (`openat2` with
//! `NO_SYMLINKS|NO_XDEV|BENEATH`), so that a tree that changes under our feet can not lead outside of itself.

use std::collections::HashSet;
use std::ffi::{CStr, CString, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::{Error, Result, btrfs, mountinfo};

/// Bytes of one getdents64 call: 64 KiB holds about two thousand names.
const DIRENT_BUFFER: usize = 64 * 1024;
/// Deepest descent of [`remove_tree`] before it moves what lies deeper up to the top: bounds descriptors and stack.
const DEPTH_MAX: usize = 48;

/// Opens a directory below `dir`, never through a symbolic link or a mount point.
///
/// # Errors
/// `EXDEV` for a mount point, `ELOOP` for a symbolic link, else what the kernel says.
pub fn open_dir(dir: impl AsFd, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    fs::openat2(dir, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty(), how)
}

/// One name of a directory, as getdents gave it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name; never `.` or `..`.
    pub name: CString,
    /// The type the file system claims; may be [`FileType::Unknown`].
    pub kind: FileType,
}

/// All names of a directory at once, so that it may be changed while the caller goes through them.
///
/// # Errors
/// What getdents says.
pub fn entries(dir: impl AsFd) -> rustix::io::Result<Vec<Entry>> {
    let mut buffer: Vec<MaybeUninit<u8>> = vec![MaybeUninit::uninit(); DIRENT_BUFFER];
    let mut raw = RawDir::new(dir, &mut buffer);
    let mut out = Vec::new();
    while let Some(entry) = raw.next() {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            out.push(Entry { name: name.to_owned(), kind: entry.file_type() });
        }
    }
    Ok(out)
}

/// Whether a directory has nothing but `ignored` in it.
///
/// # Errors
/// It can not be read.
pub fn is_empty_but(dir: impl AsFd, ignored: &[&CStr], shown: &Path) -> Result<bool> {
    // A descriptor of its own: the caller's may have been read before and stand at the end.
    let own = open_dir(&dir, c".").map_err(|e| Error::new("open", shown, e))?;
    let all = entries(&own).map_err(|e| Error::new("readdir", shown, e))?;
    Ok(all.iter().all(|entry| ignored.contains(&entry.name.as_c_str())))
}

/// Moves everything in `from` into `to`, replacing nothing. Returns how many names stayed because `to` had them.
/// Idempotent: after a crash the same call moves the rest. Not durable by itself.
///
/// # Errors
/// The first name that can not be moved.
pub fn move_entries(from: impl AsFd, to: impl AsFd, shown: &Path) -> Result<u64> {
    let own = open_dir(&from, c".").map_err(|e| Error::new("open", shown, e))?;
    let mut stayed = 0;
    for Entry { name, .. } in entries(&own).map_err(|e| Error::new("readdir", shown, e))? {
        match fs::renameat_with(&own, &*name, &to, &*name, fs::RenameFlags::NOREPLACE) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::EXIST) => stayed += 1,
            // File systems without NOREPLACE: the look before the rename is all there is; callers hold a lock.
            Err(Errno::INVAL) => match fs::statat(&to, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => stayed += 1,
                Err(_) => fs::renameat(&own, &*name, &to, &*name)
                    .map_err(|e| Error::new("rename", shown.join(OsStr::from_bytes(name.to_bytes())), e))?,
            },
            Err(e) => return Err(Error::new("rename", shown.join(OsStr::from_bytes(name.to_bytes())), e)),
        }
    }
    Ok(stayed)
}

/// Removes `name` in `dir` with everything below it.
///
/// Crosses no mount: a mount point below is an error and stays, with its parents; the rest is removed.
/// Not durable by itself: what is deleted twice does no harm.
///
/// # Errors
/// `EINVAL` for a name that is empty, `.`, `..` or has a slash; else the first failure (the walk goes on after it). A missing name is no error.
pub fn remove_tree(dir: impl AsFd, name: &OsStr) -> Result<()> {
    let refused = |e: Errno| Error::new("remove", name, e);
    if name.is_empty() || name == "." || name == ".." || name.as_bytes().contains(&b'/') {
        return Err(refused(Errno::INVAL));
    }
    let name = CString::new(name.as_bytes()).map_err(|_nul| refused(Errno::INVAL))?;
    Removal { first_error: None, top: None, moved: 0 }.run(dir.as_fd(), &name)
}

struct Removal {
    first_error: Option<Error>,
    /// The directory being removed; what lies too deep is moved here.
    top: Option<OwnedFd>,
    moved: u64,
}

impl Removal {
    fn run(mut self, dir: BorrowedFd<'_>, name: &CStr) -> Result<()> {
        let shown = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
        match open_dir(dir, name) {
            Ok(top) => {
                if self.destroyed(dir, name, &top) {
                    return Ok(());
                }
                self.top = Some(top.try_clone().map_err(|e| Error::new("dup", &shown, e))?);
                loop {
                    let before = self.moved;
                    self.empty(&top, &shown, 0);
                    // What was moved up here during the walk needs another round.
                    if self.moved == before || self.first_error.is_some() {
                        break;
                    }
                    if let Err(e) = fs::seek(&top, fs::SeekFrom::Start(0)) {
                        self.note("seek", &shown, e);
                    }
                }
                self.unlink(dir, name, AtFlags::REMOVEDIR, &shown);
            }
            Err(Errno::NOENT) => {}
            Err(Errno::NOTDIR | Errno::LOOP) => self.unlink(dir, name, AtFlags::empty(), &shown),
            Err(e) => self.note("open", &shown, e),
        }
        self.first_error.map_or(Ok(()), Err)
    }

    fn empty(&mut self, dir: &OwnedFd, path: &Path, depth: usize) {
        let list = match entries(dir) {
            Ok(list) => list,
            // Somebody else is removing the same tree and was faster.
            Err(Errno::NOENT) => return,
            Err(e) => return self.note("readdir", path, e),
        };
        for Entry { name, kind } in list {
            let shown = || path.join(OsStr::from_bytes(name.to_bytes()));
            if kind != FileType::Directory {
                match fs::unlinkat(dir, &*name, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => continue,
                    // Not what the directory claimed: look again below.
                    Err(Errno::ISDIR) => {}
                    Err(e) => {
                        self.note("unlink", &shown(), e);
                        continue;
                    }
                }
            }
            match open_dir(dir, &name) {
                Ok(child) if self.destroyed(dir.as_fd(), &name, &child) => {}
                Ok(child) if depth < DEPTH_MAX => {
                    self.empty(&child, &shown(), depth + 1);
                    self.unlink(dir.as_fd(), &name, AtFlags::REMOVEDIR, &shown());
                }
                Ok(_) => self.move_up(dir, &name, &shown()),
                Err(Errno::NOENT) => {}
                Err(Errno::NOTDIR | Errno::LOOP) => self.unlink(dir.as_fd(), &name, AtFlags::empty(), &shown()),
                Err(e) => self.note("open", &shown(), e),
            }
        }
    }

    /// A subvolume goes at once, whatever it holds. One that can not, because others or mounts are in it, is made writable and emptied like any
    /// directory; rmdir takes it then (Linux 4.18).
    fn destroyed(&self, dir: BorrowedFd<'_>, name: &CStr, child: &OwnedFd) -> bool {
        if !btrfs::is_subvolume(child) {
            return false;
        }
        // The kernel would take a mount inside away with it.
        if !mountinfo::has_below(child) && matches!(btrfs::destroy(dir, name), Ok(()) | Err(Errno::NOENT)) {
            return true;
        }
        // If even that is refused, so is the first deletion, which tells it.
        btrfs::set_read_only(child, false).ok();
        false
    }

    fn move_up(&mut self, dir: &OwnedFd, name: &CStr, shown: &Path) {
        self.moved += 1;
        let Some(top) = &self.top else { return };
        let target = format!(".deep-{}-{}", std::process::id(), self.moved);
        if let Err(e) = fs::renameat_with(dir, name, top, target, fs::RenameFlags::NOREPLACE) {
            self.note("rename", shown, e);
        }
    }

    fn unlink(&mut self, dir: BorrowedFd<'_>, name: &CStr, flags: AtFlags, shown: &Path) {
        match fs::unlinkat(dir, name, flags) {
            Ok(()) | Err(Errno::NOENT) => {}
            // Only the consequence of an earlier failure, or of what was moved up while the walk was deeper.
            Err(Errno::NOTEMPTY) if self.first_error.is_some() => {}
            Err(e) => self.note("unlink", shown, e),
        }
    }

    fn note(&mut self, op: &'static str, path: &Path, e: Errno) {
        if self.first_error.is_none() {
            self.first_error = Some(Error::new(op, path, e));
        }
    }
}

/// What [`walk`] shows of each entry.
#[derive(Debug)]
pub struct Visit<'a> {
    /// The directory that holds it.
    pub dir: BorrowedFd<'a>,
    /// Its name there.
    pub name: &'a CStr,
    /// Its path relative to where the walk began.
    pub path: &'a Path,
    /// What it is.
    pub stat: Stat,
}

/// Shows every entry below `root` (not `root` itself), parents before children, never across a mount.
/// What vanishes during the walk is skipped.
///
/// # Errors
/// The visitor's error, or the first entry that can not be read.
pub fn walk(root: impl AsFd, visit: &mut dyn FnMut(&Visit<'_>) -> Result<()>) -> Result<()> {
    // Paths, not descriptors, wait for their turn, so that depth and width cost no descriptors.
    let mut waiting = vec![PathBuf::new()];
    while let Some(rel) = waiting.pop() {
        let dir = match open_below(root.as_fd(), &rel) {
            Ok(dir) => dir,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => continue,
            Err(e) => return Err(Error::new("open", &rel, e)),
        };
        for entry in entries(&dir).map_err(|e| Error::new("readdir", &rel, e))? {
            let path = rel.join(OsStr::from_bytes(entry.name.to_bytes()));
            let stat = match fs::statat(&dir, &*entry.name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(e) => return Err(Error::new("stat", &path, e)),
            };
            visit(&Visit { dir: dir.as_fd(), name: &entry.name, path: &path, stat })?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                waiting.push(path);
            }
        }
    }
    Ok(())
}

/// Opens the directory `rel` below `root` with the rules of [`open_dir`], however long the path is. An empty path is `root` itself.
///
/// # Errors
/// As [`open_dir`].
pub fn open_below(root: BorrowedFd<'_>, rel: &Path) -> rustix::io::Result<OwnedFd> {
    /// The kernel takes paths of 4096 bytes; longer ones are walked in pieces.
    const PIECE: usize = 4000;
    let bytes = rel.as_os_str().as_bytes();
    if bytes.len() < PIECE {
        let name = CString::new(if bytes.is_empty() { b"." } else { bytes }).map_err(|_nul| Errno::INVAL)?;
        return open_dir(root, &name);
    }
    let mut current = open_dir(root, c".")?;
    let mut piece = PathBuf::new();
    for part in rel.components() {
        if piece.as_os_str().len() + part.as_os_str().len() + 1 >= PIECE {
            let name = CString::new(piece.as_os_str().as_bytes()).map_err(|_nul| Errno::INVAL)?;
            current = open_dir(&current, &name)?;
            piece = PathBuf::new();
        }
        piece.push(part);
    }
    let name = CString::new(piece.as_os_str().as_bytes()).map_err(|_nul| Errno::INVAL)?;
    open_dir(&current, &name)
}

/// Bytes on the disk and number of entries below `path`, hard links counted once, mounts not crossed. The directory itself counts.
///
/// # Errors
/// `path` is no directory, or something below it can not be read.
pub fn disk_usage(path: &Path) -> Result<(u64, u64)> {
    let root =
        fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(|e| Error::new("open", path, e))?;
    let blocks = |stat: &Stat| u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
    let own = fs::fstat(&root).map_err(|e| Error::new("stat", path, e))?;
    let (mut bytes, mut files) = (blocks(&own), 1);
    let mut linked = HashSet::new();
    walk(&root, &mut |v| {
        let several = v.stat.st_nlink > 1 && FileType::from_raw_mode(v.stat.st_mode) != FileType::Directory;
        if !several || linked.insert((v.stat.st_dev, v.stat.st_ino)) {
            bytes += blocks(&v.stat);
        }
        files += 1;
        Ok(())
    })?;
    Ok((bytes, files))
}

/// Sum of the apparent sizes of all regular files below `path`, hard links counted once: what Docker calls a volume's size.
///
/// # Errors
/// As [`disk_usage`].
pub fn apparent_size(path: &Path) -> Result<u64> {
    let root =
        fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(|e| Error::new("open", path, e))?;
    let mut bytes = 0;
    let mut linked = HashSet::new();
    walk(&root, &mut |v| {
        if FileType::from_raw_mode(v.stat.st_mode) == FileType::Directory {
            return Ok(());
        }
        if v.stat.st_nlink < 2 || linked.insert((v.stat.st_dev, v.stat.st_ino)) {
            bytes += u64::try_from(v.stat.st_size).unwrap_or(0);
        }
        Ok(())
    })?;
    Ok(bytes)
}

/// How much lies below a directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measure {
    /// Names, of directories too.
    pub entries: u64,
    /// Apparent size of the regular files, hard links counted once.
    pub bytes: u64,
}

/// Counts what lies below `root`, mounts not crossed: two trees of which one is a copy of the other measure the same.
///
/// # Errors
/// Something below it can not be read.
pub fn measure(root: impl AsFd) -> Result<Measure> {
    let mut sum = Measure::default();
    let mut linked = HashSet::new();
    walk(root, &mut |v| {
        sum.entries += 1;
        let is_file = FileType::from_raw_mode(v.stat.st_mode) == FileType::RegularFile;
        if is_file && (v.stat.st_nlink < 2 || linked.insert((v.stat.st_dev, v.stat.st_ino))) {
            sum.bytes += u64::try_from(v.stat.st_size).unwrap_or(0);
        }
        Ok(())
    })?;
    Ok(sum)
}

/// Makes every file and directory below `root`, and `root` itself, durable one by one. For small trees; a large one is quicker with
/// [`crate::durable::sync_fs`].
///
/// # Errors
/// The first entry that can not be synced.
pub fn sync_tree(root: impl AsFd) -> Result<()> {
    let root = root.as_fd();
    walk(root, &mut |v| {
        let flags = match FileType::from_raw_mode(v.stat.st_mode) {
            FileType::RegularFile => OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
            FileType::Directory => OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            _ => return Ok(()),
        };
        match fs::openat(v.dir, v.name, flags, Mode::empty()) {
            Ok(fd) => fs::fsync(&fd).map_err(|e| Error::new("fsync", v.path, e)),
            Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(Error::new("open", v.path, e)),
        }
    })?;
    fs::fsync(root).map_err(|e| Error::new("fsync", ".", e))
}

#[cfg(test)]
mod tests;
