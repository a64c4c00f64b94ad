//! The bytes of one file: cloned where the file system can, else copied inside the kernel, else read and written; holes stay holes.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::atomic::Ordering;

use rustix::fs::{self, SeekFrom, Stat};
use rustix::io::{self, Errno};

use super::Job;
use crate::{Error, Result};

/// Files up to this size are read and written in one go: cheaper than setting up a copy inside the kernel.
pub(super) const BUFFER: usize = 128 * 1024;
/// Bytes of one copy_file_range; bounded so that a failure elsewhere stops the copy soon.
const RANGE: usize = 64 << 20;

/// Copies the content of `src` into the new, empty file `dst`.
pub(super) fn copy(job: &Job<'_>, src: BorrowedFd<'_>, dst: BorrowedFd<'_>, stat: &Stat, buffer: &mut [u8], shown: &Path) -> Result<()> {
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size == 0 {
        return Ok(());
    }
    if job.clone_works.load(Ordering::Relaxed) {
        match fs::ioctl_ficlone(dst, src) {
            Ok(()) => {
                job.copied.fetch_add(size, Ordering::Relaxed);
                return Ok(());
            }
            Err(Errno::NOSPC | Errno::DQUOT) => return Err(Error::new("clone", shown, Errno::NOSPC)),
            // Another file system, or one that can not: no other file of this tree can either.
            Err(_) => job.clone_works.store(false, Ordering::Relaxed),
        }
    }
    let allocated = u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
    if allocated < size {
        return sparse(job, src, dst, size, buffer, shown);
    }
    range(job, src, dst, 0, size, buffer, shown)
}

/// Only the parts that hold data; then the length, for a hole at the end.
fn sparse(job: &Job<'_>, src: BorrowedFd<'_>, dst: BorrowedFd<'_>, size: u64, buffer: &mut [u8], shown: &Path) -> Result<()> {
    let failed = |e| Error::new("lseek", shown, e);
    let mut at = 0;
    while at < size {
        let start = match fs::seek(src, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            // The file system does not know holes; then everything is data.
            Err(Errno::INVAL | Errno::NOTSUP) => return range(job, src, dst, 0, size, buffer, shown),
            Err(e) => return Err(failed(e)),
        };
        let end = fs::seek(src, SeekFrom::Hole(start)).map_err(failed)?.min(size);
        range(job, src, dst, start, end, buffer, shown)?;
        at = end;
    }
    fs::ftruncate(dst, size).map_err(|e| Error::new("truncate", shown, e))
}

fn range(job: &Job<'_>, src: BorrowedFd<'_>, dst: BorrowedFd<'_>, start: u64, end: u64, buffer: &mut [u8], shown: &Path) -> Result<()> {
    let mut at = start;
    while at < end {
        let left = usize::try_from(end - at).unwrap_or(usize::MAX);
        if left > BUFFER && job.range_works.load(Ordering::Relaxed) {
            let (mut from, mut to) = (at, at);
            match fs::copy_file_range(src, Some(&mut from), dst, Some(&mut to), left.min(RANGE)) {
                // Nothing more: the file is shorter than it was.
                Ok(0) => return Ok(()),
                Ok(n) => {
                    at += to_u64(n);
                    job.copied.fetch_add(to_u64(n), Ordering::Relaxed);
                }
                Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM) => {
                    job.range_works.store(false, Ordering::Relaxed);
                }
                Err(e) => return Err(Error::new("copy", shown, e)),
            }
            continue;
        }
        let part = &mut buffer[..left.min(BUFFER)];
        match io::pread(src, &mut *part, at) {
            Ok(0) => return Ok(()),
            Ok(n) => {
                write_all(dst, &part[..n], at).map_err(|e| Error::new("write", shown, e))?;
                at += to_u64(n);
                job.copied.fetch_add(to_u64(n), Ordering::Relaxed);
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(Error::new("read", shown, e)),
        }
    }
    Ok(())
}

fn write_all(dst: BorrowedFd<'_>, mut data: &[u8], mut at: u64) -> io::Result<()> {
    while !data.is_empty() {
        match io::pwrite(dst, data, at) {
            Ok(n) => {
                data = &data[n..];
                at += to_u64(n);
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
