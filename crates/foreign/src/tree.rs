//! Reading below a source: by descriptor, never through a symbolic link, never more than a limit, and only from regular files.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use serde::de::DeserializeOwned;
use stead_sys::{path as lookup, tree};

use crate::error::damaged;
use crate::{Error, Result};

/// Longest JSON file. Podman keeps all layers in one, a few hundred bytes each.
const JSON_MAX: u64 = 64 << 20;
/// Names in one directory at most. Stores with more layers than that exist nowhere.
const NAMES_MAX: usize = 200_000;

/// A source directory.
#[derive(Debug)]
pub(crate) struct Source {
    root: OwnedFd,
    shown: PathBuf,
}

impl Source {
    /// Opens the directory itself; on the way to it links are followed, because a person named it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self { root: lookup::open_root(path)?, shown: path.to_path_buf() })
    }

    /// The path people know.
    pub(crate) fn shown(&self) -> &Path {
        &self.shown
    }

    /// The whole path of something below.
    pub(crate) fn path(&self, rel: &Path) -> PathBuf {
        self.shown.join(rel)
    }

    fn lookup(&self, rel: &Path, flags: OFlags) -> Result<OwnedFd> {
        lookup::open_beneath(self.root.as_fd(), rel, flags, Mode::empty()).map_err(|error| match error.errno() {
            Some(errno) if errno == Errno::LOOP.raw_os_error() => Error::Link { path: self.path(rel) },
            // The path is known to us only below the root.
            _ => Error::Sys(stead_sys::Error::new(error.op, self.path(rel), error.source)),
        })
    }

    /// What lies at a path, without opening it.
    pub(crate) fn stat(&self, rel: &Path) -> Result<Stat> {
        let handle = self.lookup(rel, OFlags::PATH)?;
        rustix::fs::fstat(&handle).map_err(|e| stead_sys::Error::new("stat", self.path(rel), e).into())
    }

    /// Whether there is a directory.
    pub(crate) fn has_dir(&self, rel: &Path) -> bool {
        self.stat(rel).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }

    /// A directory, for reading.
    pub(crate) fn dir(&self, rel: &Path) -> Result<OwnedFd> {
        self.lookup(rel, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW)
    }

    /// A regular file, for reading. Its kind is known before it is opened: a pipe would wait, a device might act.
    pub(crate) fn file(&self, rel: &Path) -> Result<File> {
        let handle = self.lookup(rel, OFlags::PATH)?;
        open_regular(&handle).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidInput => damaged(self.path(rel), "it is no regular file"),
            _ => stead_sys::Error::new("open", self.path(rel), error).into(),
        })
    }

    /// A whole file; `None` when it is not there.
    pub(crate) fn read(&self, rel: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        let file = match self.file(rel) {
            Ok(file) => file,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| stead_sys::Error::new("read", self.path(rel), e))?;
        if bytes.len() as u64 > limit {
            return Err(Error::Limit { path: self.path(rel), limit: format!("{limit} bytes") });
        }
        Ok(Some(bytes))
    }

    /// A short file's text without the white space around it.
    pub(crate) fn word(&self, rel: &Path) -> Result<Option<String>> {
        let Some(bytes) = self.read(rel, 4096)? else { return Ok(None) };
        String::from_utf8(bytes).map(|text| Some(text.trim().to_owned())).map_err(|e| damaged(self.path(rel), e))
    }

    /// A JSON file; `None` when it is not there.
    pub(crate) fn json<T: DeserializeOwned>(&self, rel: &Path) -> Result<Option<T>> {
        let Some(bytes) = self.read(rel, JSON_MAX)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| damaged(self.path(rel), e))
    }

    /// The names in a directory that are text, sorted; none when it is not there.
    pub(crate) fn names(&self, rel: &Path) -> Result<Vec<String>> {
        let dir = match self.dir(rel) {
            Ok(dir) => dir,
            Err(error) if error.is_missing() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let entries = tree::entries(&dir).map_err(|e| stead_sys::Error::new("readdir", self.path(rel), e))?;
        if entries.len() > NAMES_MAX {
            return Err(Error::Limit { path: self.path(rel), limit: format!("{NAMES_MAX} names") });
        }
        let mut names: Vec<String> = entries.into_iter().filter_map(|entry| entry.name.into_string().ok()).collect();
        names.sort();
        Ok(names)
    }
}

/// Opens what a handle refers to, if that is a regular file. The access time stays as it is where we may ask for that.
pub(crate) fn open_regular(handle: &OwnedFd) -> std::io::Result<File> {
    if FileType::from_raw_mode(rustix::fs::fstat(handle)?.st_mode) != FileType::RegularFile {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = lookup::reopen(handle.as_fd(), flags | OFlags::NOATIME).or_else(|_not_owner| lookup::reopen(handle.as_fd(), flags));
    opened.map(File::from).map_err(|error| error.source)
}
