//! Reading a log: the last `n` lines, a span of time, from before a moment of attachment, and on as it grows.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use stead_base::time::Time;

use super::chain::{self, Link};
use super::follow::{Follow, Woken};
use super::json::{self, Entry};
use super::{Error, Stream};
use crate::client::Client;
use crate::protocol::Attached;

/// Bytes read at a time.
const BLOCK: usize = 32 << 10;
/// A line longer than this is no entry of ours (16 KiB, six-fold escaped, plus attributes) and is skipped.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Which lines of a log.
#[derive(Debug)]
pub struct LogQuery {
    /// Standard output (and a terminal's).
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Only the last lines; absent means all. Counted before the other conditions, as Docker does.
    pub tail: Option<usize>,
    /// Nothing before this moment.
    pub since: Option<Time>,
    /// Nothing after this moment; the reading ends there.
    pub until: Option<Time>,
    /// Go on as the log grows, over restarts, until the container of this monitor has ended for good. A connection of its own, made before [`read`]:
    /// what a monitor that no longer answered has written is in the files by then.
    pub follow: Option<Client>,
    /// With `follow`: the reading ends when the other end of this connection is closed.
    pub reader: Option<OwnedFd>,
    /// Stop where the log stood when a client was attached ([`crate::Client::attached`]): what comes after is on its connection.
    pub up_to: Option<Attached>,
}

impl Default for LogQuery {
    fn default() -> Self {
        Self { stdout: true, stderr: true, tail: None, since: None, until: None, follow: None, reader: None, up_to: None }
    }
}

/// Opens the log in a container's directory. A container that has never run has none, which reads as empty.
///
/// # Errors
/// Of opening the files.
pub fn read(directory: &Path, id: &str, mut query: LogQuery) -> Result<Reader, Error> {
    let closed = query.reader.take();
    let follow = query.follow.take().and_then(|client| Follow::start(client, directory, closed));
    let mut reader = Reader::open(&chain::live_path(directory, id), query)?;
    reader.follow = follow;
    Ok(reader)
}

/// An iterator over entries; with `follow` it blocks for the next.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    query: LogQuery,
    links: VecDeque<Link>,
    buffer: Vec<u8>,
    /// How much of `buffer` was handed out.
    used: usize,
    /// Set while the rest of an oversized line is thrown away.
    skipping: bool,
    follow: Option<Follow>,
    done: bool,
}

impl Reader {
    fn open(path: &Path, query: LogQuery) -> Result<Self, Error> {
        let mut links = chain::open(path)?;
        if let Some(count) = query.tail {
            chain::keep_last(&mut links, count, path)?;
        }
        Ok(Self { path: path.to_path_buf(), query, links, buffer: Vec::new(), used: 0, skipping: false, follow: None, done: false })
    }

    /// The next entry that the query wants.
    fn advance(&mut self) -> Result<Option<Entry>, Error> {
        while !self.done {
            let Some(entry) = self.line()? else {
                if !self.next_source()? {
                    self.done = true;
                }
                continue;
            };
            let Some(entry) = entry else { continue };
            if self.query.until.is_some_and(|until| entry.time > until) {
                self.done = true;
                break;
            }
            let wanted = match entry.stream {
                Stream::Stdout => self.query.stdout,
                Stream::Stderr => self.query.stderr,
            };
            if wanted && self.query.since.is_none_or(|since| entry.time >= since) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The next whole line of the current file: outer `None` at its present end, inner `None` for a line that is no entry.
    fn line(&mut self) -> Result<Option<Option<Entry>>, Error> {
        loop {
            let rest = &self.buffer[self.used..];
            if let Some(length) = rest.iter().position(|&byte| byte == b'\n') {
                let entry = if self.skipping { None } else { json::decode(&rest[..length]) };
                self.skipping = false;
                self.used += length + 1;
                return Ok(Some(entry));
            }
            if rest.len() > LINE_BYTES_MAX {
                self.skipping = true;
                self.used = self.buffer.len();
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads on in the current file; false at its present end.
    fn fill(&mut self) -> Result<bool, Error> {
        let Some(link) = self.links.front_mut() else { return Ok(false) };
        let mut room = BLOCK;
        if let Some(end) = self.query.up_to.filter(|end| end.log_inode == link.inode) {
            room = usize::try_from(end.log_offset.saturating_sub(link.offset)).unwrap_or(BLOCK).min(BLOCK);
        }
        drop(self.buffer.drain(..self.used));
        self.used = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + room, 0);
        let read = link.file.read_at(&mut self.buffer[kept..], link.offset);
        let count = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(kept + count);
        link.offset += count as u64;
        read.map_err(|source| Error::new("read", &self.path, source)).map(|count| count > 0)
    }

    /// Moves to the next file, or waits for more; false when there is nothing more to come.
    fn next_source(&mut self) -> Result<bool, Error> {
        let current = self.links.front().map(|link| (link.inode, link.offset));
        if let (Some(end), Some((inode, _))) = (self.query.up_to, current)
            && end.log_inode == inode
        {
            return Ok(false);
        }
        if self.links.len() > 1 {
            self.leave_file();
            return Ok(true);
        }
        if self.follow.is_none() {
            return Ok(false);
        }
        if self.rotated(current)? {
            return Ok(true);
        }
        let limit = self.query.until;
        match self.follow.as_mut().map(|follow| follow.wait(limit)) {
            Some(Woken::Grown) => Ok(true),
            Some(Woken::Ended) => {
                // One more look: everything was written before the end was told.
                self.follow = None;
                Ok(true)
            }
            Some(Woken::Late) | None => Ok(false),
        }
    }

    /// Whether the live file is another one now, or was emptied; the chain then goes on with what is new.
    fn rotated(&mut self, current: Option<(u64, u64)>) -> Result<bool, Error> {
        let Some((inode, offset)) = current else {
            self.links = chain::open(&self.path)?;
            return Ok(!self.links.is_empty());
        };
        if chain::live_inode(&self.path).is_some_and(|live| live != inode) {
            // The old file may have grown between our last read and its rotation: read it out before it is left.
            if self.fill()? {
                return Ok(true);
            }
            let newer = chain::newer_than(&self.path, inode)?;
            let moved = !newer.is_empty();
            self.links.extend(newer);
            return Ok(moved);
        }
        let length = self.links.front().and_then(|link| link.file.metadata().ok()).map_or(offset, |meta| meta.len());
        if length < offset {
            self.buffer.clear();
            self.used = 0;
            if let Some(link) = self.links.front_mut() {
                link.offset = 0;
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Drops the file that was read out; a line it did not finish was torn.
    fn leave_file(&mut self) {
        drop(self.links.pop_front());
        self.buffer.clear();
        self.used = 0;
        self.skipping = false;
    }
}

impl Iterator for Reader {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.advance().transpose();
        if matches!(item, Some(Err(_))) {
            self.done = true;
        }
        item
    }
}

#[cfg(test)]
mod tests;
