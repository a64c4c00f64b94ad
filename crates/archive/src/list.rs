//! What lies in a directory of a root, and the bytes of one file: looked at without being able to leave the root, and without opening anything
//! that could wait (FIFOs) or act (devices).

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Dir, FileType, OFlags, Stat};
use rustix::io::Errno;
use stead_base::time::Time;

use crate::copy::paths;
use crate::write::Follow;
use crate::{Error, Result, scope, stat};

/// Most entries of one listing: some hundred megabytes.
const ENTRIES_MAX: usize = 1 << 20;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symlink.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl Kind {
    fn of(stat: &Stat) -> Self {
        match scope::type_of(stat) {
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            FileType::Fifo => Self::Fifo,
            FileType::Socket => Self::Socket,
            FileType::CharacterDevice => Self::CharDevice,
            FileType::BlockDevice => Self::BlockDevice,
            FileType::RegularFile | FileType::Unknown => Self::File,
        }
    }

    /// As JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::CharDevice => "char-device",
            Self::BlockDevice => "block-device",
        }
    }

    /// The first letter of `ls -l`.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::File => '-',
            Self::Directory => 'd',
            Self::Symlink => 'l',
            Self::Fifo => 'p',
            Self::Socket => 's',
            Self::CharDevice => 'c',
            Self::BlockDevice => 'b',
        }
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, which need not be UTF-8.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with set-uid, set-gid and sticky.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When its content last changed.
    pub mtime: Time,
    /// Names it has.
    pub links: u64,
    /// Where a symlink points, as it is written in it.
    pub target: Option<Vec<u8>>,
}

/// The entries of a directory by name; of anything else, itself. Symlinks on the way are followed, and stay in the root.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NoDirectory`], a directory with more than a million entries.
pub fn list(root: BorrowedFd<'_>, path: &Path) -> Result<Vec<Entry>> {
    let text = path.to_string_lossy();
    let inside = paths::preserve_trailing(&paths::clean(&format!("/{text}")), &text);
    let failed = |errno: Errno| Error::Sys(stead_sys::Error::new("read", path, errno));
    // A symlink that leads nowhere is still something to be listed.
    let handle = scope::open(root, Path::new(&inside), OFlags::PATH, Follow::InRoot)
        .or_else(|error| scope::open(root, Path::new(&inside), OFlags::PATH | OFlags::NOFOLLOW, Follow::InRoot).map_err(|_again| error))
        .map_err(|error| stat::missing(error, path))?;
    let found = rustix::fs::fstat(&handle).map_err(failed)?;
    if scope::type_of(&found) != FileType::Directory {
        return Ok(vec![entry(paths::base(&inside).into_bytes(), &found, handle.as_fd())]);
    }
    if scope::is_kernel_fs(&handle).map_err(failed)? {
        return Err(Error::KernelFileSystem { path: text.into_owned() });
    }
    let dir = scope::reopen(handle.as_fd(), OFlags::RDONLY | OFlags::DIRECTORY).map_err(failed)?;
    let mut entries = Vec::new();
    for item in Dir::read_from(&dir).map_err(failed)? {
        let item = item.map_err(failed)?;
        let name = item.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        if entries.len() == ENTRIES_MAX {
            return Err(Error::Limit { what: "the number of entries", limit: ENTRIES_MAX as u64 });
        }
        let Ok(handle) = scope::entry(dir.as_fd(), std::ffi::OsStr::from_bytes(name)) else { continue };
        let found = rustix::fs::fstat(&handle).map_err(failed)?;
        entries.push(entry(name.to_vec(), &found, handle.as_fd()));
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn entry(name: Vec<u8>, stat: &Stat, handle: BorrowedFd<'_>) -> Entry {
    let kind = Kind::of(stat);
    let target = (kind == Kind::Symlink).then(|| rustix::fs::readlinkat(handle, "", Vec::new()).ok()).flatten();
    Entry {
        name,
        kind,
        mode: stat.st_mode & 0o7777,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: Time::from_nanos(i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec)),
        links: stat.st_nlink,
        target: target.map(std::ffi::CString::into_bytes),
    }
}

/// A regular file below the root, open for reading. Its type is known before it is opened.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NotAFile`].
pub fn open_file(root: BorrowedFd<'_>, path: &Path) -> Result<File> {
    let text = path.to_string_lossy();
    let inside = paths::preserve_trailing(&paths::clean(&format!("/{text}")), &text);
    let handle = scope::open(root, Path::new(&inside), OFlags::PATH, Follow::InRoot).map_err(|error| stat::missing(error, path))?;
    let failed = |errno: Errno| Error::Sys(stead_sys::Error::new("open", path, errno));
    let kind = Kind::of(&rustix::fs::fstat(&handle).map_err(failed)?);
    if kind != Kind::File || scope::is_kernel_fs(&handle).map_err(failed)? {
        return Err(Error::NotAFile { path: text.into_owned(), kind: kind.as_str() });
    }
    Ok(File::from(scope::reopen(handle.as_fd(), OFlags::RDONLY | OFlags::NONBLOCK).map_err(failed)?))
}
