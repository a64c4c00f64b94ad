//! From tar entries to files. The `tar` crate only parses; every file is made here, by descriptor.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{self, AtFlags, FileType, Gid, Mode, Uid, XattrFlags};
use rustix::io::Errno;
use tar::EntryType;

use crate::attributes::Attributes;
use crate::name::{self, Name, refuse};
use crate::recipe::{Recorder, Tee};
use crate::tree::{Dir, Moved, Tree, fault};
use crate::{Error, Result};

/// Entries of one layer at most. The largest public images have half a million.
const ENTRIES_MAX: u64 = 4_000_000;
/// Size of a sparse file at most; its holes cost the archive nothing, so the ratio guard does not see them.
const SPARSE_MAX: u64 = 64 << 30;
/// Bytes moved from the archive to a file at once.
const COPY_BUFFER: usize = 256 * 1024;

/// What an unpacked archive held.
#[derive(Debug, Default)]
pub(crate) struct Unpacked {
    /// Entries.
    pub(crate) entries: u64,
    /// Bytes of regular files and of symlinks' targets.
    pub(crate) size: u64,
    /// What was replaced on the way.
    pub(crate) moved: Vec<Moved>,
}

/// Unpacks everything `from` gives into `tree`, and drains it to its end, so that the digest covers every byte.
pub(crate) fn unpack<R: Read, W: Write>(from: R, tree: Tree, recorder: &RefCell<Recorder<W>>) -> Result<Unpacked> {
    let mut archive = tar::Archive::new(Tee { from, recorder });
    let mut unpacker = Unpacker { tree, recorder, buffer: vec![0; COPY_BUFFER], done: Unpacked::default() };
    for entry in archive.entries().map_err(Error::Stream)? {
        unpacker.entry(&mut entry.map_err(Error::Stream)?)?;
        recorder.borrow_mut().header();
    }
    recorder.borrow_mut().trailer();
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(Error::Stream)?;
    let Unpacker { tree, mut done, .. } = unpacker;
    done.moved = tree.finish()?;
    Ok(done)
}

struct Unpacker<'a, W: Write> {
    tree: Tree,
    recorder: &'a RefCell<Recorder<W>>,
    buffer: Vec<u8>,
    done: Unpacked,
}

