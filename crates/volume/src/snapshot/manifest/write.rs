//! Writing a manifest: one pass, nothing kept in memory.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode, OFlags};
use sha2::{Digest as _, Sha256};
use stead_sys::{Error, Result};

use super::entry::number;
use super::{Entry, FILE, Header, MAGIC};

/// zstd's own default is 3; manifests are mostly digests, which nothing compresses.
const LEVEL: i32 = 3;

/// A manifest being written. Not there before [`Writer::finish`], and not durable then: the caller flushes what it lies in.
pub(crate) struct Writer {
    body: zstd::Encoder<'static, Hashing>,
    dir: OwnedFd,
    temporary: String,
    shown: PathBuf,
    before: Vec<u8>,
    record: Vec<u8>,
    count: u64,
}

impl Writer {
    /// Begins a manifest in the directory `dir`.
    pub(crate) fn new(dir: impl AsFd, header: &Header) -> Result<Self> {
        let shown = PathBuf::from(FILE);
        let failed = |op: &'static str| move |e: io::Error| Error::new(op, FILE, e);
        let dir = dir.as_fd().try_clone_to_owned().map_err(failed("dup"))?;
        let temporary = format!("{FILE}.{}", stead_sys::durable::unique_name()?);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&dir, &temporary, flags, Mode::RUSR | Mode::WUSR).map_err(|e| Error::new("create", FILE, e))?;
        let mut out = Hashing { out: io::BufWriter::with_capacity(64 << 10, File::from(file)), sum: Sha256::new() };
        let header = serde_json::to_vec(header).map_err(|e| Error::new("write", FILE, io::Error::other(e)))?;
        let mut start = MAGIC.to_vec();
        number(&mut start, u64::try_from(header.len()).unwrap_or(0));
        start.extend(header);
        out.write_all(&start).map_err(failed("write"))?;
        let body = zstd::Encoder::new(out, LEVEL).map_err(failed("write"))?;
        Ok(Self { body, dir, temporary, shown, before: Vec::new(), record: Vec::new(), count: 0 })
    }

    /// Adds an entry; they come in [`super::order`].
    pub(crate) fn add(&mut self, entry: &Entry) -> Result<()> {
        self.record.clear();
        entry.encode(&self.before, &mut self.record);
        self.before.clone_from(&entry.path);
        let mut length = Vec::with_capacity(4);
        number(&mut length, u64::try_from(self.record.len()).unwrap_or(0));
        self.count += 1;
        let write = self.body.write_all(&length).and_then(|()| self.body.write_all(&self.record));
        write.map_err(|e| Error::new("write", &self.shown, e))
    }

    /// Ends it and gives it its name, in place of an older one.
    pub(crate) fn finish(mut self) -> Result<()> {
        let shown = self.shown.clone();
        let failed = |e: io::Error| Error::new("write", &shown, e);
        let mut end = vec![0];
        number(&mut end, self.count);
        self.body.write_all(&end).map_err(failed)?;
        let Hashing { mut out, sum } = self.body.finish().map_err(failed)?;
        out.write_all(&sum.finalize()).map_err(failed)?;
        let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        fs::renameat(&self.dir, &*self.temporary, &self.dir, FILE).map_err(|e| Error::new("rename", Path::new(FILE), e))
    }

    /// Gives up: nothing stays.
    pub(crate) fn abandon(self) {
        fs::unlinkat(&self.dir, &*self.temporary, fs::AtFlags::empty()).ok();
    }
}

/// Sums up what passes.
struct Hashing {
    out: io::BufWriter<File>,
    sum: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let n = self.out.write(data)?;
        self.sum.update(&data[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
