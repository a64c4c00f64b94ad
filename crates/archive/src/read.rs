//! A path of a root as a tar stream: produced while it is read, in bounded memory, never through a symlink.

mod content;
mod holes;

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Dir, FileType, OFlags, Stat};
use rustix::io::Errno;

use crate::copy::paths;
use crate::encode::{BLOCK, Kind, Member, header, header_with_holes};
use crate::{Error, PathStat, Result, metadata, scope, stat};
use content::Content;

/// Names of one directory held at a time; they are sorted within that, so that ordinary directories come in order.
const NAMES_AT_ONCE: usize = 4096;

/// Names of one directory held for an exact archive: a few hundred megabytes at most. Larger ones are in order within each part.
const NAMES_EXACT_MAX: usize = 1 << 22;

/// Deepest nesting: a path longer than 4096 bytes cannot be used by anybody.
const DEPTH_MAX: usize = 2048;

/// Most files with several names that are remembered; beyond it they are carried as separate files.
const LINKS_MAX: usize = 1 << 20;

/// How a tree is read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The name of the top in the archive; without it the last component of the path, and `.` for `path/.`. Empty: a directory is
    /// not a member itself, and its entries have no directory in front.
    pub name: Option<String>,
    /// What of an overlay's writable layer is carried; without it everything.
    pub changes: Option<Changes>,
    /// For an archive that is kept: the same tree is the same bytes (all names of a directory in order), and holes are told, not carried.
    pub exact: bool,
    /// Which names (without a leading slash) are one file, by its number; others are files of their own. Without it, what the file system says: where
    /// files share for a reason that is not the tree's, that is not the truth.
    pub links: Option<std::collections::BTreeMap<Vec<u8>, u64>>,
}

/// What a writable layer changed, as its archive tells it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Paths that are carried, without a leading slash.
    pub kept: std::collections::BTreeSet<Vec<u8>>,
    /// Paths of lower layers that are hidden: each becomes an empty file `.wh.NAME`, which OCI calls a whiteout.
    pub hidden: Vec<Vec<u8>>,
}

/// The archive of one path. Reading it walks the tree.
#[derive(Debug)]
pub struct TreeReader {
    levels: Vec<Level>,
    /// Bytes ready to be taken.
    ready: Vec<u8>,
    taken: usize,
    content: Option<Content>,
    /// First archive name of files that have several, and how many of the others are still to come.
    links: HashMap<(u64, u64), (Vec<u8>, u64)>,
    kept: Option<std::collections::BTreeSet<Vec<u8>>>,
    exact: bool,
    shared: Option<std::collections::BTreeMap<Vec<u8>, u64>>,
    ended: bool,
}

/// A directory being walked.
#[derive(Debug)]
struct Level {
    dir: Dir,
    prefix: Vec<u8>,
    /// Names read and not yet walked, the next one last.
    names: Vec<CString>,
    at_once: usize,
    exhausted: bool,
}

/// Opens `path` below `root`: its description, and its archive as Docker's `GET /containers/x/archive` gives it.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::KernelFileSystem`] for `/proc` and the like.
pub fn read(root: BorrowedFd<'_>, path: &Path, options: &ReadOptions) -> Result<(PathStat, TreeReader)> {
    let text = path.to_string_lossy();
    let inside = paths::preserve_trailing(&paths::clean(&format!("/{text}")), &text);
    let handle = stat::open_last(root, &inside, path)?;
    let at = |errno: Errno| Error::Sys(stead_sys::Error::new("read", path, errno));
    let attributes = rustix::fs::fstat(&handle).map_err(at)?;
    let kind = scope::type_of(&attributes);
    if scope::is_kernel_fs(&handle).map_err(at)? {
        return Err(Error::KernelFileSystem { path: text.into_owned() });
    }
    let link_target = if kind == FileType::Symlink { stat::resolve(root, &inside)? } else { String::new() };
    let described = stat::describe(&inside, &attributes, link_target);
    let top = options.name.clone().unwrap_or_else(|| paths::base(&inside));
    let top = if top == "/" { "." } else { top.as_str() };
    let kept = options.changes.as_ref().map(|changes| changes.kept.clone());
    let mut reader = TreeReader {
        levels: Vec::new(),
        ready: Vec::new(),
        taken: 0,
        content: None,
        links: HashMap::new(),
        kept,
        exact: options.exact,
        shared: options.links.clone(),
        ended: false,
    };
    for path in options.changes.iter().flat_map(|changes| &changes.hidden) {
        reader.whiteout(path);
    }
    if top.is_empty() && kind == FileType::Directory {
        let dir = scope::reopen(handle.as_fd(), OFlags::RDONLY | OFlags::DIRECTORY).and_then(Dir::new).map_err(at)?;
        reader.levels.push(Level::new(dir, Vec::new(), options.exact));
    } else {
        reader.add(&handle, &attributes, top.as_bytes().to_vec()).map_err(at)?;
    }
    Ok((described, reader))
}

