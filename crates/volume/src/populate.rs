//! Pre-population: what an image has at a volume's path becomes the content of the fresh volume, all of it or nothing.
//!
//! The copy is made in `.stead-incoming.part`, a sibling that containers do not see, and is durable when it is renamed to
//! `.stead-incoming`: that rename is the commit. What follows (moving the entries into the volume's directory, which keeps its inode
//! because somebody may already have it mounted) is repeated by whoever comes next until it is done. A crash before the commit
//! leaves a part that the next one deletes; a crash after it leaves work that the next one finishes.

use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use stead_sys::copy::{self, CopyOptions, CopyStats};
use stead_sys::{btrfs, durable, path as lookup, quota, tree, xattr};

use crate::driver::Storage;
use crate::error::is_full;
use crate::record::{State, Volume};
use crate::{Error, Result, Volumes, sidecar};

/// The committed copy, not yet moved in.
const INCOMING: &CStr = c".stead-incoming";
/// A copy being made, or left by a crash.
const PART: &CStr = c".stead-incoming.part";
/// Names that are no content: ours, and what mkfs.ext4 makes.
const NO_CONTENT: [&CStr; 3] = [INCOMING, PART, c"lost+found"];
/// Inside the copy: the content; an empty directory with the attributes of the content's root (moving things out of `tree` changes
/// its times); the subpath it is for.
const TREE: &CStr = c"tree";
const ATTRIBUTES: &CStr = c"attributes";
const SUBPATH: &CStr = c"subpath";

/// When in a container's life it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At its creation: volumes in memory are left for its start, because they would not live until then.
    Create,
    /// At its start: volumes in memory stay mounted for the holder.
    Start,
}

/// What to populate a volume from.
#[derive(Debug, Clone, Copy)]
pub struct Populate<'a> {
    /// Root of the image's files.
    pub image: BorrowedFd<'a>,
    /// Where the container has the volume, e.g. `/var/lib/data`; looked up inside the image's root.
    pub destination: &'a Path,
    /// The part of the volume that the container has there, if not all.
    pub subpath: Option<&'a Path>,
    /// The container's id.
    pub holder: &'a str,
    /// When.
    pub when: When,
    /// What the volume will say it was populated from.
    pub from: &'a str,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Populated {
    /// The image's content is in the volume, durably.
    Done(CopyStats),
    /// It was populated before.
    Already,
    /// There is something in it, whoever put it there: it is not touched.
    NotEmpty,
    /// The image has no directory at that path.
    NothingThere,
    /// The volume has no such subpath; the start will say so.
    NoSubpath,
    /// A volume in memory, at creation.
    AtStart,
}

impl Volumes {
    /// Whether [`Volumes::populate`] could have something to do: it is new, or a population was interrupted, or its content does not outlive
    /// its last user.
    ///
    /// # Errors
    /// There is no such volume.
    pub fn may_be_populated(&self, name: &str) -> Result<bool> {
        let volume = self.get(name)?;
        Ok(volume.state != State::Ready || left_over(&self.home(name)) || self.driver(&volume)?.storage(&volume)? == Storage::Memory)
    }

    /// Whether a population was interrupted after it had become true and before everything was in its place.
    #[must_use]
    pub fn is_interrupted(&self, name: &str) -> bool {
        left_over(&self.home(name))
    }

