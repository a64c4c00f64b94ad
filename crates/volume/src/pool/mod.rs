//! The pool: a btrfs of our own, in a sparse file or on a device, in which volumes are subvolumes and snapshots take milliseconds on any machine.
//!
//! `pool/pool.json` says what it is. It is written before anything is made (`is_ready` false) and again when everything is, so that whatever a crash
//! leaves has a name. The file system is made with its content (`mkfs.btrfs --rootdir`): nothing has to be mounted for that. It is mounted by whoever
//! first needs it, by way of the activation ledger, and stays mounted.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::{Deserialize, Serialize};
use stead_base::layout::{Root, RunRoot};
use stead_base::time::Time;
use stead_mount::local::mount_of;
use stead_mount::{FilesystemSpec, activate};
use stead_sys::lock::Lock;
use stead_sys::statfs::{self, FsKind};
use stead_sys::{durable, loop_device, process, quota};

use crate::{Error, Result, Volumes, staging};

/// Key and holder in the activation ledger.
pub const HOLDER: &str = "pool";
/// Inside the pool: its uuid, so that no other file system is taken for it.
const MARK: &str = ".stead-pool";
/// Below this btrfs is not made (`mkfs.btrfs` refuses less than 109 MiB; subvolumes need some room).
const SIZE_MIN: u64 = 256 << 20;
/// So often its unmounting is tried.
const UNMOUNT_TRIES: usize = 60;
/// A note is a few hundred bytes.
const NOTE_MAX: u64 = 64 << 10;
/// Where mkfs programs of a distribution are. Nothing near a container's files is ever executed.
const PROGRAMS: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// What is known of the pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    version: u32,
    /// 32 hexadecimal digits.
    pub uuid: String,
    /// The block device it is on; none: a sparse file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<PathBuf>,
    /// Bytes.
    pub size: u64,
    /// When it was made.
    pub created_at: Time,
    /// Whether it was made to the end.
    is_ready: bool,
}

/// The pool as it is now, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolState {
    /// What is known of it.
    pub pool: Pool,
    /// The file or device.
    pub source: PathBuf,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// Used in it.
    pub used: u64,
    /// Free in it.
    pub free: u64,
    /// What its sparse file takes of the host's disk; none for a device.
    pub allocated: Option<u64>,
    /// Free on the host's disk below the file; none for a device.
    pub host_free: Option<u64>,
    /// Names of the volumes in it.
    pub volumes: Vec<String>,
}

impl PoolState {
    /// Bytes that the file may still grow by and the host does not have.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let (Some(allocated), Some(host)) = (self.allocated, self.host_free) else { return 0 };
        self.pool.size.saturating_sub(allocated).saturating_sub(host)
    }
}

/// The note, if there is one.
pub(crate) fn read(root: &Root) -> Result<Option<Pool>> {
    use std::io::Read as _;
    let path = root.pool_note();
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(stead_sys::Error::new("open", &path, e).into()),
    };
    let mut bytes = Vec::new();
    file.take(NOTE_MAX).read_to_end(&mut bytes).map_err(|e| stead_sys::Error::new("read", &path, e))?;
    let pool: Pool = serde_json::from_slice(&bytes).map_err(|e| Error::Pool(format!("{} is damaged: {e}", path.display())))?;
    if pool.version > 1 {
        return Err(Error::Pool(format!("{} is of a later version of stead", path.display())));
    }
    Ok(Some(pool))
}

/// Whether a pool was made to the end, mounted or not.
#[must_use]
pub fn exists(root: &Root) -> bool {
    read(root).is_ok_and(|pool| pool.is_some_and(|pool| pool.is_ready))
}

/// Whether there may be one: a note that can not be read says nothing, and a pool in use must not be unmounted for that.
pub(crate) fn may_exist(root: &Root) -> bool {
    read(root).map_or(true, |pool| pool.is_some_and(|pool| pool.is_ready))
}

/// The pool's area; mounts the pool if it is not. `None`: there is no pool.
fn available(root: &Root, run_root: &RunRoot) -> Result<Option<PathBuf>> {
    let area = root.pool_volumes();
    if area.is_dir() {
        return Ok(Some(area));
    }
    let Some(pool) = read(root)?.filter(|pool| pool.is_ready) else { return Ok(None) };
    staging::make(&root.pool_mount(), 0o700)?;
    activate::activate(run_root, HOLDER, &mount_of(&pool.filesystem(root), &root.pool_mount()), &root.pool_mount(), HOLDER)?;
    let found = std::fs::read_to_string(root.pool_mount().join(MARK)).unwrap_or_default();
    if found.trim() != pool.uuid {
        activate::release(run_root, HOLDER, HOLDER)?;
        return Err(Error::Pool(format!("{} does not hold the pool {}", pool.source(root).display(), pool.uuid)));
    }
    Ok(Some(area))
}

