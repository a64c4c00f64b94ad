//! A tar stream below a root: every member is looked up anew, nothing outside the root is touched, and when this returns it is on the disk.

mod member;
mod place;
mod replace;

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::copy::paths;
use crate::decode::{Decoder, Item};
use crate::encode::Member;
use crate::settle::Settle;
use crate::{Error, Result, codec, metadata, scope, stat};

/// Most bytes read after the archive's end, so that a `tar` at the other end of a pipe is not cut off.
const TAIL_MAX: u64 = 64 << 20;

/// Most names of skipped members that are kept.
const SKIPPED_MAX: usize = 100;

/// What a symlink on the way to a member means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Follow {
    /// The root is `/`: symlinks are followed, and cannot leave it. A container's file system.
    #[default]
    InRoot,
    /// Symlinks are refused. A directory of this machine that a container's archive is unpacked into.
    Never,
}

/// Whose the files become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owner {
    /// As the archive says.
    #[default]
    Archive,
    /// This user and group, whatever the archive says.
    Fixed(u32, u32),
    /// Whoever runs this.
    Caller,
}

impl Owner {
    pub(crate) fn of(self, member: &Member) -> Option<(u32, u32)> {
        match self {
            Self::Archive => Some((member.uid, member.gid)),
            Self::Fixed(uid, gid) => Some((uid, gid)),
            Self::Caller => None,
        }
    }
}

/// What becomes of device files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Devices {
    /// They are made.
    #[default]
    Create,
    /// They are left out: a container may make a node of a disk of this machine, and its copy would work here.
    Skip,
}

/// A new name for the archive's top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebase {
    /// The first component in the archive (`.` for "the content of").
    pub old: String,
    /// What it becomes.
    pub new: String,
}

/// What one archive may cost. Names and attributes of a member have their own limit of one mebibyte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of content and attributes that are stored; holes are free.
    pub bytes: u64,
    /// Members.
    pub members: u64,
    /// Directories above a member.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: u64::MAX, members: u64::MAX, depth: usize::MAX }
    }
}

/// How an archive is unpacked.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// Refuse to put a file where a directory is and the other way round; without it the archive wins.
    pub no_overwrite_dir_non_dir: bool,
    /// Symlinks.
    pub follow: Follow,
    /// Owners.
    pub owner: Owner,
    /// Devices.
    pub devices: Devices,
    /// Renames the top.
    pub rebase: Option<Rebase>,
    /// What it may cost.
    pub limits: Limits,
    /// The archive is all of the directory: its member `./` gives the directory its attributes, and it must say where it ends.
    pub whole: bool,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Members unpacked.
    pub members: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Devices left out, by name; at most a hundred.
    pub skipped: Vec<String>,
}

/// Unpacks a tar (plain, gzip or zstd) into the directory `path` below `root`. After success everything is durable.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NotADirectory`], the two read-only texts, the two "cannot overwrite" texts, and everything an archive can do
/// wrong. What was unpacked before an error stays, as with Docker.
pub fn write(root: BorrowedFd<'_>, path: &Path, stream: &mut dyn Read, options: &WriteOptions) -> Result<Written> {
    let text = path.to_string_lossy();
    let inside = match options.follow {
        Follow::InRoot => paths::clean(&format!("/{text}")),
        Follow::Never => paths::clean(&text),
    };
    let dest = scope::open(root, Path::new(&inside), OFlags::PATH | OFlags::DIRECTORY, options.follow).map_err(|error| {
        if error.io_kind() == std::io::ErrorKind::NotADirectory { Error::NotADirectory } else { stat::missing(error, path) }
    })?;
    let at = |errno: Errno| Error::Sys(stead_sys::Error::new("open", path, errno));
    if scope::is_kernel_fs(&dest).map_err(at)? {
        return Err(Error::KernelFileSystem { path: text.into_owned() });
    }
    let root_mount = scope::mount_id(root).map_err(at)?;
    if scope::is_read_only(dest.as_fd()).map_err(at)? {
        return Err(read_only(scope::mount_id(dest.as_fd()).map_err(at)? == root_mount));
    }
    let mut decoder = Decoder::new(codec::plain(stream)?);
    let mut unpacker = Unpacker {
        root,
        dest: PathBuf::from(inside),
        root_mount,
        options,
        parent: None,
        dirs: Vec::new(),
        waiting: Vec::new(),
        settle: Settle::default(),
        top: None,
        stored: 0,
        written: Written::default(),
    };
    // What was unpacked stays, so it is made durable after an error too; the error is what is told.
    let outcome = unpacker.run(&mut decoder);
    let replaced = unpacker.replace_waiting();
    let settled = unpacker.settle.finish(path);
    outcome?;
    replaced?;
    settled?;
    codec::drain(&mut *decoder.into_stream(), TAIL_MAX);
    Ok(unpacker.written)
}

