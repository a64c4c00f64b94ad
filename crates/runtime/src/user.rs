//! Who the process is: users and groups looked up in the image's own files, without NSS.
//!
//! NSS would load libraries, the image's or the host's, into a privileged process (CVE-2019-14271). The files are hostile: only regular
//! ones of at most a mebibyte are read. Rules and texts are those of moby/sys/user's `GetExecUser`.

use std::os::fd::BorrowedFd;
use std::path::Path;

use stead_mount::Owner;
use stead_sys::path::read_regular_in_root;

/// More than any honest passwd or group file (CVE-2026-47262 was an endless one).
const FILE_MAX: usize = 1024 * 1024;
/// Largest id Docker takes.
const ID_MAX: u32 = i32::MAX.unsigned_abs();

/// The ids of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// All supplementary groups, the primary one first, without repetition: exactly these are set (CVE-2022-36109).
    pub groups: Vec<u32>,
    /// Home directory.
    pub home: String,
}

/// Why there is no such user.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The user has no line.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    NoUser(String),
    /// The group has no line.
    #[error("unable to find group {0}: no matching entries in group file")]
    NoGroup(String),
    /// A number out of range.
    #[error("uids and gids must be in range 0-2147483647")]
    Range,
    /// A file cannot be read.
    #[error("unable to find user {user}: {source}")]
    Read {
        /// What was looked for.
        user: String,
        /// What failed.
        source: stead_sys::Error,
    },
}

/// One line of the passwd file.
#[derive(Debug, PartialEq, Eq)]
struct User<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

/// One line of the group file.
#[derive(Debug, PartialEq, Eq)]
struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: Vec<&'a str>,
}

/// Looks up a user as Docker's `--user` names it, in the root file system `root`.
pub fn lookup(root: BorrowedFd<'_>, spec: &str, group_add: &[String]) -> Result<Identity, UserError> {
    let read = |path: &str| match read_regular_in_root(root, Path::new(path), FILE_MAX) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()),
        Err(source) => Err(UserError::Read { user: spec.to_owned(), source }),
    };
    resolve(spec, group_add, &read("etc/passwd")?, &read("etc/group")?)
}

/// Whose a mount's files are to be, looked up as [`lookup`] does.
pub(crate) fn owner(root: BorrowedFd<'_>, spec: &str) -> Result<Owner, String> {
    lookup(root, spec, &[]).map(|found| Owner { uid: found.uid, gid: found.gid }).map_err(|error| error.to_string())
}

/// The rules, on the files' texts.
fn resolve(spec: &str, group_add: &[String], passwd: &str, group: &str) -> Result<Identity, UserError> {
    let (user_word, group_word) = match spec.split_once(':') {
        Some((user, group)) => (user, group),
        None => (spec, ""),
    };
    let user_word = if user_word.is_empty() { "0" } else { user_word };
    let number = id(user_word)?;
    let found = users(passwd).find(|user| user.name == user_word || Some(user.uid) == number);
    let (uid, mut gid, home) = match (&found, number) {
        (Some(user), _) => (user.uid, user.gid, user.home),
        (None, Some(uid)) => (uid, 0, "/"),
        (None, None) => return Err(UserError::NoUser(user_word.to_owned())),
    };
    let mut extra = Vec::new();
    if group_word.is_empty() {
        if let Some(user) = &found {
            extra.extend(groups(group).filter(|line| line.members.contains(&user.name)).map(|line| line.gid));
        }
    } else {
        gid = group_id(group_word, group)?.ok_or_else(|| UserError::NoGroup(group_word.to_owned()))?;
    }
    for word in group_add {
        extra.push(group_id(word, group)?.ok_or_else(|| UserError::NoGroup(word.clone()))?);
    }
    let mut all = vec![gid];
    for gid in extra {
        if !all.contains(&gid) {
            all.push(gid);
        }
    }
    let home = if home.is_empty() { "/" } else { home };
    Ok(Identity { uid, gid, groups: all, home: home.to_owned() })
}

/// A group by name, else by number, which need not have a line.
fn group_id(word: &str, group: &str) -> Result<Option<u32>, UserError> {
    let number = id(word)?;
    Ok(groups(group).find(|line| line.name == word || Some(line.gid) == number).map(|line| line.gid).or(number))
}

/// A word that is a number; a number out of range is an error, not a name.
fn id(word: &str) -> Result<Option<u32>, UserError> {
    if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match word.parse::<u32>() {
        Ok(number) if number <= ID_MAX => Ok(Some(number)),
        _ => Err(UserError::Range),
    }
}

fn users(passwd: &str) -> impl Iterator<Item = User<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User { name, uid, gid, home: fields.nth(1).unwrap_or_default() })
    })
}

fn groups(group: &str) -> impl Iterator<Item = Group<'_>> {
    group.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let gid = fields.nth(1)?.parse().ok()?;
        let members = fields.next().unwrap_or_default().split(',').filter(|member| !member.is_empty()).collect();
        Some(Group { name, gid, members })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# comment\nbroken\nredis:x:999:998::/var/lib/redis:/bin/sh\nnohome:x:5:6:::\n";
    const GROUP: &str = "root:x:0:\nwheel:x:10:root,redis\nredis:x:998:\ndata:x:50:redis\n";

    fn at(spec: &str, add: &[&str]) -> Result<Identity, String> {
        let add: Vec<String> = add.iter().map(ToString::to_string).collect();
        resolve(spec, &add, PASSWD, GROUP).map_err(|error| error.to_string())
    }

    fn ids(uid: u32, gid: u32, groups: &[u32], home: &str) -> Result<Identity, String> {
        Ok(Identity { uid, gid, groups: groups.to_vec(), home: home.to_owned() })
    }

    #[test]
    fn every_form_is_looked_up_as_docker_does() {
        assert_eq!(at("", &[]), ids(0, 0, &[0, 10], "/root"));
        assert_eq!(at("redis", &[]), ids(999, 998, &[998, 10, 50], "/var/lib/redis"));
        assert_eq!(at("999", &[]), ids(999, 998, &[998, 10, 50], "/var/lib/redis"));
        assert_eq!(at("redis:data", &[]), ids(999, 50, &[50], "/var/lib/redis"));
        assert_eq!(at("redis:7", &[]), ids(999, 7, &[7], "/var/lib/redis"));
        assert_eq!(at("1234", &[]), ids(1234, 0, &[0], "/"));
        assert_eq!(at("1234:5678", &[]), ids(1234, 5678, &[5678], "/"));
        assert_eq!(at(":50", &[]), ids(0, 50, &[50], "/root"));
        assert_eq!(at("nohome", &[]), ids(5, 6, &[6], "/"));
    }

    #[test]
    fn groups_are_added_by_name_and_number() {
        assert_eq!(at("1234", &["data", "77", "data"]), ids(1234, 0, &[0, 50, 77], "/"));
        assert_eq!(at("1234", &["nosuch"]), Err("unable to find group nosuch: no matching entries in group file".into()));
    }

    #[test]
    fn unknown_names_and_numbers_out_of_range_are_refused() {
        assert_eq!(at("nosuch", &[]), Err("unable to find user nosuch: no matching entries in passwd file".into()));
        assert_eq!(at("redis:nosuch", &[]), Err("unable to find group nosuch: no matching entries in group file".into()));
        assert_eq!(at("2147483648", &[]), Err("uids and gids must be in range 0-2147483647".into()));
        assert_eq!(at("99999999999999999999", &[]), Err("uids and gids must be in range 0-2147483647".into()));
    }
}