impl TreeReader {
    /// Queues one thing: its header, and its content or its entries.
    fn add(&mut self, handle: &OwnedFd, attributes: &Stat, mut name: Vec<u8>) -> rustix::io::Result<()> {
        let mut member = member(attributes, Kind::Regular);
        match scope::type_of(attributes) {
            FileType::RegularFile => return self.add_file(handle, attributes, name),
            FileType::Directory => {
                name.push(b'/');
                member.kind = Kind::Directory;
                // A kernel file system stays a closed directory: its files have no size and may never end.
                if scope::is_kernel_fs(handle)? {
                    self.queue(&Member { name, ..member });
                    return Ok(());
                }
                let dir = scope::reopen(handle.as_fd(), OFlags::RDONLY | OFlags::DIRECTORY)?;
                member.xattrs = metadata::xattrs(dir.as_fd())?;
                self.queue(&Member { name: name.clone(), ..member });
                self.levels.push(Level::new(Dir::new(dir)?, name, self.exact));
                return Ok(());
            }
            FileType::Symlink => {
                member.kind = Kind::Symlink;
                member.link = rustix::fs::readlinkat(handle, "", Vec::new())?.into_bytes();
            }
            FileType::CharacterDevice => member.kind = Kind::Char,
            FileType::BlockDevice => member.kind = Kind::Block,
            FileType::Fifo => member.kind = Kind::Fifo,
            // A socket is nothing without the process that listens; tar has no letter for it.
            FileType::Socket | FileType::Unknown => return Ok(()),
        }
        if matches!(member.kind, Kind::Char | Kind::Block) {
            member.device = (rustix::fs::major(attributes.st_rdev), rustix::fs::minor(attributes.st_rdev));
        }
        if let Some(first) = self.earlier_name(attributes, &name) {
            (member.kind, member.link) = (Kind::HardLink, first);
        }
        self.queue(&Member { name, ..member });
        Ok(())
    }

