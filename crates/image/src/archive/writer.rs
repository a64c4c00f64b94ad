//! Writing a tar member by member, where a member's content is produced rather than read.

use std::io::{self, Write};

use crate::{Error, Result};

/// A tar being written. Times are zero and owners root, so that the same images give the same bytes.
pub(crate) struct Writer<'a> {
    out: &'a mut dyn Write,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut dyn Write) -> Self {
        Self { out }
    }

    /// A member of known bytes.
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.produced(name, bytes.len() as u64, |out| out.write_all(bytes).map_err(failed))
    }

    /// A member that `produce` writes; it must write exactly `size` bytes.
    pub(crate) fn produced(&mut self, name: &str, size: u64, produce: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).map_err(failed)?;
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        self.out.write_all(header.as_bytes()).map_err(failed)?;
        let mut counted = Counted { out: self.out, count: 0 };
        produce(&mut counted)?;
        if counted.count != size {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "a layer changed its size")));
        }
        let padding = usize::try_from(size.next_multiple_of(512) - size).unwrap_or(0);
        self.out.write_all(&[0; 512][..padding]).map_err(failed)
    }

    /// The end of the archive.
    pub(crate) fn finish(self) -> Result<()> {
        self.out.write_all(&[0; 1024]).map_err(failed)?;
        self.out.flush().map_err(failed)
    }
}

struct Counted<'a> {
    out: &'a mut dyn Write,
    count: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.out.write(buf)?;
        self.count += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn failed(source: io::Error) -> Error {
    Error::Stream { act: "write the archive", source }
}