/// Docker's words for a place that may not be written.
fn read_only(is_root: bool) -> Error {
    if is_root { Error::RootReadOnly } else { Error::VolumeReadOnly }
}

struct Unpacker<'a> {
    root: BorrowedFd<'a>,
    /// The extraction point, as a path from the root.
    dest: PathBuf,
    root_mount: u64,
    options: &'a WriteOptions,
    /// The directory of the member before: archives come in directory order, so most lookups end here.
    parent: Option<(PathBuf, Rc<OwnedFd>)>,
    /// Directories whose times and default access lists are set at the end, since every entry made in them changes those or gets these.
    dirs: Vec<Later>,
    /// Files that are complete but for their names.
    waiting: Vec<replace::Waiting>,
    settle: Settle,
    /// The same of the extraction point, where the archive is all of it.
    top: Option<Last>,
    /// Bytes of content and attributes so far, as the limit counts them.
    stored: u64,
    written: Written,
}

/// A directory, to be looked at again at the end.
struct Later {
    parent: PathBuf,
    name: OsString,
    last: Last,
}

/// What a directory is given when nothing is made in it any more.
struct Last {
    mtime: (i64, u32),
    default_acl: Option<Vec<u8>>,
}

impl Last {
    fn of(member: &Member) -> Self {
        Self { mtime: member.mtime, default_acl: metadata::default_acl(member) }
    }

    fn give(&self, dir: BorrowedFd<'_>) -> rustix::io::Result<()> {
        if let Some(value) = &self.default_acl {
            metadata::set_default_acl(dir, value)?;
        }
        rustix::fs::futimens(dir, &metadata::timestamps(self.mtime))
    }
}

impl Unpacker<'_> {
    fn run(&mut self, decoder: &mut Decoder<'_>) -> Result<()> {
        while let Some(mut item) = decoder.next()? {
            if let Some(rebase) = &self.options.rebase {
                item.member.name = place::renamed(item.member.name, rebase);
                if item.member.kind == crate::encode::Kind::HardLink {
                    item.member.link = place::renamed(item.member.link, rebase);
                }
            }
            self.check_limits(&item)?;
            self.member(decoder, &item)?;
            self.written.members += 1;
        }
        if self.options.whole && !decoder.is_ended() {
            return Err(Error::malformed("it ends without its end mark: it may have been cut"));
        }
        self.replace_waiting()?;
        self.set_directory_times()
    }

    /// Before anything of the member is made: a header may promise more than there is room for.
    fn check_limits(&mut self, item: &Item) -> Result<()> {
        let limits = &self.options.limits;
        let over = |what, limit| Err(Error::Limit { what, limit });
        let content = item.sparse.as_ref().map_or(item.member.size, |parts| parts.iter().map(|part| part.length).sum());
        let attributes: usize = item.member.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.stored = self.stored.saturating_add(content).saturating_add(attributes as u64);
        if self.stored > limits.bytes {
            return over("its content", limits.bytes);
        }
        if self.written.members >= limits.members {
            return over("the number of members", limits.members);
        }
        if item.member.name.iter().filter(|byte| **byte == b'/').count() > limits.depth {
            return over("the depth of a member", limits.depth as u64);
        }
        Ok(())
    }

    fn skipped(&mut self, name: &[u8]) {
        if self.written.skipped.len() < SKIPPED_MAX {
            self.written.skipped.push(String::from_utf8_lossy(name).into_owned());
        }
    }
}
