//! Reading a manifest: the sum first, then entry by entry.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Mode, OFlags};
use sha2::{Digest as _, Sha256};
use stead_sys::{Error, Result};

use super::entry::{Input, order};
use super::{Entry, FORMAT, Header, LENGTH_MAX, MAGIC};

/// Bytes of the sum at the end.
const SUM: u64 = 32;

/// A manifest whose sum is right.
pub(crate) struct Reader {
    body: zstd::Decoder<'static, BufReader<io::Take<File>>>,
    #[cfg_attr(not(test), expect(dead_code, reason = "for people who look, and for later versions"))]
    header: Header,
    path: PathBuf,
    before: Vec<u8>,
    count: u64,
    ended: bool,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens the manifest at `path`; `None` when there is none.
    ///
    /// # Errors
    /// It can not be read, is damaged (`InvalidData`), or is of a later format.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(e) => return Err(Error::new("open", path, e)),
        };
        let stat = fs::statat(&file, c"", AtFlags::EMPTY_PATH).map_err(|e| Error::new("stat", path, e))?;
        if fs::FileType::from_raw_mode(stat.st_mode) != fs::FileType::RegularFile {
            return Err(damaged(path, "it is no file"));
        }
        let failed = |e: io::Error| Error::new("read", path, e);
        let mut file = File::from(file);
        let length = u64::try_from(stat.st_size).unwrap_or(0).checked_sub(SUM).ok_or_else(|| damaged(path, "it is cut off"))?;
        check_sum(&mut file, length).map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut input = BufReader::with_capacity(64 << 10, file.take(length));
        let mut magic = [0; MAGIC.len()];
        input.read_exact(&mut magic).map_err(failed)?;
        if &magic != MAGIC {
            return Err(damaged(path, "it is no manifest"));
        }
        let header = read_piece(&mut input).map_err(failed)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_bad| damaged(path, "its header makes no sense"))?;
        if header.format > FORMAT {
            return Err(Error::new("read", path, io::Error::new(ErrorKind::Unsupported, "it was written by a later version of stead")));
        }
        let body = zstd::Decoder::with_buffer(input).map_err(failed)?;
        Ok(Some(Self { body, header, path: path.to_path_buf(), before: Vec::new(), count: 0, ended: false }))
    }

    #[cfg(test)]
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The next entry; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>> {
        if self.ended {
            return Ok(None);
        }
        let failed = |path: &Path, e: io::Error| Error::new("read", path, e);
        let record = read_piece(&mut self.body).map_err(|e| failed(&self.path, e))?;
        if record.is_empty() {
            self.ended = true;
            let count = read_number(&mut self.body).map_err(|e| failed(&self.path, e))?;
            return if count == self.count { Ok(None) } else { Err(damaged(&self.path, "entries are missing")) };
        }
        let entry = Entry::decode(&self.before, &record).ok_or_else(|| damaged(&self.path, "an entry makes no sense"))?;
        if self.count > 0 && order(&self.before, &entry.path).is_ge() {
            return Err(damaged(&self.path, "its entries are out of order"));
        }
        self.count += 1;
        self.before.clone_from(&entry.path);
        Ok(Some(entry))
    }
}

fn damaged(path: &Path, why: &str) -> Error {
    Error::new("read", path, io::Error::new(ErrorKind::InvalidData, format!("the manifest is damaged: {why}")))
}

fn check_sum(file: &mut File, length: u64) -> io::Result<()> {
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut left = length;
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        file.read_exact(&mut buffer[..part])?;
        sum.update(&buffer[..part]);
        left -= u64::try_from(part).unwrap_or(0);
    }
    let mut written = [0; 32];
    file.read_exact(&mut written)?;
    if sum.finalize()[..] == written {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::InvalidData, "the manifest is damaged: its checksum is wrong"))
}

fn read_number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = Vec::with_capacity(10);
    loop {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        bytes.push(byte[0]);
        if byte[0] & 0x80 == 0 || bytes.len() == 10 {
            return Input(&bytes).number().ok_or_else(|| io::Error::from(ErrorKind::InvalidData));
        }
    }
}

fn read_piece(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = usize::try_from(read_number(from)?).unwrap_or(usize::MAX);
    if length > LENGTH_MAX {
        return Err(io::Error::from(ErrorKind::InvalidData));
    }
    let mut piece = vec![0; length];
    from.read_exact(&mut piece)?;
    Ok(piece)
}
