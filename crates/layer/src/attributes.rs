//! What an entry says about its file besides the content: owner, mode, times, extended attributes. Read and judged before anything is made.

use std::io::Read;

use rustix::fs::{Timespec, Timestamps};

use crate::name::refuse;
use crate::{Error, Result};

/// The kernel's XATTR_SIZE_MAX and XATTR_NAME_MAX.
const XATTR_VALUE_MAX: usize = 64 * 1024;
const XATTR_NAME_MAX: usize = 255;
const XATTR_PREFIX: &str = "SCHILY.xattr.";

/// Attributes of one entry.
#[derive(Debug, Clone)]
pub(crate) struct Attributes {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Permission bits with set-id and sticky.
    pub(crate) mode: u32,
    pub(crate) times: Timestamps,
    /// Name and value; only those that may be set.
    pub(crate) xattrs: Vec<(String, Vec<u8>)>,
}

impl Attributes {
    /// Reads them from the header and its PAX records.
    pub(crate) fn read<R: Read>(entry: &mut tar::Entry<'_, R>, name: &[u8]) -> Result<Self> {
        let header = entry.header();
        let fields = header.as_old();
        let owner = |field: &[u8], id: std::io::Result<u64>| {
            let id = u32::try_from(number(field, id)?).ok().filter(|id| *id != u32::MAX);
            id.ok_or_else(|| refuse(name, "owner is out of range"))
        };
        let (uid, gid) = (owner(&fields.uid, header.uid())?, owner(&fields.gid, header.gid())?);
        let mode = number(&fields.mode, header.mode().map(u64::from))?;
        let mode = u32::try_from(mode & 0o7777).unwrap_or(0);
        let seconds = i64::try_from(number(&fields.mtime, header.mtime())?).unwrap_or(i64::MAX);
        let plain = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let (mut modified, mut accessed) = (plain, None);
        let mut xattrs = Vec::new();
        if let Some(records) = entry.pax_extensions().map_err(Error::Stream)? {
            for record in records {
                let record = record.map_err(Error::Stream)?;
                let key = record.key().map_err(|_utf8| refuse(name, "extended header key is not text"))?;
                match key {
                    "mtime" => modified = moment(record.value_bytes()).ok_or_else(|| refuse(name, "invalid modification time"))?,
                    "atime" => accessed = Some(moment(record.value_bytes()).ok_or_else(|| refuse(name, "invalid access time"))?),
                    _ if key.starts_with("GNU.sparse.") => return Err(refuse(name, "sparse files of the PAX kind are not supported")),
                    _ => {
                        if let Some(key) = key.strip_prefix(XATTR_PREFIX) {
                            keep_xattr(&mut xattrs, key, record.value_bytes(), name)?;
                        }
                    }
                }
            }
        }
        let times = Timestamps { last_access: accessed.unwrap_or(modified), last_modification: modified };
        Ok(Self { uid, gid, mode, times, xattrs })
    }
}

/// A number of the header; a field that was never written is zero, as for every other reader.
fn number(field: &[u8], parsed: std::io::Result<u64>) -> Result<u64> {
    if field.iter().all(|b| matches!(b, 0 | b' ')) { Ok(0) } else { parsed.map_err(Error::Stream) }
}

/// `trusted.*` steers overlayfs itself (redirects, opaque directories, metadata-only copies), `user.overlay.*` does so in a user
/// namespace: neither is ever taken from an archive.
fn keep_xattr(xattrs: &mut Vec<(String, Vec<u8>)>, key: &str, value: &[u8], name: &[u8]) -> Result<()> {
    if key.len() > XATTR_NAME_MAX || value.len() > XATTR_VALUE_MAX || key.contains('\0') {
        return Err(refuse(name, "extended attribute is too large"));
    }
    let acl = key == "system.posix_acl_access" || key == "system.posix_acl_default";
    if key.starts_with("security.") || acl || (key.starts_with("user.") && !key.starts_with("user.overlay.")) {
        xattrs.push((key.to_owned(), value.to_vec()));
    }
    Ok(())
}

/// `seconds[.fraction]`, possibly negative, to the nanosecond.
fn moment(text: &[u8]) -> Option<Timespec> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let negative = whole.starts_with('-');
    Some(match (negative, nanos) {
        (true, 1..) => Timespec { tv_sec: seconds.checked_sub(1)?, tv_nsec: 1_000_000_000 - nanos },
        _ => Timespec { tv_sec: seconds, tv_nsec: nanos },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        let read = |text: &str| moment(text.as_bytes()).map(|t| (t.tv_sec, t.tv_nsec));
        assert_eq!(read("12"), Some((12, 0)));
        assert_eq!(read("12.5"), Some((12, 500_000_000)));
        assert_eq!(read("12.1234567899"), Some((12, 123_456_789)));
        assert_eq!(read("-1.25"), Some((-2, 750_000_000)));
        assert_eq!(read("-0.25"), Some((-1, 750_000_000)));
        for bad in ["", "x", "1.x", "1.-5"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn attributes_that_steer_overlayfs_are_dropped() {
        let mut kept = Vec::new();
        for key in ["trusted.overlay.redirect", "user.overlay.opaque", "user.a", "security.capability", "system.posix_acl_access", "x"] {
            keep_xattr(&mut kept, key, b"v", b"f").unwrap();
        }
        let names: Vec<&str> = kept.iter().map(|(k, _)| k.as_str()).collect();
        assert_eq!(names, ["user.a", "security.capability", "system.posix_acl_access"]);
        assert!(keep_xattr(&mut kept, "user.b", &vec![0; 70_000], b"f").is_err());
    }
}
