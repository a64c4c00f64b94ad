//! The table of contents of an archive. Members are only ever looked up here by name and read by offset: nothing is unpacked to find out.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use crate::blob::BLOB_MAX;
use crate::{Error, Result};

/// Members at most; an archive of a hundred images has a few thousand.
const MEMBERS_MAX: usize = 200_000;
/// Links from member to member at most; `docker save` writes chains of one.
const HOPS_MAX: u32 = 8;

/// A tar whose members can be read in any order, by several threads.
#[derive(Debug)]
pub(crate) struct Members {
    file: File,
    all: HashMap<String, Member>,
}

#[derive(Debug, Clone)]
enum Member {
    Data { at: u64, len: u64 },
    Link(String),
}

impl Members {
    /// Reads the table of contents. Of several members with one name the last counts, as for everybody who unpacks.
    pub(crate) fn index(file: File) -> Result<Self> {
        let end = file.metadata().map_err(broken)?.len();
        let mut all = HashMap::new();
        let mut tar = tar::Archive::new(&file);
        for entry in tar.entries_with_seek().map_err(broken)? {
            let entry = entry.map_err(broken)?;
            let kind = entry.header().entry_type();
            if kind.is_pax_global_extensions() || kind.is_dir() {
                continue;
            }
            let name = clean(&entry.path_bytes())?;
            let member = if kind.is_file() {
                let (at, len) = (entry.raw_file_position(), entry.size());
                if at.checked_add(len).is_none_or(|last| last > end) {
                    return Err(Error::Archive(format!("{name} is cut short")));
                }
                Member::Data { at, len }
            } else if kind.is_symlink() || kind.is_hard_link() {
                let target = entry.link_name_bytes().unwrap_or_default();
                let from = if kind.is_symlink() { name.rsplit_once('/').map_or("", |(dir, _)| dir) } else { "" };
                match target_name(from, &target) {
                    Some(target) => Member::Link(target),
                    None => return Err(Error::Archive(format!("{name} links outside of the archive"))),
                }
            } else {
                return Err(Error::Archive(format!("{name} is neither a file nor a directory")));
            };
            if all.len() >= MEMBERS_MAX {
                return Err(Error::Archive("too many members".to_owned()));
            }
            all.insert(name, member);
        }
        drop(tar);
        Ok(Self { file, all })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    /// A small member, whole.
    pub(crate) fn small(&self, name: &str) -> Result<Vec<u8>> {
        let mut section = self.open(name)?;
        if section.left > BLOB_MAX {
            return Err(Error::Archive(format!("{name} is too large")));
        }
        let mut bytes = Vec::new();
        section.read_to_end(&mut bytes).map_err(broken)?;
        Ok(bytes)
    }

    /// A member as a stream.
    pub(crate) fn open(&self, name: &str) -> Result<Section<'_>> {
        let missing = || Error::Archive(format!("{name} is missing"));
        let mut at = clean(name.as_bytes())?;
        for _ in 0..HOPS_MAX {
            match self.all.get(&at).ok_or_else(missing)? {
                Member::Data { at, len } => return Ok(Section { file: &self.file, at: *at, left: *len }),
                Member::Link(to) => at.clone_from(to),
            }
        }
        Err(missing())
    }
}

/// A part of a file, read without moving the file's own position.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Section<'_> {
    pub(crate) fn len(&self) -> u64 {
        self.left
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.file.read_at(&mut buf[..want], self.at)?;
        if n == 0 && want > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

/// Names are relative, without `..`, and text.
fn clean(name: &[u8]) -> Result<String> {
    let bad = || Error::Archive(format!("{:?} is no name for a member", String::from_utf8_lossy(name)));
    let text = std::str::from_utf8(name).ok().filter(|n| n.len() <= 4096 && !n.contains('\0')).ok_or_else(bad)?;
    target_name("", text.as_bytes()).filter(|n| !n.is_empty() && !text.starts_with('/')).ok_or_else(bad)
}

/// Joins a link's target to the directory it is in; `None` when that leads outside.
fn target_name(dir: &str, target: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(target).ok()?;
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = dir.split('/').filter(|p| !p.is_empty()).collect();
    let base = parts.len();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            // Only a symlink's own directory may be left; a plain name has none.
            ".." if base > 0 => {
                parts.pop()?;
            }
            ".." => return None,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn broken(source: io::Error) -> Error {
    Error::Stream { act: "read the archive", source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_links_stay_inside() {
        assert_eq!(clean(b"./a//b").unwrap(), "a/b");
        for bad in ["../a", "a/../b", "/a", "", ".", "a\0"] {
            assert!(clean(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(target_name("x", b"../y/layer.tar").as_deref(), Some("y/layer.tar"));
        assert_eq!(target_name("x", b"../../y"), None);
        assert_eq!(target_name("x", b"/etc/passwd"), None);
    }
}
