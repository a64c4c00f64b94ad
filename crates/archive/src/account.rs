//! Who a container's user is, by number: read from the root's own /etc/passwd and /etc/group, with no library of anybody's loaded for it.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use crate::write::Follow;
use crate::{Error, Result, scope};

/// Longest file looked at: an image may put an endless one there.
const FILE_MAX: usize = 1 << 20;

/// User and group id of `USER[:GROUP]` below `root`; each a name or a number. Without a group, the user's own, or 0.
///
/// # Errors
/// [`Error::NoAccount`].
pub fn account(root: BorrowedFd<'_>, user: &str) -> Result<(u32, u32)> {
    let (user, group) = user.split_once(':').map_or((user, None), |(user, group)| (user, Some(group)));
    let passwd = file(root, "/etc/passwd")?;
    let line = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.len() >= 4 && (fields[0] == user || (!passwd_has(&passwd, user) && fields[2] == user)));
    let number = |text: &str| text.parse::<u32>().ok();
    let uid = line.as_ref().and_then(|fields| number(fields[2])).or_else(|| number(user));
    let uid = uid.ok_or_else(|| Error::NoAccount { what: "user", name: user.to_owned(), file: "passwd" })?;
    let gid = match group {
        None | Some("") => line.as_ref().and_then(|fields| number(fields[3])).unwrap_or(0),
        Some(group) => {
            let text = file(root, "/etc/group")?;
            let found = text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.len() >= 3 && fields[0] == group);
            let gid = found.and_then(|fields| number(fields[2])).or_else(|| number(group));
            gid.ok_or_else(|| Error::NoAccount { what: "group", name: group.to_owned(), file: "group" })?
        }
    };
    Ok((uid, gid))
}

/// A name wins over a number that looks like it.
fn passwd_has(passwd: &str, name: &str) -> bool {
    passwd.lines().any(|line| line.split(':').next() == Some(name))
}

/// The beginning of a regular file; empty when there is none. Its type is known before it is opened for reading.
fn file(root: BorrowedFd<'_>, path: &str) -> Result<String> {
    let Ok(handle) = scope::open(root, Path::new(path), OFlags::PATH, Follow::InRoot) else { return Ok(String::new()) };
    let failed = |errno: Errno| Error::Sys(stead_sys::Error::new("read", path, errno));
    if scope::type_of(&rustix::fs::fstat(&handle).map_err(failed)?) != FileType::RegularFile {
        return Ok(String::new());
    }
    let opened = scope::reopen(handle.as_fd(), OFlags::RDONLY | OFlags::NONBLOCK).map_err(failed)?;
    let mut bytes = vec![0; FILE_MAX];
    let mut length = 0;
    while length < bytes.len() {
        match rustix::io::read(&opened, &mut bytes[length..]).map_err(failed)? {
            0 => break,
            count => length += count,
        }
    }
    Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "scenery made and taken down by a test needs no durability")]
mod tests {
    use std::os::fd::AsFd;

    use super::account;

    #[test]
    fn names_and_numbers_are_looked_up_in_the_root() {
        let dir = std::path::PathBuf::from(format!("/var/tmp/stead-archive-account-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("etc")).unwrap();
        std::fs::write(dir.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nredis:x:999:998::/:/bin/sh\n7:x:70:71::/:/bin/sh\n").unwrap();
        std::fs::write(dir.join("etc/group"), "root:x:0:\nstaff:x:50:redis\n").unwrap();
        let root = std::fs::File::open(&dir).unwrap();
        let of = |user: &str| account(root.as_fd(), user).map_err(|error| error.to_string());
        assert_eq!(of("redis"), Ok((999, 998)));
        assert_eq!(of("999"), Ok((999, 998)));
        assert_eq!(of("redis:staff"), Ok((999, 50)));
        assert_eq!(of("12:34"), Ok((12, 34)));
        assert_eq!(of("12"), Ok((12, 0)));
        assert_eq!(of("7"), Ok((70, 71)));
        assert_eq!(of("nobody").unwrap_err(), "unable to find user nobody: no matching entries in passwd file");
        assert_eq!(of("0:wheel").unwrap_err(), "unable to find group wheel: no matching entries in group file");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