impl<W: Write> Unpacker<'_, W> {
    fn entry<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<()> {
        self.done.entries += 1;
        if self.done.entries > ENTRIES_MAX {
            return Err(Error::Limit("too many entries"));
        }
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            return self.keep_inline(entry);
        }
        let raw = entry.path_bytes().into_owned();
        match name::clean(&raw)? {
            Name::Root => {
                if !kind.is_dir() {
                    return Err(refuse(&raw, "the root of a layer must be a directory"));
                }
                let attributes = Attributes::read(entry, &raw)?;
                let root = self.tree.root();
                self.finish_dir(&root, &attributes)
            }
            Name::Path(path) => self.make(entry, &raw, &path),
            Name::Whiteout(path) => {
                let (dir, base) = self.tree.parent(&path)?;
                self.tree.whiteout(&dir, base)?;
                self.keep_inline(entry)
            }
            Name::Opaque(path) => {
                self.tree.opaque(&path)?;
                self.keep_inline(entry)
            }
            Name::Ignored => self.keep_inline(entry),
        }
    }

    fn make<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>, raw: &[u8], path: &[u8]) -> Result<()> {
        let attributes = Attributes::read(entry, raw)?;
        let kind = entry.header().entry_type();
        // Old archives mark a directory by its slash alone.
        let is_dir = kind.is_dir() || (kind.is_file() && raw.ends_with(b"/"));
        let is_file = !is_dir && (kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse());
        if !is_file && entry.size() != 0 {
            // Some parsers skip this content, some do not: two readers would see two archives.
            return Err(refuse(raw, "only regular files have content"));
        }
        let files = self.recorder.borrow().files();
        let (dir, base) = self.tree.parent(path)?;
        if is_dir {
            let made = self.tree.create_dir(&dir, base, files)?;
            return self.finish_dir(&made, &attributes);
        }
        if is_file {
            return self.regular(entry, &dir, base, &attributes);
        }
        match kind {
            EntryType::Link => {
                let target = entry.link_name_bytes().ok_or_else(|| refuse(raw, "hard link without a target"))?;
                let target = name::relative(&target)?;
                // Owner, mode and times belong to the file, and its own entry has set them.
                return self.tree.hard_link(&dir, base, &target, files);
            }
            EntryType::Symlink => {
                let target = entry.link_name_bytes().filter(|t| !t.is_empty() && !t.contains(&0));
                let target = target.ok_or_else(|| refuse(raw, "symbolic link without a target"))?;
                self.tree.symlink(&dir, base, &target, files)?;
                // Docker's sizes count what lstat says.
                self.done.size += target.len() as u64;
            }
            EntryType::Char | EntryType::Block => {
                let number = |n: std::io::Result<Option<u32>>| Ok::<u32, Error>(n.map_err(Error::Stream)?.unwrap_or(0));
                let header = entry.header();
                let device = fs::makedev(number(header.device_major())?, number(header.device_minor())?);
                let kind = if kind == EntryType::Char { FileType::CharacterDevice } else { FileType::BlockDevice };
                self.tree.node(&dir, base, kind, device, files)?;
            }
            EntryType::Fifo => self.tree.node(&dir, base, FileType::Fifo, 0, files)?,
            _ => return Err(refuse(raw, "unhandled tar header type")),
        }
        finish_node(&dir, base, kind == EntryType::Symlink, &attributes)
    }

    fn regular<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>, dir: &Dir, base: &[u8], attributes: &Attributes) -> Result<()> {
        let path = name::join(&dir.path, base);
        let files = self.recorder.borrow().files();
        let size = entry.size();
        let sparse = entry.header().entry_type().is_gnu_sparse();
        let mut file = std::fs::File::from(self.tree.create_file(dir, base, files)?);
        if sparse {
            if size > SPARSE_MAX {
                return Err(refuse(&path, "sparse file is too large"));
            }
            self.recorder.borrow_mut().inline();
        } else if size > 0 {
            self.recorder.borrow_mut().file(&path, size).map_err(Error::Stream)?;
        }
        let mut left = size;
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let n = entry.read(&mut self.buffer[..want]).map_err(Error::Stream)?;
            if n == 0 {
                return Err(Error::Stream(std::io::ErrorKind::UnexpectedEof.into()));
            }
            let write = |e| Error::Sys(stead_sys::Error::new("write", OsStr::from_bytes(&path), e));
            if sparse && self.buffer[..n].iter().all(|b| *b == 0) {
                file.seek(SeekFrom::Current(i64::try_from(n).unwrap_or(i64::MAX))).map_err(write)?;
            } else {
                file.write_all(&self.buffer[..n]).map_err(write)?;
            }
            left -= n as u64;
        }
        if sparse {
            file.set_len(size).map_err(|e| Error::Sys(stead_sys::Error::new("ftruncate", OsStr::from_bytes(&path), e)))?;
        }
        self.done.size += size;
        own(file.as_fd(), &path, attributes)?;
        fs::futimens(&file, &attributes.times).map_err(|e| fault("utimensat", &path, e))
    }

    fn finish_dir(&mut self, dir: &Dir, attributes: &Attributes) -> Result<()> {
        // The handle may be an O_PATH one (a directory reached through the archive's own symlink).
        let fd = stead_sys::path::reopen(dir.fd.as_fd(), fs::OFlags::RDONLY | fs::OFlags::DIRECTORY)?;
        own(fd.as_fd(), &dir.path, attributes)?;
        self.tree.later(dir, attributes);
        Ok(())
    }

    /// Content that gets no file: kept in the recipe.
    fn keep_inline<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<()> {
        self.recorder.borrow_mut().inline();
        std::io::copy(entry, &mut std::io::sink()).map_err(Error::Stream)?;
        Ok(())
    }
}

/// Owner first: chown clears set-id bits and file capabilities.
fn own(fd: BorrowedFd<'_>, path: &[u8], attributes: &Attributes) -> Result<()> {
    let (uid, gid) = (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid));
    fs::fchown(fd, Some(uid), Some(gid)).map_err(|e| fault("chown", path, e))?;
    fs::fchmod(fd, Mode::from_raw_mode(attributes.mode)).map_err(|e| fault("chmod", path, e))?;
    for (key, value) in &attributes.xattrs {
        may_lack(fs::fsetxattr(fd, key.as_str(), value, XattrFlags::empty()), path)?;
    }
    Ok(())
}

/// Symlinks, devices and FIFOs cannot be opened; they were made a moment ago in a directory nobody else writes to.
fn finish_node(dir: &Dir, base: &[u8], symlink: bool, attributes: &Attributes) -> Result<()> {
    let path = name::join(&dir.path, base);
    let os_name = OsStr::from_bytes(base);
    let (uid, gid) = (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid));
    let nofollow = AtFlags::SYMLINK_NOFOLLOW;
    fs::chownat(&*dir.fd, os_name, Some(uid), Some(gid), nofollow).map_err(|e| fault("chown", &path, e))?;
    if !symlink {
        fs::chmodat(&*dir.fd, os_name, Mode::from_raw_mode(attributes.mode), AtFlags::empty()).map_err(|e| fault("chmod", &path, e))?;
    }
    let through = stead_sys::path::proc_path(dir.fd.as_fd()).join(os_name);
    for (key, value) in attributes.xattrs.iter().filter(|(key, _)| key.starts_with("security.")) {
        may_lack(fs::lsetxattr(&through, key.as_str(), value, XattrFlags::empty()), &path)?;
    }
    fs::utimensat(&*dir.fd, os_name, &attributes.times, nofollow).map_err(|e| fault("utimensat", &path, e))
}

/// A file system without extended attributes does not stop an image, as in Docker.
fn may_lack(result: rustix::io::Result<()>, path: &[u8]) -> Result<()> {
    match result {
        Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
        Err(e) => Err(fault("setxattr", path, e)),
    }
}
