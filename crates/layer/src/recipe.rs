//! The recipe: what a tar has besides the contents of its files, so that the very same bytes can be written again and image ids survive
//! a save and a load. (The idea is vbatts' tar-split.)
//!
//! `recipe.zst` is one zstd stream of segments: `0`, u32 length, raw bytes (headers, padding, what has no file); `1`, u16 length, path
//! below `diff/`, u64 size (the content of that file); `2`, u64 (length of the whole tar) at the end. Numbers are little endian.

use std::cell::RefCell;
use std::io::{self, Read, Write};

/// Raw bytes between two entries beyond which the archive is refused: the kernel takes 64 KiB of value per attribute, names are 4 KiB.
/// Without this limit one extended header could fill the memory, because it is read as one piece.
const HEADER_RUN_MAX: u64 = 2 << 20;
/// What may follow the end of the archive. GNU tar pads to 10 KiB.
const TRAILER_MAX: u64 = 64 << 20;
/// Raw bytes are collected up to this size before they become a segment.
const SEGMENT: usize = 64 * 1024;

const RAW: u8 = 0;
const FILE: u8 = 1;
const END: u8 = 2;

/// What the recorder does with the bytes that pass through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Headers: kept, and limited.
    Header,
    /// Content without a file of its own: kept.
    Inline,
    /// Content of a file: not kept.
    File,
    /// After the end of the archive: kept, and limited.
    Trailer,
}

/// Writes a recipe while the tar passes through.
pub(crate) struct Recorder<W: Write> {
    out: zstd::stream::write::Encoder<'static, W>,
    raw: Vec<u8>,
    mode: Mode,
    run: u64,
    total: u64,
    files: u64,
}

impl<W: Write> Recorder<W> {
    pub(crate) fn new(out: W) -> io::Result<Self> {
        let out = zstd::stream::write::Encoder::new(out, 1)?;
        Ok(Self { out, raw: Vec::with_capacity(2 * SEGMENT), mode: Mode::Header, run: 0, total: 0, files: 0 })
    }

    /// The next `size` bytes are the content of the file at `path`.
    pub(crate) fn file(&mut self, path: &[u8], size: u64) -> io::Result<()> {
        self.flush_raw()?;
        let len = u16::try_from(path.len()).map_err(|_long| io::ErrorKind::InvalidInput)?;
        self.out.write_all(&[FILE])?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(path)?;
        self.out.write_all(&size.to_le_bytes())?;
        self.files += 1;
        self.mode = Mode::File;
        Ok(())
    }

    /// The next bytes are content that gets no file.
    pub(crate) fn inline(&mut self) {
        self.mode = Mode::Inline;
    }

    /// Headers again.
    pub(crate) fn header(&mut self) {
        self.mode = Mode::Header;
        self.run = 0;
    }

    /// Nothing but padding from here.
    pub(crate) fn trailer(&mut self) {
        self.mode = Mode::Trailer;
        self.run = 0;
    }

    /// How many files were announced so far; tells the versions of one path apart.
    pub(crate) fn files(&self) -> u64 {
        self.files
    }

    /// Ends the recipe.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.flush_raw()?;
        self.out.write_all(&[END])?;
        self.out.write_all(&self.total.to_le_bytes())?;
        self.out.finish()
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.total += bytes.len() as u64;
        self.run += bytes.len() as u64;
        let limit = match self.mode {
            Mode::File => return Ok(()),
            Mode::Inline => u64::MAX,
            Mode::Header => HEADER_RUN_MAX,
            Mode::Trailer => TRAILER_MAX,
        };
        if self.run > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "header or trailer is too large"));
        }
        self.raw.extend_from_slice(bytes);
        if self.raw.len() >= SEGMENT { self.flush_raw() } else { Ok(()) }
    }

    fn flush_raw(&mut self) -> io::Result<()> {
        if self.raw.is_empty() {
            return Ok(());
        }
        let len = u32::try_from(self.raw.len()).map_err(|_long| io::ErrorKind::InvalidInput)?;
        self.out.write_all(&[RAW])?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(&self.raw)?;
        self.raw.clear();
        Ok(())
    }
}

/// A reader that shows everything it reads to a recorder.
pub(crate) struct Tee<'a, R, W: Write> {
    pub(crate) from: R,
    pub(crate) recorder: &'a RefCell<Recorder<W>>,
}

impl<R: Read, W: Write> Read for Tee<'_, R, W> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        self.recorder.borrow_mut().pass(&buf[..n])?;
        Ok(n)
    }
}

/// One step of rebuilding a tar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// These bytes.
    Raw(Vec<u8>),
    /// The content of this file.
    File { path: Vec<u8>, size: u64 },
    /// Done; the tar is this long.
    End(u64),
}

/// Reads a recipe.
pub(crate) struct Steps<R: io::BufRead> {
    from: zstd::stream::read::Decoder<'static, R>,
}

impl<R: io::BufRead> Steps<R> {
    pub(crate) fn new(from: R) -> io::Result<Self> {
        Ok(Self { from: zstd::stream::read::Decoder::with_buffer(from)? })
    }

    pub(crate) fn next(&mut self) -> io::Result<Step> {
        let [tag] = self.bytes::<1>()?;
        match tag {
            RAW => {
                let len = u32::from_le_bytes(self.bytes()?);
                let mut raw = Vec::new();
                (&mut self.from).take(u64::from(len)).read_to_end(&mut raw)?;
                if raw.len() as u64 == u64::from(len) { Ok(Step::Raw(raw)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
            }
            FILE => {
                let mut path = vec![0; usize::from(u16::from_le_bytes(self.bytes()?))];
                self.from.read_exact(&mut path)?;
                Ok(Step::File { path, size: u64::from_le_bytes(self.bytes()?) })
            }
            END => Ok(Step::End(u64::from_le_bytes(self.bytes()?))),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "unknown segment")),
        }
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut out = [0; N];
        self.from.read_exact(&mut out)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_through_can_be_replayed() {
        let recorder = RefCell::new(Recorder::new(Vec::new()).unwrap());
        let mut tee = Tee { from: &b"HEADcontentPADinlineTAIL"[..], recorder: &recorder };
        let mut take = |n: usize| {
            let mut buf = vec![0; n];
            tee.read_exact(&mut buf).unwrap();
        };
        take(4);
        recorder.borrow_mut().file(b"a/b", 7).unwrap();
        take(7);
        recorder.borrow_mut().header();
        take(3);
        recorder.borrow_mut().inline();
        take(6);
        recorder.borrow_mut().trailer();
        take(4);
        let bytes = recorder.into_inner().finish().unwrap();
        let mut steps = Steps::new(&bytes[..]).unwrap();
        assert_eq!(steps.next().unwrap(), Step::Raw(b"HEAD".to_vec()));
        assert_eq!(steps.next().unwrap(), Step::File { path: b"a/b".to_vec(), size: 7 });
        assert_eq!(steps.next().unwrap(), Step::Raw(b"PADinlineTAIL".to_vec()));
        assert_eq!(steps.next().unwrap(), Step::End(24));
    }

    #[test]
    fn an_endless_header_is_refused() {
        let recorder = RefCell::new(Recorder::new(io::sink()).unwrap());
        let mut tee = Tee { from: io::repeat(1), recorder: &recorder };
        let error = io::copy(&mut (&mut tee).take(1 << 30), &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
