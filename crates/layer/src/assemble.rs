//! From files back to the exact tar: the recipe's bytes and the files' contents in turn.

use std::ffi::OsStr;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256};
use stead_base::{Digest, ids};
use stead_sys::path::{open_beneath, open_root};

use crate::description::Description;
use crate::recipe::{Step, Steps};
use crate::tree::Moved;
use crate::{Error, Result};

/// Writes the tar of the layer in `dir`; refuses when it does not have the digest `id` (the disk has changed under us).
pub(crate) fn assemble(id: &Digest, dir: &Path, out: &mut dyn Write) -> Result<u64> {
    let description = Description::read(id, dir)?;
    let damaged = |why: io::Error| Error::Damaged { id: id.clone(), part: "recipe", why: why.to_string() };
    let recipe = std::fs::File::open(dir.join("recipe.zst")).map_err(damaged)?;
    let mut steps = Steps::new(BufReader::new(recipe)).map_err(damaged)?;
    let (root, mut files) = (open_root(dir)?, 0);
    let mut sink = Sink { out, hash: Sha256::new(), total: 0 };
    loop {
        match steps.next().map_err(damaged)? {
            Step::Raw(bytes) => sink.write(&bytes)?,
            Step::File { path, size } => {
                let place = place(&path, files, &description.moved);
                let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let file = std::fs::File::from(open_beneath(root.as_fd(), Path::new(OsStr::from_bytes(&place)), flags, Mode::empty())?);
                files += 1;
                sink.copy(file, size).map_err(|e| match e {
                    Error::Stream(e) if e.kind() == io::ErrorKind::UnexpectedEof => damaged(e),
                    other => other,
                })?;
            }
            Step::End(total) if total == sink.total => break,
            Step::End(_) => return Err(damaged(io::ErrorKind::InvalidData.into())),
        }
    }
    let found = Digest::from_bytes(&sink.hash.finalize().into());
    if found == *id { Ok(sink.total) } else { Err(Error::WrongDigest { want: id.clone(), found }) }
}

/// Where the content announced as number `file` at `path` lies now.
fn place(path: &[u8], file: u64, moved: &[Moved]) -> Vec<u8> {
    for m in moved.iter().filter(|m| m.before > file) {
        let hex = ids::hex(path);
        match hex.strip_prefix(&m.path) {
            Some("") => return format!("shadow/{}", m.to).into_bytes(),
            // A slash in hexadecimal.
            Some(rest) if rest.starts_with("2f") => {
                let below = &path[m.path.len() / 2..];
                return [b"shadow/", m.to.as_bytes(), below].concat();
            }
            _ => {}
        }
    }
    [b"diff/", path].concat()
}

struct Sink<'a> {
    out: &'a mut dyn Write,
    hash: Sha256,
    total: u64,
}

impl Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.total += bytes.len() as u64;
        self.out.write_all(bytes).map_err(Error::Stream)
    }

    fn copy(&mut self, mut file: std::fs::File, size: u64) -> Result<()> {
        let mut buffer = vec![0; 128 * 1024];
        let mut left = size;
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            match file.read(&mut buffer[..want]).map_err(Error::Stream)? {
                0 => return Err(Error::Stream(io::ErrorKind::UnexpectedEof.into())),
                n => {
                    self.write(&buffer[..n])?;
                    left -= n as u64;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_files_are_found_in_the_shadow() {
        let moved = |path: &str, before, to: &str| Moved { path: ids::hex(path.as_bytes()), before, to: to.into() };
        let list = [moved("a", 2, "0"), moved("d", 3, "1"), moved("a", 5, "2")];
        assert_eq!(place(b"a", 0, &list), b"shadow/0");
        assert_eq!(place(b"a", 2, &list), b"shadow/2");
        assert_eq!(place(b"a", 5, &list), b"diff/a");
        assert_eq!(place(b"d/x/y", 1, &list), b"shadow/1/x/y");
        assert_eq!(place(b"dd", 1, &list), b"diff/dd");
    }
}
