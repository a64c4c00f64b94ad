//! Control groups as the kernel shows them: which hierarchies are mounted, and raw reads and writes of their files.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::path::{open_beneath, open_root};
use crate::{Error, Result};

/// Where every distribution mounts them.
const MOUNT_POINT: &str = "/sys/fs/cgroup";
/// `CGROUP2_SUPER_MAGIC`.
const CGROUP2_MAGIC: u64 = 0x6367_7270;
/// `CGROUP_SUPER_MAGIC`.
const CGROUP1_MAGIC: u64 = 0x0027_e0eb;
/// Longest value read from a control file.
const VALUE_MAX: usize = 64 * 1024;

/// One mounted v1 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Name of its directory, e.g. `memory` or `cpu,cpuacct` or `systemd`.
    pub name: String,
    /// Where it is mounted.
    pub path: PathBuf,
}

impl Hierarchy {
    /// Whether it has this controller.
    pub fn has(&self, controller: &str) -> bool {
        self.name.split(',').any(|part| part == controller)
    }
}

/// What is mounted on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// The v1 hierarchies, by name.
    pub v1: Vec<Hierarchy>,
    /// Other names of hierarchies: (link, hierarchy), e.g. (`cpu`, `cpu,cpuacct`).
    pub aliases: Vec<(String, String)>,
    /// The v2 hierarchy; next to v1 ones (hybrid) it has no controllers.
    pub v2: Option<PathBuf>,
}

impl Layout {
    /// Whether controllers are found in v2.
    pub fn is_v2(&self) -> bool {
        self.v1.is_empty() && self.v2.is_some()
    }

    /// Both versions mounted.
    pub fn is_hybrid(&self) -> bool {
        !self.v1.is_empty() && self.v2.is_some()
    }

    /// The v1 hierarchy with a controller.
    pub fn with(&self, controller: &str) -> Option<&Hierarchy> {
        self.v1.iter().find(|hierarchy| hierarchy.has(controller))
    }
}

/// Looks what is mounted under /sys/fs/cgroup. No mountinfo is read: it is long on busy hosts, and every start comes here.
pub fn detect() -> Result<Layout> {
    let root = Path::new(MOUNT_POINT);
    if magic(root)? == CGROUP2_MAGIC {
        return Ok(Layout { v2: Some(root.to_path_buf()), ..Layout::default() });
    }
    let mut layout = Layout::default();
    let entries = std::fs::read_dir(root).map_err(|error| Error::new("readdir", root, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Error::new("readdir", root, error))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| Error::new("stat", &path, error))?;
        if kind.is_symlink() {
            if let Ok(target) = std::fs::read_link(&path) {
                layout.aliases.push((name, target.to_string_lossy().into_owned()));
            }
        } else if kind.is_dir() {
            match magic(&path)? {
                CGROUP1_MAGIC => layout.v1.push(Hierarchy { name, path }),
                CGROUP2_MAGIC => layout.v2 = Some(path),
                _ => {}
            }
        }
    }
    layout.v1.sort_by(|a, b| a.name.cmp(&b.name));
    layout.aliases.sort();
    Ok(layout)
}

fn magic(path: &Path) -> Result<u64> {
    let stat = rustix::fs::statfs(path).map_err(|errno| Error::new("statfs", path, errno))?;
    Ok(u64::try_from(stat.f_type).unwrap_or_default())
}

/// Opens a group's directory for use with the functions below.
pub fn open(path: &Path) -> Result<OwnedFd> {
    open_root(path)
}