    /// Populates a volume if it is new and empty. Any number of processes may ask at once: one does it, all return when it is done.
    ///
    /// # Errors
    /// [`Error::NoSpace`] and [`Error::Populate`]: the volume is then as empty and new as before. [`Error::Activate`] where a device
    /// can not be mounted.
    pub fn populate(&self, name: &str, what: &Populate<'_>) -> Result<Populated> {
        let volume = self.get(name)?;
        let home = self.home(name);
        if volume.state == State::Ready && what.subpath.is_none() && !left_over(&home) {
            return Ok(Populated::Already);
        }
        let storage = self.driver(&volume)?.storage(&volume)?;
        if storage == Storage::Memory && what.when == When::Create {
            return Ok(Populated::AtStart);
        }
        let source = open_source(what).map_err(|source| Error::Populate { name: name.to_owned(), source })?;
        if source.is_none() && !left_over(&home) && storage != Storage::Memory {
            return Ok(Populated::NothingThere);
        }
        let _lock = self.lock(name)?;
        // Somebody may have done it, or removed the volume, while we waited.
        let volume = self.settled(name)?.ok_or_else(|| Error::NotFound { name: name.to_owned() })?;
        let driver = self.driver(&volume)?;
        if storage == Storage::Directory {
            let ground = Ground::directory(&home).map_err(|source| Error::Populate { name: name.to_owned(), source })?;
            return self.on_ground(volume, &ground, source, what);
        }
        driver.mount(&volume, what.holder)?;
        let done = Ground::device(&driver.path(&volume))
            .map_err(|source| Error::Populate { name: name.to_owned(), source })
            .and_then(|ground| self.on_ground(volume.clone(), &ground, source, what));
        // At a start the mount that follows would only repeat it, and memory would be lost in between.
        if what.when == When::Create || done.is_err() {
            driver.unmount(&volume, what.holder)?;
        }
        done
    }

    /// Under the lock, with the content's place open.
    fn on_ground(&self, volume: Volume, ground: &Ground, source: Option<OwnedFd>, what: &Populate<'_>) -> Result<Populated> {
        let name = volume.name.clone();
        match ground.run(&volume, source, what) {
            Ok(Populated::Done(stats)) => {
                if what.subpath.is_none() {
                    self.mark_ready(volume, what.from)?;
                }
                Ok(Populated::Done(stats))
            }
            Ok(other) => Ok(other),
            Err(source) if is_full(&source) => {
                let below = self.area_of(&name);
                let free = durable::free_bytes(&ground.shown).unwrap_or(0);
                Err(Error::NoSpace { name, path: what.destination.join(&source.path).display().to_string(), below, free })
            }
            Err(source) => Err(Error::Populate { name, source }),
        }
    }

    fn mark_ready(&self, mut volume: Volume, from: &str) -> Result<()> {
        volume.state = State::Ready;
        volume.populated_from = Some(from.to_owned());
        sidecar::write(&self.home(&volume.name), &volume)
    }

    /// Moves in what a crash left between commit and the end. For [`Volumes::repair`]; populating does it by itself. Whether there was anything.
    pub(crate) fn finish_left_over(&self, name: &str) -> Result<bool> {
        let home = self.home(name);
        if !left_over(&home) {
            return Ok(false);
        }
        let _lock = self.lock(name)?;
        let Some(volume) = self.settled(name)? else { return Ok(false) };
        self.finish_population(&volume)?;
        Ok(true)
    }

    /// The same under the volume's lock, which whoever copies the content has.
    pub(crate) fn finish_population(&self, volume: &Volume) -> Result<()> {
        let home = self.home(&volume.name);
        if !left_over(&home) {
            return Ok(());
        }
        let failed = |source| Error::Populate { name: volume.name.clone(), source };
        let ground = Ground::directory(&home).map_err(failed)?;
        ground.clean().map_err(failed)?;
        if ground.finish().map_err(failed)? == Finished::Root {
            self.mark_ready(volume.clone(), "")?;
        }
        Ok(())
    }
}

/// Whether a populating was interrupted here.
pub(crate) fn left_over(home: &Path) -> bool {
    let has = |directory: &Path| {
        [INCOMING, PART].iter().any(|name| directory.join(std::ffi::OsStr::from_bytes(name.to_bytes())).symlink_metadata().is_ok())
    };
    // Of a device that is mounted there it is known when it is populated the next time.
    has(home)
        || has(&home.join("_data"))
            && open(home).is_ok_and(|home| tree::open_dir(&home, c"_data").is_ok_and(|data| is_world_of_its_own(&data)))
}

/// Whether nothing can be renamed into it from outside: a subvolume, or a directory with a project's quota.
fn is_world_of_its_own(data: &OwnedFd) -> bool {
    btrfs::is_subvolume(data) || quota::has_project(data)
}

/// The image's directory; `None` when there is none, or something else. Symbolic links stay inside the image (CVE-2022-23648).
fn open_source(what: &Populate<'_>) -> Result<Option<OwnedFd>, stead_sys::Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match lookup::open_in_root(what.image, lookup::relative(what.destination), flags, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(e) if is(&e, &[Errno::NOENT, Errno::NOTDIR, Errno::LOOP]) => Ok(None),
        Err(e) => Err(e),
    }
}

