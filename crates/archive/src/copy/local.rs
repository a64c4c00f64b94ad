//! The end of a copy that lies on this machine: looked at with the rights and the eyes of the user.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use stead_base::Kind;

use rustix::fs::{Mode, OFlags};

use super::landing::{Endpoint, Landing};
use super::paths::{asserts_directory, base, clean, join, parent, preserve_trailing, rebase_name, split_entry};
use crate::{Devices, Error, Follow, Owner, ReadOptions, Rebase, Result, TreeReader, WriteOptions, Written};

/// How many symlinks a destination may lead through; Docker's number.
const LINKS_MAX: u32 = 10;

/// The path from the root, with the ending the user wrote. `here` is the working directory.
pub fn absolute(path: &str, here: &str) -> String {
    let full = if path.starts_with('/') { clean(path) } else { join(here, path) };
    preserve_trailing(&full, path)
}

/// Looks at a source. Symlinks on the way are followed; the last component only where `follow` asks for it.
///
/// # Errors
/// What the file system says, in the client's words.
pub fn source(path: &str, follow: bool) -> Result<Endpoint> {
    if asserts_directory(path) && std::fs::metadata(path.trim_end_matches(['/', '.'])).is_ok_and(|meta| !meta.is_dir()) {
        return Err(Error::Local { text: "not a directory".into(), kind: Kind::Invalid });
    }
    let (resolved, rebase) = if follow {
        let real = real_path(path)?;
        rebase_name(path, &real)
    } else {
        let (dir, last) = path.rsplit_once('/').unwrap_or((".", path));
        if last.is_empty() && !dir.is_empty() {
            // `link/`: the last component is empty, so all of it is followed.
            let real = real_path(dir)?;
            let renamed = (base(path) != base(&real)).then(|| base(path));
            (format!("{real}/"), renamed)
        } else {
            let real = real_path(if dir.is_empty() { "/" } else { dir })?;
            (format!("{}/{last}", real.trim_end_matches('/')), None)
        }
    };
    let meta = std::fs::symlink_metadata(&resolved).map_err(|error| said("lstat", &resolved, &error))?;
    Ok(Endpoint { is_dir: meta.is_dir(), exists: true, path: resolved, rebase })
}

/// Looks at a destination. It need not exist, the directory it is in must.
///
/// # Errors
/// What the file system says, in the client's words.
pub fn destination(path: &str) -> Result<Endpoint> {
    let mut now = path.to_owned();
    for _ in 0..=LINKS_MAX {
        match std::fs::symlink_metadata(&now) {
            Ok(meta) if meta.file_type().is_symlink() => {
                let target = std::fs::read_link(&now).map_err(|error| said("readlink", &now, &error))?;
                let target = target.to_string_lossy();
                now = if target.starts_with('/') { target.into_owned() } else { join(&split_entry(&now).0, &target) };
            }
            Ok(meta) => return Ok(Endpoint { path: now, exists: true, is_dir: meta.is_dir(), rebase: None }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let dir = split_entry(&now).0;
                let meta = std::fs::metadata(&dir).map_err(|error| said("stat", &dir, &error))?;
                if !meta.is_dir() {
                    return Err(Error::Local { text: "not a directory".into(), kind: Kind::Invalid });
                }
                return Ok(Endpoint { path: now, ..Endpoint::default() });
            }
            Err(error) => return Err(said("lstat", &now, &error)),
        }
    }
    Err(Error::Local { text: format!("too many symlinks in {path}"), kind: Kind::Invalid })
}

/// Refuses a destination that could not hold a copy before the container is asked for one.
///
/// # Errors
/// Docker's `invalid output path`.
pub fn check_output(path: &str) -> Result<()> {
    let dir = parent(&clean(path));
    let invalid = |text: String| Err(Error::Local { text, kind: Kind::Invalid });
    if dir != "." && std::fs::metadata(&dir).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return invalid(format!("invalid output path: directory {dir:?} does not exist"));
    }
    match std::fs::metadata(path) {
        Ok(meta) if meta.file_type().is_block_device() || meta.file_type().is_char_device() => {
            invalid(format!("invalid output path: {path:?} must be a directory or a regular file: got a device"))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(said("stat", path, &error)),
        _ => Ok(()),
    }
}

/// All symlinks resolved; a missing component is named in the error.
fn real_path(path: &str) -> Result<String> {
    match std::fs::canonicalize(path) {
        Ok(real) => Ok(real.to_string_lossy().into_owned()),
        Err(error) => Err(said("lstat", &first_missing(path), &error)),
    }
}

/// The component that is not there; where it is a symlink, what is missing behind it.
fn first_missing(path: &str) -> String {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let mut seen = PathBuf::new();
        for part in Path::new(&path).components() {
            seen.push(part);
            if std::fs::metadata(&seen).is_err() {
                break;
            }
        }
        let missing = seen.to_string_lossy().into_owned();
        let Ok(target) = std::fs::read_link(&seen) else { return missing };
        let target = target.to_string_lossy();
        path = if target.starts_with('/') { clean(&target) } else { join(&parent(&missing), &target) };
    }
    path
}

fn said(call: &str, path: &str, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => Kind::NotFound,
        io::ErrorKind::PermissionDenied => Kind::NotAllowed,
        _ => Kind::Invalid,
    };
    let words = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => "too many levels of symbolic links".to_owned(),
        _ => error.to_string(),
    };
    Error::Local { text: format!("{call} {path}: {words}"), kind }
}

/// The archive of a source, its top renamed as the landing asks.
///
/// # Errors
/// What the file system says.
pub fn pack(source: &Endpoint, landing: &Landing) -> Result<TreeReader> {
    let name = landing.rename.as_ref().map(|(_, new)| new.clone()).or_else(|| source.rebase.clone());
    let root = top("/")?;
    Ok(crate::read(root.as_fd(), Path::new(&source.path), &ReadOptions { name, ..ReadOptions::default() })?.1)
}

/// Unpacks a container's archive where it lands on this machine. Symlinks are not followed below that directory: whatever a container put
/// into its archive stays in it.
///
/// With `archive_mode` owners are kept and devices are made; without it files are the caller's and devices are left out.
///
/// # Errors
/// As [`crate::write`].
pub fn unpack(source: &Endpoint, landing: &Landing, archive_mode: bool, stream: &mut dyn io::Read) -> Result<Written> {
    let old = split_entry(&source.path).1;
    let new = landing.rename.as_ref().map(|(_, new)| new.clone()).or_else(|| source.rebase.clone());
    let options = WriteOptions {
        no_overwrite_dir_non_dir: true,
        follow: Follow::Never,
        owner: if archive_mode { Owner::Archive } else { Owner::Caller },
        devices: if archive_mode { Devices::Create } else { Devices::Skip },
        rebase: new.map(|new| Rebase { old, new }),
        ..WriteOptions::default()
    };
    let dir = top(&landing.dir)?;
    crate::write(dir.as_fd(), Path::new("."), stream, &options)
}

/// A directory the user named, symlinks and all.
fn top(path: &str) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| said("open", path, &errno.into()))
}