impl Volumes {
    /// The pool's area, mounted if it has to be; `None` where the root has no pool.
    ///
    /// # Errors
    /// It can not be mounted.
    pub(crate) fn pool(&self) -> Result<Option<PathBuf>> {
        available(&self.root, &self.run_root)
    }

    /// The pool's area, if it is mounted.
    pub(crate) fn pool_if_mounted(&self) -> Option<PathBuf> {
        let area = self.root.pool_volumes();
        area.is_dir().then_some(area)
    }
}

impl Pool {
    fn source(&self, root: &Root) -> PathBuf {
        self.device.clone().unwrap_or_else(|| root.pool_image())
    }

    fn filesystem(&self, root: &Root) -> FilesystemSpec {
        // What is deleted inside gives its space back to the host (btrfs `discard=async`, Linux 5.6).
        let mut options = vec!["noatime".to_owned(), "discard=async".to_owned()];
        if self.device.is_none() {
            options.push("loop".to_owned());
        }
        FilesystemSpec { fstype: "btrfs".to_owned(), device: self.source(root).display().to_string(), options }
    }
}

impl Volumes {
    /// Makes the pool: `size` bytes in a sparse file, or the whole of `device`. When it returns, the pool survives a power cut.
    ///
    /// # Errors
    /// There is one; too small; the device is none, or carries something and `force` is not given; `mkfs.btrfs` is missing or fails; the disk.
    pub fn pool_create(&self, size: Option<u64>, device: Option<&Path>, force: bool) -> Result<Pool> {
        let _lock = self.pool_lock()?;
        match read(&self.root)? {
            Some(pool) if pool.is_ready => return Err(Error::PoolExists),
            // A crash left it: nothing was ever mounted from it.
            Some(unfinished) => self.pool_discard(&unfinished)?,
            None => {}
        }
        let size = match (device, size) {
            (Some(device), _) if !loop_device::is_block_device(device) => {
                return Err(Error::PoolRequest(format!("{} is no block device", device.display())));
            }
            (Some(device), None) => device_size(device)?,
            (_, Some(size)) => size,
            (None, None) => return Err(Error::PoolRequest("say how large it may become: --size 50g".to_owned())),
        };
        if size < SIZE_MIN {
            return Err(Error::PoolRequest(format!("a pool has at least {} MiB", SIZE_MIN >> 20)));
        }
        staging::make(&self.root.pool(), 0o700)?;
        let uuid = durable::unique_name()?;
        let mut pool = Pool { version: 1, uuid, device: device.map(Path::to_path_buf), size, created_at: Time::now(), is_ready: false };
        self.pool_note(&pool)?;
        let made = self.pool_format(&pool, force).and_then(|()| {
            pool.is_ready = true;
            self.pool_note(&pool)
        });
        made.inspect_err(|_failure| drop(self.pool_discard(&pool)))?;
        self.pool()?;
        Ok(pool)
    }

    /// What the pool is now.
    ///
    /// # Errors
    /// There is none, or it can not be mounted.
    pub fn pool_state(&self) -> Result<PoolState> {
        let pool = read(&self.root)?.filter(|pool| pool.is_ready).ok_or(Error::PoolAbsent)?;
        let area = self.pool()?.ok_or(Error::PoolAbsent)?;
        let mut volumes = Vec::new();
        crate::volumes::names_in(&area, &mut volumes)?;
        volumes.sort();
        let image = pool.device.is_none().then(|| self.root.pool_image());
        let space = space(&area)?;
        Ok(PoolState {
            source: pool.source(&self.root),
            mount: self.root.pool_mount(),
            used: space.0,
            free: space.1,
            allocated: image.as_ref().and_then(|image| allocated(image)),
            host_free: image.as_ref().and_then(|_image| durable::free_bytes(&self.root.pool()).ok()),
            volumes,
            pool,
        })
    }

    /// Makes a pool in a file larger, or takes in what its device has grown by. It stays in use meanwhile.
    ///
    /// # Errors
    /// There is none; `size` is less than it has: a pool never shrinks; the disk.
    pub fn pool_grow(&self, size: Option<u64>) -> Result<Pool> {
        let _lock = self.pool_lock()?;
        let mut pool = read(&self.root)?.filter(|pool| pool.is_ready).ok_or(Error::PoolAbsent)?;
        self.pool()?;
        let size = match (&pool.device, size) {
            (Some(device), _) => device_size(device)?,
            (None, Some(size)) if size >= pool.size => size,
            (None, Some(_)) => return Err(Error::PoolRequest(format!("it has {} bytes and cannot shrink", pool.size))),
            (None, None) => return Err(Error::PoolRequest("say how large it may become: --size 100g".to_owned())),
        };
        if pool.device.is_none() {
            let image = self.root.pool_image();
            lengthen(&image, size)?;
            if let Some(device) = loop_device::of_image(&image) {
                loop_device::grow(&device)?;
            }
        }
        let mount = std::fs::File::open(self.root.pool_mount()).map_err(|e| stead_sys::Error::new("open", self.root.pool_mount(), e))?;
        quota::grow_filesystem(&mount, size, &self.root.pool_mount())?;
        durable::sync_fs(&mount, &self.root.pool_mount())?;
        pool.size = size;
        self.pool_note(&pool)?;
        Ok(pool)
    }