/// Opens (and with `create`, makes) one group below another. The answer tells whether it was made now.
pub fn open_child(parent: BorrowedFd<'_>, name: &str, create: bool) -> Result<(OwnedFd, bool)> {
    let rel = Path::new(name);
    let made = if create {
        match rustix::fs::mkdirat(parent, rel, Mode::from_raw_mode(0o755)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(errno) => return Err(Error::new("mkdir", rel, errno)),
        }
    } else {
        false
    };
    let fd = open_beneath(parent, rel, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
    Ok((fd, made))
}

/// Writes one value into a control file.
pub fn write(group: BorrowedFd<'_>, file: &str, value: &str) -> Result<()> {
    let fd = open_file(group, file, OFlags::WRONLY)?;
    loop {
        match rustix::io::write(&fd, value.as_bytes()) {
            Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(Error::new("write", file, errno)),
        }
    }
}

/// Opens a control file to keep, e.g. `cgroup.procs` for a child to write itself into.
pub fn open_file(group: BorrowedFd<'_>, file: &str, flags: OFlags) -> Result<OwnedFd> {
    rustix::fs::openat(group, file, flags | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| Error::new("open", file, errno))
}

/// Moves the calling process into the group whose opened `cgroup.procs` is given.
pub fn join(procs: BorrowedFd<'_>) -> Result<()> {
    rustix::io::write(procs, b"0").map(drop).map_err(|errno| Error::new("write", "cgroup.procs", errno))
}

/// Reads a control file.
pub fn read(group: BorrowedFd<'_>, file: &str) -> Result<String> {
    let fd = open_file(group, file, OFlags::RDONLY)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(VALUE_MAX).unwrap_or(u64::MAX);
    std::io::Read::read_to_end(&mut std::io::Read::take(std::fs::File::from(fd), limit), &mut bytes)
        .map_err(|error| Error::new("read", file, error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The processes of a group (not of the groups below it), as this pid namespace numbers them.
pub fn processes(group: BorrowedFd<'_>) -> Result<Vec<i32>> {
    Ok(read(group, "cgroup.procs")?.lines().filter_map(|line| line.trim().parse().ok()).filter(|pid| *pid != 0).collect())
}

/// The processes of a group and of all groups below it. What goes away meanwhile is not in the answer.
pub fn processes_below(group: BorrowedFd<'_>) -> Result<Vec<i32>> {
    let mut found = processes(group)?;
    let listing = rustix::fs::Dir::read_from(group).map_err(|errno| Error::new("readdir", "group", errno))?;
    for entry in listing.flatten() {
        let name = entry.file_name();
        if entry.file_type() == rustix::fs::FileType::Directory && name != c"." && name != c".." {
            let rel = name.to_string_lossy();
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            if let Ok(inner) = open_beneath(group, Path::new(rel.as_ref()), flags, Mode::empty()) {
                found.extend(processes_below(inner.as_fd()).unwrap_or_default());
            }
        }
    }
    Ok(found)
}

/// Removes the group `path` (below `parent`) and every group inside it. Missing is done; a process inside is `EBUSY`.
pub fn remove(parent: BorrowedFd<'_>, path: &Path) -> Result<()> {
    match rustix::fs::unlinkat(parent, path, rustix::fs::AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::BUSY) => {}
        Err(errno) => return Err(Error::new("rmdir", path, errno)),
    }
    // Control files cannot be removed and need not be: only groups made inside (by a privileged container) stand in the way.
    let group = open_beneath(parent, path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
    let listing = rustix::fs::Dir::read_from(&group).map_err(|errno| Error::new("readdir", path, errno))?;
    for entry in listing {
        let entry = entry.map_err(|errno| Error::new("readdir", path, errno))?;
        let name = entry.file_name();
        if entry.file_type() == rustix::fs::FileType::Directory && name != c"." && name != c".." {
            remove(group.as_fd(), Path::new(name.to_string_lossy().as_ref()))?;
        }
    }
    match rustix::fs::unlinkat(parent, path, rustix::fs::AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Error::new("rmdir", path, errno)),
    }
}

/// Reads a value of a path outside any group, e.g. `/proc/self/cgroup`.
pub fn read_path(path: &Path) -> Result<String> {
    let fd =
        rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| Error::new("open", path, errno))?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::fs::File::from(fd), &mut text).map_err(|error| Error::new("read", path, error))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_mounted_and_named() {
        let layout = detect().unwrap();
        assert!(layout.is_v2() || !layout.v1.is_empty());
        for hierarchy in &layout.v1 {
            assert!(hierarchy.path.join("cgroup.procs").exists(), "{}", hierarchy.name);
        }
    }

    #[test]
    fn groups_are_made_read_and_removed_with_those_inside() {
        let layout = detect().unwrap();
        let top = layout.v1.first().map(|hierarchy| hierarchy.path.clone()).or(layout.v2).unwrap();
        let root = open(&top).unwrap();
        let name = format!("stead-test-{}", std::process::id());
        let (group, made) = open_child(root.as_fd(), &name, true).unwrap();
        assert!(made && !open_child(root.as_fd(), &name, true).unwrap().1);
        open_child(group.as_fd(), "inner", true).unwrap();
        assert!(processes(group.as_fd()).unwrap().is_empty());
        drop(group);
        remove(root.as_fd(), Path::new(&name)).unwrap();
        assert!(!top.join(&name).exists());
        remove(root.as_fd(), Path::new(&name)).unwrap();
    }
}
