//! The container's /dev: a file system of its own, made from scratch and by descriptor before anybody in the container can reach it.
//!
//! Nothing of the image's /dev is used or trusted: that was the way out of CVE-2025-31133, CVE-2025-52565 and CVE-2026-41579.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use stead_sys::device::{self as kernel, DeviceFile, DeviceId};
use stead_sys::mount::{self, Flags, Param};
use stead_sys::path::{self, Mode, OFlags};

use crate::spec::Plan;

/// What every container has: name, major, minor, all 0666.
const NODES: [(&str, u32, u32); 6] = [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// The standard links.
const LINKS: [(&str, &str); 6] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
    ("core", "/proc/kcore"),
];

/// `/dev/null`'s number.
pub(crate) const NULL: DeviceId = DeviceId { block: false, major: 1, minor: 3 };
/// Most device files given to one container: a privileged one gets all of the host's.
const NODES_MAX: usize = 4096;

/// A device file to make.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where, in the container.
    pub(crate) target: PathBuf,
    /// Where it is on the host, for a bind where mknod is not allowed.
    pub(crate) host: PathBuf,
    /// What.
    pub(crate) file: DeviceFile,
}

/// Devices of the host that cannot be looked at are left out here; [`missing`] tells which.
pub(crate) fn given(plan: &Plan) -> Vec<(Node, String)> {
    let mut nodes = Vec::new();
    for device in &plan.devices {
        match kernel::stat(&device.host) {
            Ok(Some(file)) => {
                let node = Node { target: device.container.clone(), host: device.host.clone(), file };
                nodes.push((node, device.access.clone()));
            }
            Ok(None) => below(&device.host, &device.container, &mut |node| nodes.push((node, device.access.clone()))),
            Err(_) => {}
        }
    }
    nodes
}

/// The first of the plan's devices that is not there, in Docker's words.
pub(crate) fn missing(plan: &Plan) -> Option<String> {
    plan.devices.iter().find_map(|device| {
        let error = kernel::stat(&device.host).err()?;
        let words =
            if error.io_kind() == std::io::ErrorKind::NotFound { "no such file or directory".to_owned() } else { error.source.to_string() };
        Some(format!("error gathering device information while adding custom device \"{}\": {words}", device.host.display()))
    })
}

/// Every device of the host, for a privileged container; what every container has of its own is left out.
pub(crate) fn all_of_host() -> Vec<Node> {
    let mut nodes = Vec::new();
    below(Path::new("/dev"), Path::new("/dev"), &mut |node: Node| {
        let own = NODES.iter().any(|(name, ..)| node.target == Path::new("/dev").join(name)) || node.target.ends_with("console");
        if !own && nodes.len() < NODES_MAX {
            nodes.push(node);
        }
    });
    nodes
}

/// Directories of /dev that are mounts of their own in every container.
const OWN_DIRECTORIES: [&str; 5] = ["pts", "shm", "fd", "mqueue", ".udev"];

fn below(host: &Path, container: &Path, take: &mut impl FnMut(Node)) {
    for entry in std::fs::read_dir(host).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let (from, to) = (entry.path(), container.join(&name));
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                if !OWN_DIRECTORIES.iter().any(|own| *own == name) {
                    below(&from, &to, take);
                }
            }
            // Symlinks would give a device twice, under a name that may mean another device tomorrow.
            Ok(kind) if kind.is_symlink() => {}
            _ => {
                if let Ok(Some(file)) = kernel::stat(&from) {
                    take(Node { target: to, host: from, file });
                }
            }
        }
    }
}

/// The new file systems of a /dev, the first not yet attached.
#[derive(Debug)]
pub(crate) struct Dev {
    /// /dev itself, detached.
    pub(crate) tree: OwnedFd,
}

impl Dev {
    /// Makes /dev with its standard files and `places` for what is mounted in it.
    pub(crate) fn new(places: &[&str]) -> stead_sys::Result<Self> {
        let params = [Param::Text("source", "tmpfs"), Param::Text("size", "65536k"), Param::Text("mode", "755")];
        let tree = mount::new_filesystem("tmpfs", &params, Flags::MOUNT_ATTR_NOSUID | Flags::MOUNT_ATTR_STRICTATIME)?;
        let dev = Self { tree };
        for (name, major, minor) in NODES {
            let file = DeviceFile { id: DeviceId { block: false, major, minor }, mode: 0o666, uid: 0, gid: 0 };
            dev.node(&Node { target: Path::new("/dev").join(name), host: Path::new("/dev").join(name), file })?;
        }
        for (name, target) in LINKS {
            kernel::symlink(Path::new(target), dev.tree.as_fd(), Path::new(name))?;
        }
        for name in places {
            kernel::mkdir(dev.tree.as_fd(), Path::new(name), 0o755)?;
        }
        Ok(dev)
    }

    /// Makes a device below /dev. Existing ones stay as they are.
    pub(crate) fn node(&self, node: &Node) -> stead_sys::Result<()> {
        let Ok(inside) = node.target.strip_prefix("/dev") else { return Ok(()) };
        make_below(self.tree.as_fd(), inside, node)
    }

    /// The place of a mount inside /dev.
    pub(crate) fn place(&self, name: &str) -> stead_sys::Result<OwnedFd> {
        path::open_beneath_same_mount(self.tree.as_fd(), Path::new(name), OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())
    }

    /// An empty file for the terminal to be mounted on.
    pub(crate) fn console(&self) -> stead_sys::Result<OwnedFd> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW;
        drop(path::open_beneath_same_mount(self.tree.as_fd(), Path::new("console"), flags, Mode::from_raw_mode(0o600))?);
        self.place("console")
    }
}

/// Makes a device at a path below a directory, which the caller trusts to be the container's own.
pub(crate) fn make_below(dir: BorrowedFd<'_>, inside: &Path, node: &Node) -> stead_sys::Result<()> {
    let Some(name) = inside.file_name() else { return Ok(()) };
    let parent = match inside.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => path::mkdir_all_in_root(dir, parent, Mode::from_raw_mode(0o755))?,
        _ => path::open_beneath(dir, Path::new("."), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?,
    };
    match kernel::make(parent.as_fd(), Path::new(name), &node.file) {
        Err(error) if error.io_kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        // Without the right to make devices (a user namespace), the host's own is bound, after a look at what it is.
        Err(error) if error.io_kind() == std::io::ErrorKind::PermissionDenied => bind(parent.as_fd(), Path::new(name), node),
        other => other,
    }
}

fn bind(parent: BorrowedFd<'_>, name: &Path, node: &Node) -> stead_sys::Result<()> {
    let host = kernel::open_verified(&node.host, node.file.id, OFlags::PATH)?;
    let tree = mount::clone_tree(&host, mount::Depth::Top, &node.host)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW;
    drop(path::open_beneath(parent, name, flags, Mode::from_raw_mode(0o666))?);
    let place = path::open_beneath(parent, name, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
    mount::attach(&tree, &place, name)
}
