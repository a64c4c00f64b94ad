//! The container's file system, put together in the child's own mount namespace by descriptor, and made its root.
//!
//! The order: the root file system is attached on top of the host's `/`, the kernel's file systems and /dev are made new, the engine's
//! files and the user's mounts follow, then everything that must not be seen or written is covered, and at last the host is let go.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use stead_mount::{Prepared, Ro, attach, attach_own};
use stead_sys::mount::{self, Change, Depth, Flags, Param};
use stead_sys::path::{self, Mode, OFlags};
use stead_sys::{device as kernel, namespace};

use crate::cgroup::Group;
use crate::confine::{Confinement, words};
use crate::device::{self, Dev};
use crate::launch::LaunchError;
use crate::spec::{Namespace, Plan};

/// What the parent prepared.
#[derive(Debug)]
pub(crate) struct Roots<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) tree: OwnedFd,
    pub(crate) engine_files: Vec<Prepared>,
    pub(crate) mounts: Vec<Prepared>,
    pub(crate) shm: Option<OwnedFd>,
    pub(crate) group: &'a Group,
}

/// What is needed of it afterwards.
#[derive(Debug)]
pub(crate) struct Built {
    /// The container's pseudo-terminals.
    pub(crate) devpts: OwnedFd,
    /// Its /dev, unless the user mounted another.
    pub(crate) dev: Option<Dev>,
}

/// nosuid, nodev, noexec.
const INERT: Flags = Flags::MOUNT_ATTR_NOSUID.union(Flags::MOUNT_ATTR_NODEV).union(Flags::MOUNT_ATTR_NOEXEC);

/// Builds it and enters it.
pub(crate) fn build(roots: Roots<'_>, confinement: &Confinement) -> Result<Built, LaunchError> {
    let Roots { plan, tree, engine_files, mounts, shm, group } = roots;
    namespace::make_root_private()?;
    mount::attach(&tree, &mount::handle(Path::new("/"))?, Path::new("/"))?;
    let taken = |target: &str| plan.mounts.iter().any(|mount| mount.target == Path::new(target));
    proc(plan, tree.as_fd(), taken("/proc"))?;
    if !taken("/sys") {
        sys(plan, tree.as_fd(), group, taken("/sys/fs/cgroup"))?;
    }
    let built = dev(plan, tree.as_fd(), shm, &taken)?;
    for file in engine_files {
        attach_own(tree.as_fd(), file).map_err(|error| LaunchError::setup(error.to_string()))?;
    }
    for user in mounts {
        attach(tree.as_fd(), user).map_err(|error| LaunchError::setup(error.to_string()))?;
    }
    workdir(tree.as_fd(), &confinement.cwd)?;
    if !plan.privileged {
        cover(plan, tree.as_fd(), built.dev.as_ref())?;
    }
    if plan.readonly_rootfs || plan.rootfs.attr.ro != Ro::No {
        read_only(&tree, Depth::Top, Path::new("/"))?;
    }
    namespace::pivot_into(tree.as_fd())?;
    Ok(built)
}

fn read_only(tree: &OwnedFd, depth: Depth, subject: &Path) -> stead_sys::Result<()> {
    mount::set_attr(tree, depth, Change { set: Flags::MOUNT_ATTR_RDONLY, ..Change::default() }, subject)
}

/// A directory directly below the root for a file system of the kernel. A symlink there is an image's attempt to have it elsewhere.
fn ordinary(root: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, LaunchError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let open = || path::open_beneath(root, Path::new(name), flags, Mode::empty());
    let opened = match open() {
        Err(error) if error.io_kind() == std::io::ErrorKind::NotFound => {
            kernel::mkdir(root, Path::new(name), 0o755)?;
            open()
        }
        other => other,
    };
    opened.map_err(|error| match error.io_kind() {
        std::io::ErrorKind::NotADirectory => LaunchError::setup(format!("filesystem {name:?} must be mounted on ordinary directory")),
        _ if error.errno() == Some(ELOOP) => LaunchError::setup(format!("filesystem {name:?} must be mounted on ordinary directory")),
        _ => error.into(),
    })
}

const ELOOP: i32 = 40;