    /// Takes the pool away.
    ///
    /// # Errors
    /// [`Error::PoolInUse`] while volumes, or removed ones that can be had back, are in it; there is none.
    pub fn pool_remove(&self) -> Result<()> {
        let _lock = self.pool_lock()?;
        let mut pool = read(&self.root)?.ok_or(Error::PoolAbsent)?;
        if pool.is_ready {
            if !stead_store::is_ours(&self.root)? {
                return Err(Error::Foreign { root: self.root.path().to_path_buf() });
            }
            let area = self.pool()?.ok_or(Error::PoolAbsent)?;
            // Nobody makes one in it between the look and the end.
            let _nobody = staging::nobody(&self.run_root)?
                .ok_or_else(|| Error::PoolRequest("volumes or snapshots are being made; try again when that is done".to_owned()))?;
            let mut volumes = Vec::new();
            crate::volumes::names_in(&area, &mut volumes)?;
            let removed = self.removed()?.into_iter().filter(|kept| kept.directory.starts_with(&area)).count();
            if !volumes.is_empty() || removed > 0 {
                return Err(Error::PoolInUse { volumes, removed });
            }
            self.pool_unmount()?;
            pool.is_ready = false;
            self.pool_note(&pool)?;
        }
        self.pool_discard(&pool)
    }

    /// Unmounts it. A sweep of what was removed may still be at the end of its work there.
    fn pool_unmount(&self) -> Result<()> {
        for _ in 0..UNMOUNT_TRIES {
            match activate::release(&self.run_root, HOLDER, HOLDER) {
                Err(activate::ActivateError::Busy { .. }) => std::thread::sleep(std::time::Duration::from_millis(50)),
                other => return Ok(other?),
            }
        }
        // Somebody really uses it: it stays, and so does the mount's holder.
        let busy = activate::release(&self.run_root, HOLDER, HOLDER);
        if busy.is_err() {
            self.pool()?;
            activate::activate(
                &self.run_root,
                HOLDER,
                &mount_of(&self.pool_filesystem()?, &self.root.pool_mount()),
                &self.root.pool_mount(),
                HOLDER,
            )?;
        }
        Ok(busy?)
    }

    fn pool_filesystem(&self) -> Result<FilesystemSpec> {
        Ok(read(&self.root)?.ok_or(Error::PoolAbsent)?.filesystem(&self.root))
    }

    /// A pool whose making or removal was interrupted.
    pub(crate) fn inspect_pool(&self, repair: bool) -> Result<Option<crate::Finding>> {
        match read(&self.root) {
            Ok(Some(pool)) if !pool.is_ready => {}
            Ok(_) => return Ok(None),
            // What is mounted goes on; after a restart nothing in it is found.
            Err(e) => return Ok(Some(crate::Finding { subject: "(pool)".to_owned(), problem: e.to_string(), repaired: false })),
        }
        // Whoever was at it when we looked is done under the lock.
        let _lock = self.pool_lock()?;
        let Some(unfinished) = read(&self.root)?.filter(|pool| !pool.is_ready) else { return Ok(None) };
        if repair {
            self.pool_discard(&unfinished)?;
        }
        let problem = "it was being made or taken away when that was interrupted".to_owned();
        Ok(Some(crate::Finding { subject: "(pool)".to_owned(), problem, repaired: repair }))
    }

    fn pool_lock(&self) -> Result<Lock> {
        staging::make(&self.run_root.locks(), 0o711)?;
        Ok(Lock::exclusive(&self.run_root.locks().join("pool"))?)
    }