fn is(error: &stead_sys::Error, any: &[Errno]) -> bool {
    any.iter().any(|e| error.errno() == Some(e.raw_os_error()))
}

/// What [`Ground::finish`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finished {
    Nothing,
    Root,
    Subpath,
}

/// Where a volume's content lies, and where its copy is made: next to it, on the same file system.
struct Ground {
    /// Holds the copy.
    home: OwnedFd,
    /// The content's root.
    data: OwnedFd,
    /// For messages.
    shown: PathBuf,
}

impl Ground {
    /// A plain volume: the copy lies next to `_data`; or in it where that is a subvolume, out of which and into which nothing can be renamed.
    fn directory(home: &Path) -> Result<Self, stead_sys::Error> {
        let home_fd = open(home)?;
        let data = tree::open_dir(&home_fd, c"_data").map_err(|e| stead_sys::Error::new("open", home.join("_data"), e))?;
        if is_world_of_its_own(&data) {
            let inside = tree::open_dir(&data, c".").map_err(|e| stead_sys::Error::new("open", home.join("_data"), e))?;
            return Ok(Self { home: inside, data, shown: home.to_path_buf() });
        }
        Ok(Self { home: home_fd, data, shown: home.to_path_buf() })
    }

    /// A mounted device: the copy lies in its root, because nothing outside is on the same file system.
    fn device(root: &Path) -> Result<Self, stead_sys::Error> {
        Ok(Self { home: open(root)?, data: open(root)?, shown: root.to_path_buf() })
    }