/// A new /proc. Kernel parameters are written through its descriptor before anything of the user is mounted: no path of the
/// container can redirect them (CVE-2025-52881).
fn proc(plan: &Plan, root: BorrowedFd<'_>, taken: bool) -> Result<(), LaunchError> {
    let proc = mount::new_filesystem("proc", &[Param::Text("source", "proc")], INERT)?;
    for (key, value) in &plan.sysctls {
        sysctl(proc.as_fd(), key, value)?;
    }
    if !taken {
        let place = ordinary(root, "proc")?;
        mount::attach(&proc, &place, Path::new("/proc"))?;
    }
    Ok(())
}

fn sysctl(proc: BorrowedFd<'_>, key: &str, value: &str) -> Result<(), LaunchError> {
    let file = PathBuf::from("sys").join(key.replace('.', "/"));
    let failed = |words: String| LaunchError::setup(format!("open /proc/{}: {words}", file.display()));
    let fd = path::open_beneath(proc, &file, OFlags::WRONLY, Mode::empty()).map_err(|error| failed(words(&error)))?;
    std::fs::File::from(fd).write_all(value.as_bytes()).map_err(|error| LaunchError::setup(format!("write sysctl key {key}: {error}")))
}

fn sys(plan: &Plan, root: BorrowedFd<'_>, group: &Group, cgroup_taken: bool) -> Result<(), LaunchError> {
    let ro = if plan.privileged { Flags::empty() } else { Flags::MOUNT_ATTR_RDONLY };
    let sysfs = mount::new_filesystem("sysfs", &[Param::Text("source", "sysfs")], INERT | ro)?;
    let place = ordinary(root, "sys")?;
    mount::attach(&sysfs, &place, Path::new("/sys"))?;
    if cgroup_taken {
        return Ok(());
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let place = match path::open_beneath(sysfs.as_fd(), Path::new("fs/cgroup"), flags, Mode::empty()) {
        // A kernel without control groups has no place for them.
        Err(error) if error.io_kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let target = Path::new("/sys/fs/cgroup");
    if group.birthplace.is_some() {
        let tree = mount::new_filesystem("cgroup2", &[Param::Text("source", "cgroup")], INERT | ro)?;
        mount::attach(&tree, &place, target)?;
        return Ok(());
    }
    let tree = mount::new_filesystem("tmpfs", &[Param::Text("source", "tmpfs"), Param::Text("mode", "755")], INERT)?;
    mount::attach(&tree, &place, target)?;
    for (name, host) in &group.shown {
        kernel::mkdir(tree.as_fd(), Path::new(name), 0o755)?;
        let shown = mount::clone_tree(mount::dir_handle(host)?, Depth::Top, host)?;
        mount::set_attr(&shown, Depth::Top, Change { set: INERT | ro, ..Change::default() }, host)?;
        let place = path::open_beneath(tree.as_fd(), Path::new(name), flags, Mode::empty())?;
        mount::attach(&shown, &place, target)?;
    }
    for (alias, name) in &group.aliases {
        kernel::symlink(Path::new(name), tree.as_fd(), Path::new(alias))?;
    }
    if !plan.privileged {
        read_only(&tree, Depth::Top, target)?;
    }
    Ok(())
}

fn dev(plan: &Plan, root: BorrowedFd<'_>, shm: Option<OwnedFd>, taken: &dyn Fn(&str) -> bool) -> Result<Built, LaunchError> {
    let params = [
        Param::Text("source", "devpts"),
        Param::Flag("newinstance"),
        Param::Text("ptmxmode", "0666"),
        Param::Text("mode", "0620"),
        Param::Text("gid", "5"),
    ];
    let devpts = mount::new_filesystem("devpts", &params, Flags::MOUNT_ATTR_NOSUID | Flags::MOUNT_ATTR_NOEXEC)?;
    if taken("/dev") {
        return Ok(Built { devpts, dev: None });
    }
    let shown = |name: &str| !plan.no_ipc_files || taken(name);
    let places = [("pts", true), ("shm", shown("/dev/shm")), ("mqueue", shown("/dev/mqueue"))];
    let places: Vec<&str> = places.into_iter().filter_map(|(name, shown)| shown.then_some(name)).collect();
    let dev = Dev::new(&places)?;
    let place = ordinary(root, "dev")?;
    mount::attach(&dev.tree, &place, Path::new("/dev"))?;
    if !taken("/dev/pts") {
        mount::attach(&devpts, dev.place("pts")?, Path::new("/dev/pts"))?;
    }
    if !taken("/dev/shm") && !plan.no_ipc_files {
        let shm = shm.map_or_else(|| shared_memory(plan), Ok)?;
        mount::attach(&shm, dev.place("shm")?, Path::new("/dev/shm"))?;
    }
    if !taken("/dev/mqueue") && !plan.no_ipc_files {
        let queues = mount::new_filesystem("mqueue", &[Param::Text("source", "mqueue")], INERT)?;
        mount::attach(&queues, dev.place("mqueue")?, Path::new("/dev/mqueue"))?;
    }
    let nodes =
        device::given(plan).into_iter().map(|(node, _)| node).chain(plan.privileged.then(device::all_of_host).into_iter().flatten());
    for node in nodes {
        if node.target.starts_with("/dev") {
            dev.node(&node)?;
        } else {
            device::make_below(root, path::relative(&node.target), &node)?;
        }
    }
    Ok(Built { devpts, dev: Some(dev) })
}

fn shared_memory(plan: &Plan) -> stead_sys::Result<OwnedFd> {
    if plan.namespaces.ipc == Namespace::Host {
        let host = Path::new("/dev/shm");
        return mount::clone_tree(mount::handle(host)?, Depth::Top, host);
    }
    let size = plan.shm_bytes().to_string();
    let params = [Param::Text("source", "shm"), Param::Text("mode", "1777"), Param::Text("size", &size)];
    mount::new_filesystem("tmpfs", &params, INERT)
}

/// The working directory, made in the container's root where it is missing, as Docker does.
fn workdir(root: BorrowedFd<'_>, cwd: &str) -> Result<(), LaunchError> {
    match path::mkdir_all_in_root(root, path::relative(Path::new(cwd)), Mode::from_raw_mode(0o755)) {
        Ok(_) => Ok(()),
        Err(error) if error.io_kind() == std::io::ErrorKind::NotADirectory => {
            Err(LaunchError::setup(format!("Cannot mkdir: {cwd} is not a directory")))
        }
        // Magic links (WORKDIR /proc/self/fd/7) are refused like this.
        Err(error) => Err(LaunchError::setup(format!("mkdir {cwd}: {}", words(&error)))),
    }
}

/// Hides and protects paths. What covers a file is a /dev/null we made or the host's, taken by descriptor and checked for what it is;
/// never what the container has at that path (CVE-2025-31133).
fn cover(plan: &Plan, root: BorrowedFd<'_>, dev: Option<&Dev>) -> Result<(), LaunchError> {
    let null_path = Path::new("/dev/null");
    let null = match dev {
        Some(dev) => dev.place("null")?,
        None => kernel::open_verified(null_path, device::NULL, OFlags::PATH)?,
    };
    if kernel::identify(null.as_fd())?.is_none_or(|file| file.id != device::NULL) {
        return Err(LaunchError::setup("/dev/null is not the null device"));
    }
    for target in plan.readonly_paths.iter().map(Path::new) {
        let Some(place) = present(root, target)? else { continue };
        let tree = mount::clone_tree(&place, Depth::Tree, target)?;
        read_only(&tree, Depth::Tree, target)?;
        mount::attach(&tree, &place, target)?;
    }
    for target in plan.masked_paths.iter().map(Path::new) {
        let Some(place) = present(root, target)? else { continue };
        let tree = if mount::shape(&place, target)?.is_dir {
            mount::new_filesystem("tmpfs", &[Param::Text("source", "tmpfs")], INERT | Flags::MOUNT_ATTR_RDONLY)?
        } else {
            mount::clone_tree(&null, Depth::Top, null_path)?
        };
        mount::attach(&tree, &place, target)?;
    }
    Ok(())
}

fn present(root: BorrowedFd<'_>, target: &Path) -> Result<Option<OwnedFd>, LaunchError> {
    match mount::handle_in_root(root, target) {
        Ok(place) => Ok(Some(place)),
        Err(error) if matches!(error.io_kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
