//! Reading tar: ustar, PAX, GNU long names and sparse files, with a limit on everything that is kept in memory.
//!
//! The `tar` crate takes extended headers of any length into memory; a four-gigabyte attribute would be one. It stays the oracle of the tests.

mod number;
mod pax;
mod sparse;

use std::io::{self, BufRead, Read};

use crate::encode::{BLOCK, Kind, Member};
use crate::{Error, Result};
use pax::Pax;

pub(crate) use sparse::Segment;

/// Longest extended header (names, attributes) taken into memory; Go's limit.
const EXTENDED_MAX: u64 = 1 << 20;

/// Most members of one archive.
const MEMBERS_MAX: u64 = 1 << 25;

/// Most headers that only describe the member that follows; two of each sort are plenty.
const PREFIXES_MAX: usize = 16;

/// A member and where its content lies.
#[derive(Debug)]
pub(crate) struct Item {
    /// The member; `size` is that of the file.
    pub(crate) member: Member,
    /// The parts of a sparse file that have content, in order; none when all of it has.
    pub(crate) sparse: Option<Vec<Segment>>,
}

/// A tar stream being read.
pub(crate) struct Decoder<'a> {
    stream: Box<dyn BufRead + 'a>,
    /// Content of the current member that was not read yet.
    left: u64,
    padding: u64,
    members: u64,
    /// Whether the blocks of zeros at the end were seen.
    is_ended: bool,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(stream: Box<dyn BufRead + 'a>) -> Self {
        Self { stream, left: 0, padding: 0, members: 0, is_ended: false }
    }

    /// Whether the archive said that it ends: one that was cut between two members does not.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Gives the stream back when the archive has ended.
    pub(crate) fn into_stream(self) -> Box<dyn BufRead + 'a> {
        self.stream
    }

    /// The next member; content of the one before that was not read is passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Item>> {
        self.skip()?;
        let mut pax = Pax::default();
        let (mut long_name, mut long_link) = (None, None);
        for _ in 0..PREFIXES_MAX {
            let Some(block) = self.block()? else { return Ok(None) };
            let letter = block[156];
            let size = number::field(&block[124..136], "size")?;
            match letter {
                b'x' => pax = Pax::parse(&self.extended(size)?)?,
                // Archive-wide defaults: only ever used for comments, and Docker ignores them too.
                b'g' => drop(self.extended(size)?),
                b'L' => long_name = Some(text(&self.extended(size)?)),
                b'K' => long_link = Some(text(&self.extended(size)?)),
                _ => {
                    self.members += 1;
                    if self.members > MEMBERS_MAX {
                        return Err(Error::Limit { what: "the number of members", limit: MEMBERS_MAX });
                    }
                    return self.item(&block, pax, long_name, long_link).map(Some);
                }
            }
        }
        Err(Error::malformed("too many extended headers in a row"))
    }

    /// Content of the current member; 0 at its end. A stream that ends inside it is an error.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let got = loop {
            match self.stream.read(&mut buffer[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(Error::Stream)?,
            }
        };
        if got == 0 {
            return Err(Error::malformed("unexpected EOF"));
        }
        self.left -= got as u64;
        Ok(got)
    }

    fn item(&mut self, block: &[u8; BLOCK], pax: Pax, long_name: Option<Vec<u8>>, long_link: Option<Vec<u8>>) -> Result<Item> {
        let gnu = &block[257..265] == b"ustar  \0";
        let mut name = text(&block[..100]);
        if &block[257..263] == b"ustar\0" && block[345] != 0 {
            name = [text(&block[345..500]).as_slice(), b"/", name.as_slice()].concat();
        }
        let size = match pax.size {
            Some(size) => size,
            None => number::field(&block[124..136], "size")?,
        };
        let name = pax.sparse.name.clone().or(long_name).or(pax.path).unwrap_or(name);
        let kind = match block[156] {
            // A very old archive says "directory" by a trailing slash.
            0 | b'0' if name.ends_with(b"/") && size == 0 => Kind::Directory,
            0 | b'0' | b'7' | b'S' => Kind::Regular,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' => Kind::Char,
            b'4' => Kind::Block,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => {
                return Err(Error::malformed(format!("unhandled tar header type {other} of {:?}", String::from_utf8_lossy(&name))));
            }
        };
        let id = |given: Option<u64>, field: &[u8], what| -> Result<u32> {
            let id = given.map_or_else(|| number::field(field, what), Ok)?;
            u32::try_from(id).map_err(|_range| Error::malformed(format!("{what} {id} is too large")))
        };
        let stored = if kind == Kind::Regular { size } else { 0 };
        self.left = stored;
        self.padding = stored.next_multiple_of(BLOCK as u64) - stored;
        let device = |field: &[u8]| number::field(field, "device").map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let is_device = matches!(kind, Kind::Char | Kind::Block);
        let mut member = Member {
            kind,
            mode: u32::try_from(number::field(&block[100..108], "mode")? & 0o7777).unwrap_or(0),
            uid: id(pax.uid, &block[108..116], "uid")?,
            gid: id(pax.gid, &block[116..124], "gid")?,
            size: stored,
            mtime: match pax.mtime {
                Some(mtime) => mtime,
                None => (number::signed_field(&block[136..148], "mtime")?, 0),
            },
            link: pax.linkpath.or(long_link).unwrap_or_else(|| text(&block[157..257])),
            device: if is_device { (device(&block[329..337])?, device(&block[337..345])?) } else { (0, 0) },
            xattrs: pax.xattrs,
            name,
        };
        let sparse = if kind != Kind::Regular {
            None
        } else if block[156] == b'S' && gnu {
            Some(self.old_gnu_map(block)?)
        } else if pax.sparse.version_one {
            Some((self.inline_map()?, pax.sparse.real_size()?))
        } else if let Some(segments) = pax.sparse.segments {
            Some((segments, pax.sparse.size.ok_or_else(|| Error::malformed("sparse file without a size"))?))
        } else {
            None
        };
        let sparse = match sparse {
            Some((segments, real_size)) => {
                sparse::check(&segments, self.left, real_size)?;
                member.size = real_size;
                Some(segments)
            }
            None => None,
        };
        Ok(Item { member, sparse })
    }

    fn skip(&mut self) -> Result<()> {
        let rest = self.left.saturating_add(self.padding);
        let passed = io::copy(&mut self.stream.by_ref().take(rest), &mut io::sink()).map_err(Error::Stream)?;
        // GNU tar may leave out the padding of the last member; content it may not.
        if passed < self.left {
            return Err(Error::malformed("unexpected EOF"));
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    /// The next header block; none at the end of the archive.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        for _ in 0..2 {
            let mut block = [0u8; BLOCK];
            match self.fill(&mut block)? {
                0 => return Ok(None),
                BLOCK => {}
                _ => return Err(Error::malformed("unexpected EOF")),
            }
            if block.iter().any(|byte| *byte != 0) {
                number::checksum(&block)?;
                return Ok(Some(block));
            }
            self.is_ended = true;
        }
        Ok(None)
    }

    fn fill(&mut self, block: &mut [u8]) -> Result<usize> {
        let mut got = 0;
        while got < block.len() {
            match self.stream.read(&mut block[got..]) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Stream(error)),
            }
        }
        Ok(got)
    }

    /// The content of a header that describes the next member.
    fn extended(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > EXTENDED_MAX {
            return Err(Error::Limit { what: "an extended header", limit: EXTENDED_MAX });
        }
        let mut bytes = vec![0; usize::try_from(size.next_multiple_of(BLOCK as u64)).unwrap_or(0)];
        if self.fill(&mut bytes)? != bytes.len() {
            return Err(Error::malformed("unexpected EOF"));
        }
        bytes.truncate(usize::try_from(size).unwrap_or(0));
        Ok(bytes)
    }

    /// Old GNU: four segments in the header, then blocks of 21.
    fn old_gnu_map(&mut self, header: &[u8; BLOCK]) -> Result<(Vec<Segment>, u64)> {
        let mut segments = Vec::new();
        sparse::table(&header[386..482], &mut segments)?;
        let real_size = number::field(&header[483..495], "real size")?;
        let mut more = header[482] != 0;
        while more {
            let mut block = [0u8; BLOCK];
            if self.fill(&mut block)? != BLOCK {
                return Err(Error::malformed("unexpected EOF"));
            }
            sparse::table(&block[..504], &mut segments)?;
            more = block[504] != 0;
        }
        Ok((segments, real_size))
    }

    /// PAX sparse 1.0: decimal lines at the start of the content, padded to a block.
    fn inline_map(&mut self) -> Result<Vec<Segment>> {
        let mut block = [0u8; BLOCK];
        let mut at = BLOCK;
        let mut lines = sparse::Lines::default();
        while !lines.complete() {
            if at == BLOCK {
                if self.left < BLOCK as u64 || self.fill(&mut block)? != BLOCK {
                    return Err(Error::malformed("unexpected EOF"));
                }
                self.left -= BLOCK as u64;
                at = 0;
            }
            lines.push(block[at])?;
            at += 1;
        }
        Ok(lines.segments())
    }
}

/// A field up to its first NUL.
fn text(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().take_while(|byte| *byte != 0).collect()
}

#[cfg(test)]
mod tests;