    fn add_file(&mut self, handle: &OwnedFd, attributes: &Stat, name: Vec<u8>) -> rustix::io::Result<()> {
        if scope::is_kernel_fs(handle)? {
            return Ok(());
        }
        if let Some(first) = self.earlier_name(attributes, &name) {
            self.queue(&Member { name, link: first, ..member(attributes, Kind::HardLink) });
            return Ok(());
        }
        let file = scope::reopen(handle.as_fd(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOATIME)
            .or_else(|_| scope::reopen(handle.as_fd(), OFlags::RDONLY | OFlags::NONBLOCK))?;
        // The size as of now: the file may have grown since its directory was read.
        let attributes = rustix::fs::fstat(&file)?;
        let mut member = member(&attributes, Kind::Regular);
        member.size = u64::try_from(attributes.st_size).unwrap_or(0);
        member.xattrs = metadata::xattrs(file.as_fd())?;
        let allocated = u64::try_from(attributes.st_blocks).unwrap_or(0).saturating_mul(512);
        let has_holes = allocated < member.size;
        if self.exact
            && has_holes
            && let Some(segments) = holes::map(&file, member.size)?
        {
            self.ready.extend(header_with_holes(&Member { name, ..member }, &segments));
            self.content = Some(Content::of_parts(file, segments));
            return Ok(());
        }
        self.content = Some(Content::new(file, member.size, has_holes));
        self.queue(&Member { name, ..member });
        Ok(())
    }

    fn whiteout(&mut self, path: &[u8]) {
        let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let name = [&path[..at], b".wh.", &path[at..]].concat();
        let plain = Member {
            name,
            kind: Kind::Regular,
            mode: 0,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: (0, 0),
            link: Vec::new(),
            device: (0, 0),
            xattrs: Vec::new(),
        };
        self.queue(&plain);
    }

    fn queue(&mut self, member: &Member) {
        self.ready.extend(header(member));
    }

    /// The archive name under which this file was already carried.
    fn earlier_name(&mut self, attributes: &Stat, name: &[u8]) -> Option<Vec<u8>> {
        let (key, names) = match &self.shared {
            None if attributes.st_nlink < 2 => return None,
            None => ((attributes.st_dev, attributes.st_ino), attributes.st_nlink),
            // No device has this number; how many names there are is not known.
            Some(links) => ((u64::MAX, *links.get(name.strip_prefix(b"./").unwrap_or(name))?), u64::MAX),
        };
        if let Some((first, left)) = self.links.get_mut(&key) {
            let first = first.clone();
            *left -= 1;
            if *left == 0 {
                self.links.remove(&key);
            }
            return Some(first);
        }
        if self.links.len() < LINKS_MAX {
            self.links.insert(key, (name.to_vec(), names.saturating_sub(1)));
        }
        None
    }

    /// Walks on to the next entry; at the end of everything, two blocks of zeros.
    fn step(&mut self) -> io::Result<()> {
        let Some(level) = self.levels.last_mut() else {
            self.ready.resize(self.ready.len() + 2 * BLOCK, 0);
            self.ended = true;
            return Ok(());
        };
        let place = |errno: Errno, path: &[u8]| io::Error::other(stead_sys::Error::new("read", OsStr::from_bytes(path), errno));
        let Some(entry) = level.next().map_err(|errno| place(errno, &level.prefix))? else {
            self.levels.pop();
            return Ok(());
        };
        let name = [level.prefix.as_slice(), entry.as_bytes()].concat();
        if self.kept.as_ref().is_some_and(|kept| !kept.contains(&name)) {
            return Ok(());
        }
        let dir = level.dir.fd().map_err(|errno| place(errno, &name))?;
        // A running container removes and replaces things while it is read; what is gone is not in the archive.
        let handle = match scope::entry(dir, OsStr::from_bytes(entry.as_bytes())) {
            Ok(handle) => handle,
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(place(errno, &name)),
        };
        if self.levels.len() > DEPTH_MAX {
            return Err(io::Error::other(Error::TooDeep { path: String::from_utf8_lossy(&name).into_owned() }));
        }
        let attributes = rustix::fs::fstat(&handle).map_err(|errno| place(errno, &name))?;
        match self.add(&handle, &attributes, name.clone()) {
            Err(Errno::STALE) => Ok(()),
            other => other.map_err(|errno| place(errno, &name)),
        }
    }
}

impl Level {
    fn new(dir: Dir, prefix: Vec<u8>, exact: bool) -> Self {
        Self { dir, prefix, names: Vec::new(), at_once: if exact { NAMES_EXACT_MAX } else { NAMES_AT_ONCE }, exhausted: false }
    }

    fn next(&mut self) -> rustix::io::Result<Option<CString>> {
        if self.names.is_empty() && !self.exhausted {
            while self.names.len() < self.at_once {
                let Some(entry) = self.dir.read() else {
                    self.exhausted = true;
                    break;
                };
                let entry = entry?;
                if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                    self.names.push(entry.file_name().to_owned());
                }
            }
            self.names.sort_unstable_by(|a, b| b.cmp(a));
        }
        Ok(self.names.pop())
    }
}

impl io::Read for TreeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.taken < self.ready.len() {
                let count = (self.ready.len() - self.taken).min(buffer.len());
                buffer[..count].copy_from_slice(&self.ready[self.taken..self.taken + count]);
                self.taken += count;
                return Ok(count);
            }
            self.ready.clear();
            self.taken = 0;
            if let Some(content) = &mut self.content {
                let count = content.read(buffer)?;
                if count > 0 || buffer.is_empty() {
                    return Ok(count);
                }
                self.ready.resize(content.padding(), 0);
                self.content = None;
            } else if self.ended {
                return Ok(0);
            } else {
                self.step()?;
            }
        }
    }
}

fn member(attributes: &Stat, kind: Kind) -> Member {
    Member {
        name: Vec::new(),
        kind,
        mode: attributes.st_mode & 0o7777,
        uid: attributes.st_uid,
        gid: attributes.st_gid,
        size: 0,
        mtime: (attributes.st_mtime, u32::try_from(attributes.st_mtime_nsec).unwrap_or(0)),
        link: Vec::new(),
        device: (0, 0),
        xattrs: Vec::new(),
    }
}