    fn error(&self, op: &'static str) -> impl Fn(Errno) -> stead_sys::Error + '_ {
        move |e| stead_sys::Error::new(op, &self.shown, e)
    }

    fn run(&self, volume: &Volume, source: Option<OwnedFd>, what: &Populate<'_>) -> Result<Populated, stead_sys::Error> {
        self.clean()?;
        if self.finish()? == Finished::Root && what.subpath.is_none() {
            return Ok(Populated::Done(CopyStats::default()));
        }
        if volume.state == State::Ready && what.subpath.is_none() {
            return Ok(Populated::Already);
        }
        let Some(source) = source else { return Ok(Populated::NothingThere) };
        let Some(target) = self.target(what.subpath)? else { return Ok(Populated::NoSubpath) };
        if !tree::is_empty_but(&target, &NO_CONTENT, &self.shown)? {
            return Ok(Populated::NotEmpty);
        }
        if tree::is_empty_but(&source, &[], what.destination)? {
            // Attributes alone can be set again as often as needed, so they need no copy aside.
            copy::copy_attributes(source.as_fd(), target.as_fd(), Path::new("."))?;
            fs::fsync(&target).map_err(self.error("fsync"))?;
            return Ok(Populated::Done(CopyStats::default()));
        }
        let stats = self.stage(&source, what.subpath).inspect_err(|_failure| {
            // Gives the space back; if even that fails, the next attempt begins with it.
            self.clean().ok();
        })?;
        self.finish()?;
        Ok(Populated::Done(stats))
    }

    /// The directory to fill. `None` when the subpath is not there, or no symbolic-link-free way leads to it.
    fn target(&self, subpath: Option<&Path>) -> Result<Option<OwnedFd>, stead_sys::Error> {
        let rel = subpath.map_or(Path::new("."), lookup::relative);
        let rel = if rel.as_os_str().is_empty() { Path::new(".") } else { rel };
        match lookup::open_beneath_same_mount(self.data.as_fd(), rel, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(fd) => Ok(Some(fd)),
            Err(e) if is(&e, &[Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::XDEV]) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Deletes what an attempt before the commit left.
    fn clean(&self) -> Result<(), stead_sys::Error> {
        tree::remove_tree(&self.home, std::ffi::OsStr::from_bytes(PART.to_bytes()))
    }

    /// Copies aside, makes it durable, commits.
    fn stage(&self, source: &OwnedFd, subpath: Option<&Path>) -> Result<CopyStats, stead_sys::Error> {
        let part = self.make(&self.home, PART)?;
        // The home may hand a default ACL down; the copy must have exactly the image's.
        xattr::clear_default_acl(&part, &self.shown)?;
        let content = self.make(&part, TREE)?;
        let attributes = self.make(&part, ATTRIBUTES)?;
        if let Some(subpath) = subpath {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let mut file = File::from(fs::openat(&part, SUBPATH, flags, Mode::RUSR | Mode::WUSR).map_err(self.error("open"))?);
            let failed = |e| stead_sys::Error::new("write", &self.shown, e);
            std::io::Write::write_all(&mut file, subpath.as_os_str().as_bytes()).map_err(failed)?;
            file.sync_all().map_err(failed)?;
        }
        let stats = copy::copy_tree(source.as_fd(), content.as_fd(), &CopyOptions { threads: 0, durable: true })?;
        copy::copy_attributes(source.as_fd(), attributes.as_fd(), Path::new("."))?;
        for directory in [&attributes, &part] {
            fs::fsync(directory).map_err(self.error("fsync"))?;
        }
        fs::renameat_with(&self.home, PART, &self.home, INCOMING, RenameFlags::NOREPLACE).map_err(self.error("rename"))?;
        fs::fsync(&self.home).map_err(self.error("fsync"))?;
        Ok(stats)
    }

    fn make(&self, dir: &OwnedFd, name: &CStr) -> Result<OwnedFd, stead_sys::Error> {
        fs::mkdirat(dir, name, Mode::RWXU).map_err(self.error("mkdir"))?;
        tree::open_dir(dir, name).map_err(self.error("open"))
    }

    /// Moves a committed copy in. Replaces nothing: what somebody put there since then stays.
    fn finish(&self) -> Result<Finished, stead_sys::Error> {
        let incoming = match tree::open_dir(&self.home, INCOMING) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(Finished::Nothing),
            Err(e) => return Err(self.error("open")(e)),
        };
        let subpath = self.subpath(&incoming)?;
        let finished = if subpath.is_none() { Finished::Root } else { Finished::Subpath };
        if let Some(target) = self.target(subpath.as_deref())? {
            if let Some(content) = self.part_of(&incoming, TREE)? {
                tree::move_entries(&content, &target, &self.shown)?;
            }
            if let Some(attributes) = self.part_of(&incoming, ATTRIBUTES)? {
                copy::copy_attributes(attributes.as_fd(), target.as_fd(), Path::new("."))?;
            }
            fs::fsync(&target).map_err(self.error("fsync"))?;
        }
        // Renamed first: a removal that is interrupted must not look like a copy to move in.
        fs::renameat(&self.home, INCOMING, &self.home, PART).map_err(self.error("rename"))?;
        self.clean()?;
        fs::fsync(&self.home).map_err(self.error("fsync"))?;
        Ok(finished)
    }

    /// A directory of the copy. Only one that is not there may be passed over: what can not be opened now is still to be moved in.
    fn part_of(&self, incoming: &OwnedFd, name: &CStr) -> Result<Option<OwnedFd>, stead_sys::Error> {
        match tree::open_dir(incoming, name) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(self.error("open")(e)),
        }
    }

    fn subpath(&self, incoming: &OwnedFd) -> Result<Option<PathBuf>, stead_sys::Error> {
        let file = match fs::openat(incoming, SUBPATH, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(self.error("open")(e)),
        };
        let mut bytes = Vec::new();
        // Paths end at 4096 bytes.
        file.take(8192).read_to_end(&mut bytes).map_err(|e| stead_sys::Error::new("read", &self.shown, e))?;
        Ok(Some(PathBuf::from(std::ffi::OsStr::from_bytes(&bytes))))
    }
}

fn open(path: &Path) -> Result<OwnedFd, stead_sys::Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = fs::open(path, flags, Mode::empty()).map_err(|e| stead_sys::Error::new("open", path, e))?;
    // A lookup on a remote file system can succeed and the first use fail.
    fs::statat(&fd, c"", AtFlags::EMPTY_PATH).map_err(|e| stead_sys::Error::new("stat", path, e))?;
    Ok(fd)
}
