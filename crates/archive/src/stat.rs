//! What a client is told about a path before anything is carried.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use stead_base::time::Time;

use crate::copy::paths;
use crate::write::Follow;
use crate::{Error, Result, scope};

/// How many symlinks one path may pass; what the kernel itself allows.
const LINKS_MAX: u32 = 40;

/// Docker's `X-Docker-Container-Path-Stat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStat {
    /// Last component of the path asked for.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// Bits of Go's `os.FileMode`, which is what clients decode.
    pub mode: u32,
    /// When its content last changed.
    pub mtime: Time,
    /// Where a symlink leads in the end, as seen inside the root; empty for anything else.
    #[serde(rename = "linkTarget")]
    pub link_target: String,
}

impl PathStat {
    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.mode & GO_DIR != 0
    }

    /// Whether it is a symlink.
    pub fn is_symlink(&self) -> bool {
        self.mode & GO_SYMLINK != 0
    }

    /// Whether it is a block or character device.
    pub fn is_device(&self) -> bool {
        self.mode & GO_DEVICE != 0
    }
}

const GO_DIR: u32 = 1 << 31;
const GO_SYMLINK: u32 = 1 << 27;
const GO_DEVICE: u32 = 1 << 26;
const GO_NAMED_PIPE: u32 = 1 << 25;
const GO_SOCKET: u32 = 1 << 24;
const GO_SETUID: u32 = 1 << 23;
const GO_SETGID: u32 = 1 << 22;
const GO_CHAR_DEVICE: u32 = 1 << 21;
const GO_STICKY: u32 = 1 << 20;

/// Turns `st_mode` into Go's `os.FileMode`.
pub fn go_mode(st_mode: u32) -> u32 {
    let kind = match FileType::from_raw_mode(st_mode) {
        FileType::Directory => GO_DIR,
        FileType::Symlink => GO_SYMLINK,
        FileType::BlockDevice => GO_DEVICE,
        FileType::CharacterDevice => GO_DEVICE | GO_CHAR_DEVICE,
        FileType::Fifo => GO_NAMED_PIPE,
        FileType::Socket => GO_SOCKET,
        FileType::RegularFile | FileType::Unknown => 0,
    };
    let special = [(0o4000, GO_SETUID), (0o2000, GO_SETGID), (0o1000, GO_STICKY)];
    special.iter().filter(|(bit, _)| st_mode & bit != 0).fold(kind | (st_mode & 0o777), |mode, (_, go)| mode | go)
}

/// Describes `path` below `root`. The last component is not followed, unless the path ends in `/` or `/.`.
pub fn stat(root: BorrowedFd<'_>, path: &Path) -> Result<PathStat> {
    let text = path.to_string_lossy();
    let inside = paths::preserve_trailing(&paths::clean(&format!("/{text}")), &text);
    let handle = open_last(root, &inside, path)?;
    let stat = rustix::fs::fstat(&handle).map_err(|errno| stead_sys::Error::new("stat", path, errno))?;
    let link_target = if scope::type_of(&stat) == FileType::Symlink { resolve(root, &inside)? } else { String::new() };
    Ok(describe(&inside, &stat, link_target))
}

/// A handle to the last component of an already cleaned path.
pub(crate) fn open_last(root: BorrowedFd<'_>, inside: &str, asked: &Path) -> Result<std::os::fd::OwnedFd> {
    scope::open(root, Path::new(inside), OFlags::PATH | OFlags::NOFOLLOW, Follow::InRoot).map_err(|error| missing(error, asked))
}

/// Docker answers a missing path with its own words.
pub(crate) fn missing(error: stead_sys::Error, asked: &Path) -> Error {
    match error.io_kind() {
        std::io::ErrorKind::NotFound => Error::NotFound { path: asked.to_string_lossy().into_owned() },
        std::io::ErrorKind::NotADirectory => Error::NoDirectory { path: asked.to_string_lossy().into_owned() },
        _ => Error::Sys(stead_sys::Error::new(error.op, asked, error.source)),
    }
}

pub(crate) fn describe(inside: &str, stat: &Stat, link_target: String) -> PathStat {
    PathStat {
        name: paths::base(inside),
        size: stat.st_size,
        mode: go_mode(stat.st_mode),
        mtime: Time::from_nanos(i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec)),
        link_target,
    }
}

/// Follows every symlink of `inside`, as far as things exist; what does not exist is taken by name. The answer is text for the client, which
/// asks again with it; nothing is opened on its strength.
pub(crate) fn resolve(root: BorrowedFd<'_>, inside: &str) -> Result<String> {
    let mut todo: Vec<Vec<u8>> = inside.split('/').rev().map(|part| part.as_bytes().to_vec()).collect();
    let mut done = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = todo.pop() {
        match part.as_slice() {
            b"" | b"." => {}
            b".." => {
                done.pop();
            }
            name => {
                let next = done.join(OsStr::from_bytes(name));
                let Some(target) = read_link(root, &next) else {
                    done = next;
                    continue;
                };
                links += 1;
                if links > LINKS_MAX {
                    return Err(stead_sys::Error::new("readlink", inside, Errno::LOOP).into());
                }
                if target.starts_with(b"/") {
                    done = PathBuf::from("/");
                }
                todo.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
            }
        }
    }
    Ok(done.to_string_lossy().into_owned())
}

fn read_link(root: BorrowedFd<'_>, path: &Path) -> Option<Vec<u8>> {
    let handle = scope::open(root, path, OFlags::PATH | OFlags::NOFOLLOW, Follow::InRoot).ok()?;
    rustix::fs::readlinkat(handle.as_fd(), "", Vec::new()).ok().map(std::ffi::CString::into_bytes)
}
