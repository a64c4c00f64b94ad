//! Where a file has content, for archives that tell holes instead of carrying them.

use std::os::fd::AsFd;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use crate::decode::Segment;

/// Parts of one file that are told; a file with more is carried whole. Go's reader takes a map of about a mebibyte.
const SEGMENTS_MAX: usize = 1 << 15;

/// Smaller holes are carried as zeros.
const GRAIN: u64 = 64 * 1024;

/// The parts of an open file that have content, in order and inside its first `size` bytes; an empty one at the end where that is a hole.
/// `None` when there is no hole, or too many.
pub(super) fn map(file: impl AsFd, size: u64) -> rustix::io::Result<Option<Vec<Segment>>> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match rustix::fs::seek(&file, SeekFrom::Data(at)) {
            Ok(start) => start.min(size),
            Err(Errno::NXIO) => size,
            // A file system that does not know.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        if start >= size {
            break;
        }
        let end = match rustix::fs::seek(&file, SeekFrom::Hole(start)) {
            Ok(end) => end.clamp(start + 1, size),
            // It was cut meanwhile: what is missing is zeros.
            Err(Errno::NXIO) => size,
            Err(errno) => return Err(errno),
        };
        // To the grain that copies keep holes at, so that a copy of the file is the same archive.
        let (from, to) = (start / GRAIN * GRAIN, end.next_multiple_of(GRAIN).min(size));
        match segments.last_mut() {
            Some(last) if last.offset + last.length >= from => last.length = to - last.offset,
            _ => segments.push(Segment { offset: from, length: to - from }),
        }
        if segments.len() > SEGMENTS_MAX {
            return Ok(None);
        }
        at = to;
    }
    let is_whole = matches!(segments.as_slice(), [one] if one.offset == 0 && one.length == size);
    if is_whole || size == 0 {
        return Ok(None);
    }
    if segments.last().is_none_or(|last| last.offset + last.length < size) {
        segments.push(Segment { offset: size, length: 0 });
    }
    Ok(Some(segments))
}
