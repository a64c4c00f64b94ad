//! Extended attributes of open files and of names that can not be opened (symbolic links).

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{self, XattrFlags};
use rustix::io::Errno;

use crate::{Error, Result};

/// The kernel's limit for a value (64 KiB) and for all names together; no answer can be longer.
const LENGTH_MAX: usize = 65536;
/// Overlayfs's own bookkeeping; copied into another tree it would mean something else.
const PRIVATE: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// Where the attributes of one thing are read or written.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// An open file or directory.
    File(BorrowedFd<'a>),
    /// A name in a directory, not followed if it is a symbolic link.
    Name(BorrowedFd<'a>, &'a CStr),
    /// A handle (`O_PATH`) of anything but a symbolic link.
    Handle(BorrowedFd<'a>),
}

impl Place<'_> {
    fn path(dir: BorrowedFd<'_>, name: &CStr) -> CString {
        let mut path = format!("/proc/self/fd/{}/", dir.as_raw_fd()).into_bytes();
        path.extend_from_slice(name.to_bytes());
        // Neither part can hold a zero byte.
        CString::new(path).unwrap_or_default()
    }

    fn link(fd: BorrowedFd<'_>) -> String {
        format!("/proc/self/fd/{}", fd.as_raw_fd())
    }

    fn names(&self, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        match self {
            Self::File(fd) => fs::flistxattr(fd, buffer),
            Self::Name(dir, name) => fs::llistxattr(&*Self::path(*dir, name), buffer),
            Self::Handle(fd) => fs::listxattr(Self::link(*fd), buffer),
        }
    }

    fn get(&self, attribute: &CStr, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        match self {
            Self::File(fd) => fs::fgetxattr(fd, attribute, buffer),
            Self::Name(dir, name) => fs::lgetxattr(&*Self::path(*dir, name), attribute, buffer),
            Self::Handle(fd) => fs::getxattr(Self::link(*fd), attribute, buffer),
        }
    }

    fn set(&self, attribute: &CStr, value: &[u8]) -> rustix::io::Result<()> {
        match self {
            Self::File(fd) => fs::fsetxattr(fd, attribute, value, XattrFlags::empty()),
            Self::Name(dir, name) => fs::lsetxattr(&*Self::path(*dir, name), attribute, value, XattrFlags::empty()),
            Self::Handle(fd) => fs::setxattr(Self::link(*fd), attribute, value, XattrFlags::empty()),
        }
    }
}

/// Sets one attribute.
///
/// # Errors
/// As `setxattr`.
pub fn set(place: Place<'_>, attribute: &CStr, value: &[u8]) -> rustix::io::Result<()> {
    place.set(attribute, value)
}

/// Room for names and a value, kept between calls because most files have none.
#[derive(Debug)]
pub struct Scratch {
    names: Vec<u8>,
    value: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { names: vec![0; LENGTH_MAX], value: vec![0; LENGTH_MAX] }
    }
}

/// Copies all attributes (ACLs and file capabilities are attributes too). What the destination does not support is left out, as
/// Docker does; overlayfs's own are never copied.
///
/// # Errors
/// Any other refusal of the kernel, with `shown` as its path.
pub fn copy(from: Place<'_>, to: Place<'_>, scratch: &mut Scratch, shown: &Path) -> Result<()> {
    let length = match from.names(&mut scratch.names) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(()),
        Ok(length) => length,
        Err(e) => return Err(Error::new("listxattr", shown, e)),
    };
    for name in scratch.names[..length].split_inclusive(|b| *b == 0) {
        let Ok(attribute) = CStr::from_bytes_with_nul(name) else { continue };
        if PRIVATE.iter().any(|p| name.starts_with(p)) {
            continue;
        }
        let length = match from.get(attribute, &mut scratch.value) {
            Ok(length) => length,
            Err(Errno::NODATA | Errno::NOTSUP) => continue,
            Err(e) => return Err(Error::new("getxattr", shown, e)),
        };
        match to.set(attribute, &scratch.value[..length]) {
            Ok(()) | Err(Errno::NOTSUP) => {}
            Err(e) => return Err(Error::new("setxattr", shown, e)),
        }
    }
    Ok(())
}

/// All attributes with their values, by name; overlayfs's own are left out, as [`copy`] does. One that vanishes meanwhile is passed over.
///
/// # Errors
/// The kernel's refusal, with `shown` as its path; a file system without attributes has none.
pub fn read_all(from: Place<'_>, scratch: &mut Scratch, shown: &Path) -> Result<Vec<(CString, Vec<u8>)>> {
    let length = match from.names(&mut scratch.names) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Ok(length) => length,
        Err(e) => return Err(Error::new("listxattr", shown, e)),
    };
    let mut all = Vec::new();
    for name in scratch.names[..length].split_inclusive(|b| *b == 0) {
        let Ok(attribute) = CStr::from_bytes_with_nul(name) else { continue };
        if PRIVATE.iter().any(|p| name.starts_with(p)) {
            continue;
        }
        match from.get(attribute, &mut scratch.value) {
            Ok(length) => all.push((attribute.to_owned(), scratch.value[..length].to_vec())),
            Err(Errno::NODATA | Errno::NOTSUP) => {}
            Err(e) => return Err(Error::new("getxattr", shown, e)),
        }
    }
    all.sort();
    Ok(all)
}

/// Sets one attribute; `false` where the file system has no such attributes.
///
/// # Errors
/// Any other refusal of the kernel, with `shown` as its path.
pub fn set_where_it_can(to: Place<'_>, attribute: &CStr, value: &[u8], shown: &Path) -> Result<bool> {
    match to.set(attribute, value) {
        Ok(()) => Ok(true),
        Err(Errno::NOTSUP) => Ok(false),
        Err(e) => Err(Error::new("setxattr", shown, e)),
    }
}

/// Takes a directory's default ACL away, so that what is made in it has exactly the modes that are asked for.
///
/// # Errors
/// The kernel's refusal; having none is no error.
pub fn clear_default_acl(dir: impl AsFd, shown: &Path) -> Result<()> {
    match fs::fremovexattr(dir, c"system.posix_acl_default") {
        Ok(()) | Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
        Err(e) => Err(Error::new("removexattr", shown, e)),
    }
}