    fn pool_note(&self, pool: &Pool) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(pool).map_err(|e| Error::Pool(e.to_string()))?;
        Ok(durable::replace_file(&self.root.pool_note(), &bytes, 0o600)?)
    }

    fn pool_format(&self, pool: &Pool, force: bool) -> Result<()> {
        let content = self.root.pool().join("content");
        self.pool_content_gone(&content)?;
        durable::make_dir(&content, 0o700)?;
        durable::make_dir(&content.join("volumes"), 0o711)?;
        durable::write_new(&content.join(MARK), format!("{}\n", pool.uuid).as_bytes(), 0o600)?;
        if pool.device.is_none() {
            let image = self.root.pool_image();
            durable::write_new(&image, b"", 0o600)?;
            no_copy_on_write(&image);
            lengthen(&image, pool.size)?;
        }
        let source = pool.source(&self.root);
        let mut arguments: Vec<&std::ffi::OsStr> =
            vec!["-q".as_ref(), "-L".as_ref(), "stead-pool".as_ref(), "--rootdir".as_ref(), content.as_ref()];
        if force || pool.device.is_none() {
            arguments.push("-f".as_ref());
        }
        arguments.push(source.as_ref());
        make_filesystem("mkfs.btrfs", "btrfs-progs", &arguments)?;
        let file = std::fs::File::open(&source).and_then(|file| file.sync_all());
        file.map_err(|e| stead_sys::Error::new("fsync", &source, e))?;
        self.pool_content_gone(&content)
    }

    /// Removes what an unfinished or emptied pool has on the disk, and its note last.
    fn pool_discard(&self, pool: &Pool) -> Result<()> {
        self.pool_content_gone(&self.root.pool().join("content"))?;
        if pool.device.is_none() && self.root.pool_image().symlink_metadata().is_ok() {
            durable::remove_file(&self.root.pool_image())?;
        }
        Ok(durable::remove_file(&self.root.pool_note())?)
    }

    fn pool_content_gone(&self, content: &Path) -> Result<()> {
        let Some(name) = content.file_name() else { return Ok(()) };
        let parent = self.root.pool();
        let dir = std::fs::File::open(&parent).map_err(|e| stead_sys::Error::new("open", &parent, e))?;
        Ok(stead_sys::tree::remove_tree(&dir, name)?)
    }
}

/// Runs a mkfs program of the distribution.
///
/// # Errors
/// It is not installed (the package is named), or what it says.
pub(crate) fn make_filesystem(program: &str, package: &str, arguments: &[&std::ffi::OsStr]) -> Result<()> {
    run_tool(program, package, arguments, 0)
}

/// The same of any program for file systems; an exit code up to `code_max` is success.
pub(crate) fn run_tool(program: &str, package: &str, arguments: &[&std::ffi::OsStr], code_max: i32) -> Result<()> {
    let path = PROGRAMS.iter().map(|dir| Path::new(dir).join(program)).find(|path| path.is_file());
    let path = path.ok_or_else(|| Error::PoolRequest(format!("{program} is not installed: install the package {package}")))?;
    let mut command = process::command(&path);
    command.args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let done = command.output().map_err(|e| stead_sys::Error::new("run", &path, e))?;
    if done.status.code().is_some_and(|code| (0..=code_max).contains(&code)) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(Error::Pool(format!("{program} failed ({}): {}", done.status, said.join("; "))))
}

/// Makes a sparse file this long, durably.
pub(crate) fn lengthen(image: &Path, size: u64) -> Result<()> {
    let file = std::fs::File::options().write(true).open(image).map_err(|e| stead_sys::Error::new("open", image, e))?;
    file.set_len(size).and_then(|()| file.sync_all()).map_err(|e| stead_sys::Error::new("truncate", image, e))?;
    Ok(())
}

/// The same, not flushed.
pub(crate) fn lengthen_unflushed(image: &Path, size: u64) -> Result<(), stead_sys::Error> {
    let file = std::fs::File::options().write(true).open(image).map_err(|e| stead_sys::Error::new("open", image, e))?;
    file.set_len(size).map_err(|e| stead_sys::Error::new("truncate", image, e))
}

/// Copy-on-write below copy-on-write only costs; where the host's file system has none there is nothing to turn off.
pub(crate) fn no_copy_on_write(image: &Path) {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    if !statfs::at(image).is_ok_and(|info| info.kind == FsKind::Btrfs) {
        return;
    }
    if let Ok(file) = std::fs::File::open(image)
        && let Ok(flags) = ioctl_getflags(&file)
    {
        ioctl_setflags(&file, flags | IFlags::NOCOW).ok();
    }
}

fn device_size(device: &Path) -> Result<u64> {
    use std::io::{Seek as _, SeekFrom};
    let mut file = std::fs::File::open(device).map_err(|e| stead_sys::Error::new("open", device, e))?;
    Ok(file.seek(SeekFrom::End(0)).map_err(|e| stead_sys::Error::new("seek", device, e))?)
}

/// Bytes used and free.
pub(crate) fn space(path: &Path) -> Result<(u64, u64)> {
    let found = rustix::fs::statvfs(path).map_err(|e| stead_sys::Error::new("statvfs", path, e))?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok((bytes(found.f_blocks.saturating_sub(found.f_bfree)), bytes(found.f_bavail)))
}

/// Bytes a sparse file takes on the disk.
pub(crate) fn allocated(image: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    image.metadata().ok().map(|found| found.blocks().saturating_mul(512))
}
