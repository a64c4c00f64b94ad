//! The content of one file: exactly as many bytes as its header said, whatever happens to the file meanwhile.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use crate::decode::Segment;
use crate::encode::BLOCK;

/// A file on its way into the stream.
#[derive(Debug)]
pub(crate) struct Content {
    file: File,
    at: u64,
    size: u64,
    /// Up to where the file is known to hold data, and to be a hole. Holes are not read, only counted.
    data_until: u64,
    hole_until: u64,
    /// Parts still to come, the next one last, where only parts are carried.
    parts: Vec<Segment>,
    /// Bytes in the stream.
    carried: u64,
}

impl Content {
    /// `sparse` when fewer blocks are allocated than the size would need.
    pub(crate) fn new(file: OwnedFd, size: u64, sparse: bool) -> Self {
        let data_until = if sparse { 0 } else { size };
        Self { file: File::from(file), at: 0, size, data_until, hole_until: 0, parts: Vec::new(), carried: size }
    }

    /// Only these parts, one after the other.
    pub(crate) fn of_parts(file: OwnedFd, mut parts: Vec<Segment>) -> Self {
        let carried = parts.iter().map(|part| part.length).sum();
        parts.reverse();
        Self { file: File::from(file), at: 0, size: 0, data_until: 0, hole_until: 0, parts, carried }
    }

    /// Zeros that fill the last block.
    pub(crate) fn padding(&self) -> usize {
        usize::try_from(self.carried.next_multiple_of(BLOCK as u64) - self.carried).unwrap_or(0)
    }

    /// 0 at the end. A file that shrank is filled up with zeros, one that grew is cut: its header is already on its way.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.size {
            let Some(part) = self.parts.pop() else { return Ok(0) };
            (self.at, self.size) = (part.offset, part.offset + part.length);
            self.data_until = self.size;
        }
        if self.at >= self.data_until && self.at >= self.hole_until {
            self.look_ahead();
        }
        let (until, hole) = if self.at < self.hole_until { (self.hole_until, true) } else { (self.data_until, false) };
        let most = usize::try_from(until - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let part = &mut buffer[..most];
        let count = if hole { 0 } else { self.pull(part)? };
        if count == 0 {
            part.fill(0);
            self.at += most as u64;
            return Ok(most);
        }
        self.at += count as u64;
        Ok(count)
    }

    fn pull(&self, part: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(part, self.at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn look_ahead(&mut self) {
        match rustix::fs::seek(&self.file, SeekFrom::Data(self.at)) {
            Ok(data) if data > self.at => self.hole_until = data.min(self.size),
            Ok(data) => {
                let hole = rustix::fs::seek(&self.file, SeekFrom::Hole(data)).unwrap_or(self.size);
                self.data_until = hole.clamp(self.at + 1, self.size);
            }
            Err(Errno::NXIO) => self.hole_until = self.size,
            Err(_) => self.data_until = self.size,
        }
    }
}
