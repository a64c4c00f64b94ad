//! Putting one member where it goes.
//!
//! A new file is made under its name; one that replaces something is made aside and renamed over it, so that readers see the old or the new.
//! A mount point (`/etc/hosts`, a bound file) can be neither renamed nor removed and is written in place.

mod stored;

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::replace::Waiting;
use super::{Devices, Last, Later, Unpacker, place};
use crate::decode::{Decoder, Item};
use crate::encode::{Kind, Member};
use crate::{Error, Result, metadata, scope};

/// Where a member is put: an open directory and a name in it.
pub(super) struct Spot<'s> {
    dir: &'s Rc<OwnedFd>,
    name: &'s OsStr,
    /// For messages.
    full: &'s Path,
}

/// Rights while it is being filled: nobody else's.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

impl Spot<'_> {
    fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

impl Unpacker<'_> {
    pub(super) fn member(&mut self, decoder: &mut Decoder<'_>, item: &Item) -> Result<()> {
        let member = &item.member;
        let Some((parent, name)) = self.split(&member.name)? else {
            // The extraction point itself cannot become something else.
            return if member.kind == Kind::Directory { self.top(member) } else { Err(self.directory_in_the_way(&self.dest)) };
        };
        if self.options.devices == Devices::Skip && matches!(member.kind, Kind::Char | Kind::Block) {
            self.skipped(&member.name);
            return Ok(());
        }
        let dir = self.enter(&parent)?;
        let full = self.dest.join(&parent).join(&name);
        let spot = Spot { dir: &dir, name: &name, full: &full };
        // A file that replaces a file may wait for others like it; everything else must see what came before it.
        if member.kind != Kind::Regular && member.kind != Kind::Directory {
            self.replace_waiting()?;
        }
        let there = self.sys("stat", &full, scope::look(spot.dir(), spot.name))?;
        let there = self.clear_the_way(&spot, member, there)?;
        match member.kind {
            Kind::Directory => self.directory(&spot, member, there.is_some(), parent),
            Kind::Regular => self.regular(&spot, decoder, item, there.as_ref()),
            Kind::HardLink => self.hard_link(&spot, member, there.is_some()),
            Kind::Symlink => self.symlink(&spot, member, there.is_some()),
            Kind::Char | Kind::Block | Kind::Fifo => self.node(&spot, member, there.is_some()),
        }
    }

    /// The extraction point's attributes are its owner's business, unless the archive is all of it.
    fn top(&mut self, member: &Member) -> Result<()> {
        if !self.options.whole {
            return Ok(());
        }
        let full = self.dest.clone();
        let dir = scope::open(self.root, &full, OFlags::RDONLY | OFlags::DIRECTORY, self.options.follow)?;
        self.check_writable(dir.as_fd(), &full)?;
        let noted = self.settle.will_change(dir.as_fd());
        self.sys("open", &full, noted)?;
        self.sys("chmod", &full, metadata::apply(dir.as_fd(), member, self.options.owner))?;
        self.top = Some(Last::of(member));
        self.settle.wrote(dir);
        Ok(())
    }

    /// Applies Docker's rules where something is there already; what is left is merged with or replaced.
    fn clear_the_way(&mut self, spot: &Spot<'_>, member: &Member, there: Option<Stat>) -> Result<Option<Stat>> {
        let Some(stat) = there else { return Ok(None) };
        let is_dir = scope::type_of(&stat) == FileType::Directory;
        let wants_dir = member.kind == Kind::Directory;
        if is_dir == wants_dir {
            return Ok(Some(stat));
        }
        if self.options.no_overwrite_dir_non_dir {
            return Err(if is_dir { self.directory_in_the_way(spot.full) } else { self.file_in_the_way(spot.full) });
        }
        self.replace_waiting()?;
        if is_dir {
            stead_sys::tree::remove_tree(spot.dir(), spot.name)?;
            // It may have held the directory of the member before.
            self.parent = None;
        } else {
            let gone = rustix::fs::unlinkat(spot.dir(), spot.name, AtFlags::empty());
            self.sys("unlink", spot.full, gone)?;
        }
        Ok(None)
    }

    fn directory_in_the_way(&self, path: &Path) -> Error {
        Error::DirectoryInTheWay { path: path.display().to_string(), with: self.dest.display().to_string() }
    }

    fn file_in_the_way(&self, path: &Path) -> Error {
        Error::FileInTheWay { path: path.display().to_string(), with: self.dest.display().to_string() }
    }

    fn directory(&mut self, spot: &Spot<'_>, member: &Member, exists: bool, parent: PathBuf) -> Result<()> {
        if !exists {
            let made = rustix::fs::mkdirat(spot.dir(), spot.name, Mode::RWXU);
            self.sys("mkdir", spot.full, made)?;
        }
        // Never through a symlink that took its place meanwhile: rights are set on this descriptor.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(spot.dir(), spot.name, flags, Mode::empty());
        let dir = self.sys("open", spot.full, opened)?;
        if self.sys("statfs", spot.full, scope::is_kernel_fs(&dir))? {
            return Ok(());
        }
        self.sys("chmod", spot.full, metadata::apply(dir.as_fd(), member, self.options.owner))?;
        self.dirs.push(Later { parent, name: spot.name.to_owned(), last: Last::of(member) });
        self.settle.wrote(dir);
        Ok(())
    }

    fn regular(&mut self, spot: &Spot<'_>, decoder: &mut Decoder<'_>, item: &Item, there: Option<&Stat>) -> Result<()> {
        let Some(stat) = there else {
            let outcome = self.fill_new(spot, spot.name, decoder, item);
            return outcome.map(|file| self.settle.wrote(file));
        };
        if scope::type_of(stat) == FileType::RegularFile && self.sys("statx", spot.full, scope::is_mount_point(spot.dir(), spot.name))? {
            self.replace_waiting()?;
            return self.fill_in_place(spot, decoder, item);
        }
        let aside = aside_name();
        let file = self.fill_new(spot, &aside, decoder, item)?;
        let dir = Rc::clone(spot.dir);
        self.wait(Waiting { dir, aside, name: spot.name.to_owned(), file: Some(file), full: spot.full.to_owned() })
    }

    /// Makes and fills a file; on an error it is gone again.
    fn fill_new(&mut self, spot: &Spot<'_>, name: &OsStr, decoder: &mut Decoder<'_>, item: &Item) -> Result<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = rustix::fs::openat(spot.dir(), name, flags, PRIVATE);
        let file = self.sys("create", spot.full, made)?;
        match self.fill(spot.full, file.as_fd(), decoder, item) {
            Ok(()) => Ok(file),
            Err(error) => {
                // The first error is the one to tell; a file that cannot be removed either is incomplete and unacknowledged.
                rustix::fs::unlinkat(spot.dir(), name, AtFlags::empty()).ok();
                Err(error)
            }
        }
    }

    fn fill(&mut self, full: &Path, file: BorrowedFd<'_>, decoder: &mut Decoder<'_>, item: &Item) -> Result<()> {
        self.written.bytes += stored::store(file, full, decoder, item)?;
        self.sys("chmod", full, metadata::apply(file, &item.member, self.options.owner))?;
        self.sys("utime", full, metadata::set_times(file, &item.member))
    }

    fn fill_in_place(&mut self, spot: &Spot<'_>, decoder: &mut Decoder<'_>, item: &Item) -> Result<()> {
        let handle = self.sys("open", spot.full, scope::entry(spot.dir(), spot.name))?;
        let stat = self.sys("stat", spot.full, rustix::fs::fstat(&handle))?;
        if scope::type_of(&stat) != FileType::RegularFile || self.sys("statfs", spot.full, scope::is_kernel_fs(&handle))? {
            return Err(Error::KernelFileSystem { path: spot.full.display().to_string() });
        }
        if self.sys("statfs", spot.full, scope::is_read_only(handle.as_fd()))? {
            return Err(Error::VolumeReadOnly);
        }
        let file = self.sys("open", spot.full, scope::reopen(handle.as_fd(), OFlags::WRONLY | OFlags::TRUNC))?;
        self.fill(spot.full, file.as_fd(), decoder, item)?;
        self.sys("fsync", spot.full, rustix::fs::fsync(&file))
    }

    fn hard_link(&mut self, spot: &Spot<'_>, member: &Member, exists: bool) -> Result<()> {
        let bad =
            || Error::BadHardLink { name: spot.full.display().to_string(), target: String::from_utf8_lossy(&member.link).into_owned() };
        let mut parts = place::components(&member.link).filter(|_| !member.link.contains(&0)).ok_or_else(bad)?;
        let last = OsStr::from_bytes(parts.pop().ok_or_else(bad)?);
        let from: PathBuf = parts.iter().map(|part| OsStr::from_bytes(part)).collect();
        let from = scope::open(self.root, &self.dest.join(from), OFlags::PATH | OFlags::DIRECTORY, self.options.follow)?;
        let source = self.sys("stat", spot.full, scope::look(from.as_fd(), last))?;
        let source = source.ok_or_else(|| stead_sys::Error::new("link", self.dest.join(OsStr::from_bytes(&member.link)), Errno::NOENT))?;
        if scope::type_of(&source) == FileType::Directory {
            return Err(bad());
        }
        // Without AT_SYMLINK_FOLLOW the link is to the entry itself, even if it is a symlink by now. Rights are the file's own: untouched.
        self.make(spot, exists, "link", |dir, name| rustix::fs::linkat(&from, last, dir, name, AtFlags::empty()))
    }

    fn symlink(&mut self, spot: &Spot<'_>, member: &Member, exists: bool) -> Result<()> {
        let owner = self.options.owner;
        self.make(spot, exists, "symlink", |dir, name| {
            rustix::fs::symlinkat(OsStr::from_bytes(&member.link), dir, name)?;
            metadata::apply_to_symlink(dir, name, member, owner)
        })
    }

    fn node(&mut self, spot: &Spot<'_>, member: &Member, exists: bool) -> Result<()> {
        let (kind, device) = match member.kind {
            Kind::Char => (FileType::CharacterDevice, member.device),
            Kind::Block => (FileType::BlockDevice, member.device),
            _ => (FileType::Fifo, (0, 0)),
        };
        let owner = self.options.owner;
        self.make(spot, exists, "mknod", |dir, name| {
            rustix::fs::mknodat(dir, name, kind, PRIVATE, rustix::fs::makedev(device.0, device.1))?;
            let handle = scope::entry(dir, name)?;
            // Somebody may have put another thing there: only what was made here gets these rights.
            if scope::type_of(&rustix::fs::fstat(&handle)?) != kind {
                return Err(Errno::AGAIN);
            }
            metadata::apply_to_handle(handle.as_fd(), member, owner)
        })
    }

    /// Makes something without content: under its name, or aside and then over what is there.
    fn make(
        &mut self,
        spot: &Spot<'_>,
        exists: bool,
        call: &'static str,
        make: impl Fn(BorrowedFd<'_>, &OsStr) -> rustix::io::Result<()>,
    ) -> Result<()> {
        if !exists {
            return self.sys(call, spot.full, make(spot.dir(), spot.name));
        }
        let aside = aside_name();
        let made = make(spot.dir(), &aside).and_then(|()| rustix::fs::renameat(spot.dir(), &aside, spot.dir(), spot.name));
        self.or_remove(spot, &aside, call, made)?;
        // Two names of one file: rename does nothing then, and both stay.
        rustix::fs::unlinkat(spot.dir(), &aside, AtFlags::empty()).ok();
        Ok(())
    }

    fn or_remove(&self, spot: &Spot<'_>, aside: &OsStr, call: &'static str, result: rustix::io::Result<()>) -> Result<()> {
        if result.is_err() {
            rustix::fs::unlinkat(spot.dir(), aside, AtFlags::empty()).ok();
        }
        self.sys(call, spot.full, result)
    }

    /// At the end, when nothing changes in them any more; the deepest last made, first done.
    pub(super) fn set_directory_times(&mut self) -> Result<()> {
        let dirs = std::mem::take(&mut self.dirs);
        if let Some(last) = self.top.take() {
            let dir = scope::open(self.root, &self.dest, OFlags::RDONLY | OFlags::DIRECTORY, self.options.follow)?;
            self.sys("utime", &self.dest, last.give(dir.as_fd()))?;
        }
        for later in dirs.iter().rev() {
            let full = self.dest.join(&later.parent).join(&later.name);
            let parent = match scope::open(self.root, &self.dest.join(&later.parent), OFlags::PATH | OFlags::DIRECTORY, self.options.follow)
            {
                Ok(parent) => parent,
                // Somebody moved it away meanwhile: its time is not worth failing for.
                Err(error) if error.io_kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            if let Ok(dir) = rustix::fs::openat(&parent, &later.name, flags, Mode::empty()) {
                self.sys("utime", &full, later.last.give(dir.as_fd()))?;
            }
        }
        Ok(())
    }
}

/// A name nobody else uses, for something that is about to replace another.
fn aside_name() -> OsString {
    let mut random = [0u8; 8];
    // Uniqueness is all that counts, and O_EXCL is there if the kernel gave fewer bytes.
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).ok();
    OsString::from(format!(".stead-cp-{:016x}", u64::from_ne_bytes(random)))
}
