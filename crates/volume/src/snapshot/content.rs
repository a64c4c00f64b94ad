//! The digest of a file's content, made while it is copied or alone.
//!
//! A file is cut into blocks of 1 MiB; the digest is that of its length and of the digests of its blocks. So a hole costs nothing (the
//! digest of a block of zeros is known), whether a file has holes makes no difference, and a huge sparse file is summed in no time.

use std::os::fd::BorrowedFd;
use std::sync::OnceLock;

use rustix::fs::{self, SeekFrom};
use rustix::io::{self, Errno};
use sha2::{Digest as _, Sha256};

use super::manifest::Digest;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 1 << 20;
/// Zeros of this length become a hole in the copy of a file that has holes.
const PIECE: usize = 64 << 10;

static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// The digest of a whole block of zeros.
fn zero_digest() -> &'static Digest {
    static DIGEST: OnceLock<Digest> = OnceLock::new();
    DIGEST.get_or_init(|| Sha256::digest(ZEROS).into())
}

/// Room for one block, kept by each thread.
pub(crate) fn buffer() -> Vec<u8> {
    vec![0; BLOCK]
}

/// Sums up `size` bytes of `from`, and writes them to the empty file `to` if there is one. `sparse`: it may have holes.
/// `None` when the file ends earlier than it should.
///
/// # Errors
/// The kernel's, of reading or of writing; which of the two is in the second part.
pub(crate) fn digest(
    from: BorrowedFd<'_>,
    to: Option<BorrowedFd<'_>>,
    size: u64,
    sparse: bool,
    buffer: &mut [u8],
) -> Result<Option<Digest>, (Errno, &'static str)> {
    let mut sum = Sha256::new_with_prefix(b"stead content 1\0");
    sum.update(size.to_le_bytes());
    let block = u64::try_from(BLOCK).unwrap_or(1);
    // Where the data after the present hole begins, if we are in one.
    let mut data_at = 0;
    let mut at = 0;
    while at < size {
        let length = usize::try_from((size - at).min(block)).unwrap_or(BLOCK);
        if sparse && at >= data_at {
            data_at = next_data(from, at, size);
        }
        if length == BLOCK && data_at >= at + block {
            sum.update(zero_digest());
            at += block;
            continue;
        }
        let part = &mut buffer[..length];
        if !read_full(from, part, at).map_err(|e| (e, "read"))? {
            return Ok(None);
        }
        if sparse && part[..] == ZEROS[..] {
            sum.update(zero_digest());
        } else {
            sum.update(Sha256::digest(&*part));
            if let Some(to) = to {
                write(to, part, at, sparse).map_err(|e| (e, "write"))?;
            }
        }
        at += u64::try_from(length).unwrap_or(0);
        // Only the answer for a hole that reaches beyond this block is kept.
        data_at = if data_at > at { data_at } else { 0 };
    }
    if let Some(to) = to
        && sparse
    {
        fs::ftruncate(to, size).map_err(|e| (e, "truncate"))?;
    }
    Ok(Some(sum.finalize().into()))
}

/// The first byte at or after `at` that is not in a hole. A file system that knows no holes answers `at`.
fn next_data(from: BorrowedFd<'_>, at: u64, size: u64) -> u64 {
    match fs::seek(from, SeekFrom::Data(at)) {
        Ok(data) => data,
        Err(Errno::NXIO) => size.next_multiple_of(u64::try_from(BLOCK).unwrap_or(1)),
        Err(_) => at,
    }
}

/// Whether all of it was there.
fn read_full(from: BorrowedFd<'_>, part: &mut [u8], at: u64) -> io::Result<bool> {
    let mut done = 0;
    while done < part.len() {
        match io::pread(from, &mut part[done..], at + u64::try_from(done).unwrap_or(0)) {
            Ok(0) => return Ok(false),
            Ok(n) => done += n,
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}

fn write(to: BorrowedFd<'_>, part: &[u8], at: u64, sparse: bool) -> io::Result<()> {
    if !sparse {
        return write_full(to, part, at);
    }
    let mut at = at;
    for piece in part.chunks(PIECE) {
        if *piece != ZEROS[..piece.len()] {
            write_full(to, piece, at)?;
        }
        at += u64::try_from(piece.len()).unwrap_or(0);
    }
    Ok(())
}

fn write_full(to: BorrowedFd<'_>, mut part: &[u8], mut at: u64) -> io::Result<()> {
    while !part.is_empty() {
        match io::pwrite(to, part, at) {
            Ok(n) => {
                part = &part[n..];
                at += u64::try_from(n).unwrap_or(0);
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
