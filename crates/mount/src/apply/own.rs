//! Whose the files of a mount are: mapped (nothing changes on the disk), given away (`U`), labelled.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use stead_sys::idmap::{self, ALL, Range, UserNamespace};
use stead_sys::mount::Depth;
use stead_sys::owner::{self, Owner};
use stead_sys::{selinux, statfs};

use super::{ApplyError, at};
use crate::extra::{IdRange, MATCH_USER};
use crate::value::{Mount, Relabel};

/// Looks up a user of the container as `--user` names it; the empty word is the one it runs as.
pub type Who<'a> = &'a dyn Fn(&str) -> Result<Owner, String>;

/// Directories of the host that nobody gives to a container's user, with what lies below them.
const SYSTEM: [&str; 14] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/dpkg",
    "/var/lib/rpm",
];

/// Directories of which that is true only themselves: people keep data below them.
const SHARED: [&str; 14] =
    ["/", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/var", "/var/lib", "/var/log", "/var/tmp", "/var/run"];

/// What a source needs before it is mounted: its owner, its label. Refused for what belongs to the system.
pub(super) fn before(handle: BorrowedFd<'_>, source: &Path, mount: &Mount, who: Who<'_>) -> Result<(), ApplyError> {
    if mount.chown {
        let user = look_up(who, "")?;
        refuse_system(handle, source, mount, "giving it to the container's user")?;
        owner::give(handle, user, source).map_err(at(&mount.target))?;
    }
    let Some(relabel) = mount.relabel else { return Ok(()) };
    if !selinux::is_enabled() {
        return Ok(());
    }
    refuse_system(handle, source, mount, "SELinux relabeling")?;
    let label = selinux::file_label(selinux::own_context().as_deref(), relabel == Relabel::Private);
    selinux::label_tree(handle, &label, source).map_err(at(&mount.target))
}

fn refuse_system(handle: BorrowedFd<'_>, source: &Path, mount: &Mount, what: &'static str) -> Result<(), ApplyError> {
    if is_system(handle, source).map_err(at(&mount.target))? {
        return Err(ApplyError::System { source_path: source.display().to_string(), what });
    }
    Ok(())
}

/// Whether a handle leads to something of the system, by what it is: a symbolic link or a bind elsewhere makes no difference.
fn is_system(handle: BorrowedFd<'_>, source: &Path) -> stead_sys::Result<bool> {
    let paths = |list: &'static [&'static str]| list.iter().map(Path::new).collect::<Vec<_>>();
    Ok(owner::is_at(handle, &paths(&SHARED), false, source)? || owner::is_at(handle, &paths(&SYSTEM), true, source)?)
}

fn look_up(who: Who<'_>, word: &str) -> Result<Owner, ApplyError> {
    who(word).map_err(ApplyError::User)
}

/// The maps of a mount, or none where nothing has to be mapped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Maps {
    uids: Vec<Range>,
    gids: Vec<Range>,
    /// Whether the owner `root` takes part in an exchange.
    pub(super) with_root: bool,
}

/// What the mount's mapping comes to for this source and this user.
pub(super) fn maps(handle: BorrowedFd<'_>, source: &Path, mount: &Mount, who: Who<'_>) -> Result<Option<Maps>, ApplyError> {
    let Some(mapping) = &mount.idmap else { return Ok(None) };
    if mapping.source != MATCH_USER {
        return Ok(Some(Maps { uids: explicit(&mapping.uids), gids: explicit(&mapping.gids), with_root: false }));
    }
    let user = look_up(who, &mapping.user)?;
    let theirs = owner::of(handle, source).map_err(at(&mount.target))?;
    if user == theirs {
        return Ok(None);
    }
    if theirs.uid == 0 && user.uid != 0 {
        // Whatever root owns would be the container's user's to change.
        refuse_system(handle, source, mount, "mapping its owner to the container's user")?;
    }
    let with_root = theirs.uid != user.uid && (theirs.uid == 0 || user.uid == 0);
    Ok(Some(Maps { uids: exchange(theirs.uid, user.uid), gids: exchange(theirs.gid, user.gid), with_root }))
}

fn explicit(ranges: &[IdRange]) -> Vec<Range> {
    ranges.iter().map(|r| Range { on_disk: r.on_disk, shown: r.shown, count: r.count }).collect()
}

/// All ids as they are, but for two that change places. The kernel wants maps that lead back, so nobody can be lost in it.
fn exchange(a: u32, b: u32) -> Vec<Range> {
    let (low, high) = (a.min(b), a.max(b));
    let same = |first: u32, end: u32| Range { on_disk: first, shown: first, count: end - first };
    let one = |on_disk, shown| Range { on_disk, shown, count: 1 };
    // Ids the kernel does not have cannot be owners; nothing is done about them.
    if low == high || high == ALL {
        return Vec::new();
    }
    let all = [same(0, low), one(low, high), same(low + 1, high), one(high, low), same(high + 1, ALL)];
    all.into_iter().filter(|range| range.count > 0).collect()
}

/// Puts the maps on a detached tree. What they were made with may be dropped when there is time.
pub(super) fn map(tree: &OwnedFd, maps: &Maps, source: &Path, mount: &Mount, depth: Depth) -> Result<UserNamespace, ApplyError> {
    let space = idmap::user_namespace(&maps.uids, &maps.gids).map_err(at(&mount.target))?;
    idmap::set(tree, depth, &space, source).map_err(|error| refused(tree, &error, source, depth))?;
    Ok(space)
}

/// Says what is in the way, and what else would do.
fn refused(tree: &OwnedFd, error: &stead_sys::Error, source: &Path, depth: Depth) -> ApplyError {
    let path = source.display().to_string();
    let reason = match error.errno() {
        Some(EPERM) => format!("{path}, or a mount below it, is mounted with an id map already"),
        Some(ENOSYS) => "id-mapped mounts need Linux 5.12 or newer".to_owned(),
        Some(EINVAL) => {
            let kind = statfs::of(tree, source).map(|info| format!("{:?}", info.kind).to_lowercase()).unwrap_or_default();
            let below = if depth == Depth::Tree { " (or one mounted below it: bind-recursive=disabled leaves those out)" } else { "" };
            format!("the file system of {path}, {kind}{below}, cannot be mounted with an id map")
        }
        _ => error.to_string(),
    };
    ApplyError::NoIdmap { reason }
}

const EPERM: i32 = 1;
const EINVAL: i32 = 22;
const ENOSYS: i32 = 38;

/// The error of a mount that needs a user where none is known.
pub(super) fn nobody(_word: &str) -> Result<Owner, String> {
    Err("the mount needs the container's user, and there is no container".to_owned())
}

#[cfg(test)]
#[path = "own_tests.rs"]
mod tests;
