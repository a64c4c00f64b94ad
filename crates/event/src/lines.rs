//! Reading events out of segments, from a place onwards, whatever is in them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use stead_sys::{Error, Result};

use crate::event::{Event, LINE_MAX};
use crate::segment;

const CHUNK: usize = 64 << 10;

/// A place in the journal and the way onwards from it.
#[derive(Debug)]
pub(crate) struct Lines {
    dir: PathBuf,
    /// The segment that is read; 0 before the first.
    number: u64,
    file: Option<File>,
    /// What was read and not taken yet, from `taken` on.
    buffer: Vec<u8>,
    taken: usize,
    /// What comes up to the next newline belongs to a line that is too long to be one of ours.
    overlong: bool,
}

impl Lines {
    /// From the oldest event on.
    pub(crate) fn from_start(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), number: 0, file: None, buffer: Vec::new(), taken: 0, overlong: false }
    }

    /// From the next event on.
    pub(crate) fn from_end(dir: &Path) -> Result<Self> {
        let mut lines = Self::from_start(dir);
        if let Some(newest) = segment::all(dir)?.last()
            && lines.open(*newest)?
            && let Some(file) = &mut lines.file
        {
            file.seek(SeekFrom::End(0)).map_err(|error| Error::new("seek", segment::path(dir, *newest), error))?;
        }
        Ok(lines)
    }

    /// The next event that is there, `None` at the end. Lines that are no events are passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.take() {
                return Ok(Some(event));
            }
            if self.fill()? {
                continue;
            }
            let Some(next) = self.next_segment()? else { return Ok(None) };
            // It may have been written to between our last look and the rotation.
            if self.fill()? {
                continue;
            }
            self.buffer.clear();
            (self.taken, self.overlong) = (0, false);
            if !self.open(next)? {
                // Deleted between the listing and now; the listing is made again.
                self.number = next;
                self.file = None;
            }
        }
    }

    /// The next event in the buffer.
    fn take(&mut self) -> Option<Event> {
        loop {
            let rest = &self.buffer[self.taken..];
            let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
                if rest.len() > LINE_MAX {
                    self.overlong = true;
                }
                if self.overlong {
                    self.buffer.clear();
                    self.taken = 0;
                }
                return None;
            };
            let event = if self.overlong { None } else { parse(&rest[..length]) };
            self.overlong = false;
            self.taken += length + 1;
            if event.is_some() {
                return event;
            }
        }
    }

    /// Reads on in the present segment; false at its end.
    fn fill(&mut self) -> Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        drop(self.buffer.drain(..self.taken));
        self.taken = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK, 0);
        let count = loop {
            match file.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(before + count.as_ref().map_or(0, |count| *count));
        let count = count.map_err(|error| Error::new("read", segment::path(&self.dir, self.number), error))?;
        Ok(count > 0)
    }

    /// The segment after the present one. A journal that somebody emptied begins anew.
    fn next_segment(&self) -> Result<Option<u64>> {
        let all = segment::all(&self.dir)?;
        let next = all.iter().copied().find(|number| *number > self.number);
        let gone = || self.file.as_ref().is_some_and(|file| file.metadata().is_ok_and(|meta| meta.nlink() == 0));
        Ok(next.or_else(|| if gone() { all.first().copied() } else { None }))
    }

    fn open(&mut self, number: u64) -> Result<bool> {
        let path = segment::path(&self.dir, number);
        let flags = i32::try_from((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC).bits()).unwrap_or(0);
        match std::fs::OpenOptions::new().read(true).custom_flags(flags).open(&path) {
            Ok(file) => {
                self.file = Some(file);
                self.number = number;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::new("open", &path, error)),
        }
    }
}

/// A line as an event. Some file systems leave zeros where a power cut took what was written.
fn parse(line: &[u8]) -> Option<Event> {
    let begin = line.iter().position(|byte| *byte != 0)?;
    serde_json::from_slice(&line[begin..]).ok()
}
