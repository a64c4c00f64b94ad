//! The content of a file: as the archive has it, holes kept as holes.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::decode::{Decoder, Item, Segment};
use crate::{Error, Result};

/// Bytes moved at a time; a whole chunk of zeros becomes a hole.
const CHUNK: usize = 256 * 1024;

/// Holes are kept at this grain; smaller runs of zeros are written.
const GRAIN: usize = 64 * 1024;

/// Copies the content of the current member into an empty file and returns how many bytes the archive held.
pub(super) fn store(file: BorrowedFd<'_>, path: &Path, decoder: &mut Decoder<'_>, item: &Item) -> Result<u64> {
    let failed = |error: io::Error| Error::Sys(stead_sys::Error::new("write", path, error));
    let file = File::from(file.try_clone_to_owned().map_err(failed)?);
    let whole = [Segment { offset: 0, length: item.member.size }];
    let segments = item.sparse.as_deref().unwrap_or(&whole);
    let mut buffer = vec![0; CHUNK.min(usize::try_from(item.member.size).unwrap_or(CHUNK).max(1))];
    let (mut stored, mut end) = (0, 0);
    for segment in segments {
        let mut done = 0;
        while done < segment.length {
            let most = usize::try_from(segment.length - done).unwrap_or(usize::MAX).min(buffer.len());
            let count = fill(decoder, &mut buffer[..most])?;
            let at = segment.offset + done;
            for (index, part) in buffer[..count].chunks(GRAIN).enumerate() {
                if part.len() < GRAIN || part.iter().any(|byte| *byte != 0) {
                    let offset = at + (index * GRAIN) as u64;
                    file.write_all_at(part, offset).map_err(failed)?;
                    end = offset + part.len() as u64;
                }
            }
            done += count as u64;
        }
        stored += done;
    }
    if end != item.member.size {
        file.set_len(item.member.size).map_err(failed)?;
    }
    Ok(stored)
}

/// Reads until the buffer is full: pieces as small as a pipe's would hide the holes.
fn fill(decoder: &mut Decoder<'_>, buffer: &mut [u8]) -> Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match decoder.read(&mut buffer[got..])? {
            0 => return Err(Error::malformed("unexpected EOF")),
            count => got += count,
        }
    }
    Ok(got)
}
