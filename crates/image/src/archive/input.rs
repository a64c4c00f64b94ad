//! Getting a seekable file out of whatever the archive comes from. Nothing ever lies in /tmp: what must be spooled goes below the root,
//! into a file that has no name.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

use rustix::rand::{GetRandomFlags, getrandom};
use stead_base::ids;
use stead_base::layout::Root;

use crate::{Error, Result};

/// Where an archive comes from.
pub enum Input<'a> {
    /// A file; read in place when it is a regular one.
    File(File),
    /// Anything else; spooled first.
    Stream(&'a mut (dyn Read + Send)),
}

impl std::fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// An uncompressed, seekable copy of the archive, and where in the file it begins.
pub(crate) fn seekable(root: &Root, input: Input<'_>) -> Result<File> {
    let mut file = match input {
        Input::Stream(stream) => return spool(root, stream),
        Input::File(mut file) => {
            if !file.metadata().map_err(failed)?.is_file() || file.stream_position().map_err(failed)? != 0 {
                return spool(root, &mut file);
            }
            file
        }
    };
    let mut magic = [0; 6];
    let n = read_full(&mut file, &mut magic).map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    if compressed(&magic[..n]) { spool(root, &mut file) } else { Ok(file) }
}

/// Writes a stream to a nameless file, uncompressed.
fn spool(root: &Root, stream: &mut dyn Read) -> Result<File> {
    let file = nameless(root)?;
    let mut magic = [0; 6];
    let n = read_full(stream, &mut magic).map_err(failed)?;
    let magic = &magic[..n];
    let whole = Cursor::new(magic.to_vec()).chain(stream);
    let mut out = BufWriter::with_capacity(1 << 20, &file);
    let copied = match magic {
        [0x1f, 0x8b, ..] => io::copy(&mut flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(1 << 18, whole)), &mut out),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => io::copy(&mut zstd::stream::read::Decoder::new(whole).map_err(failed)?, &mut out),
        [b'B', b'Z', b'h', ..] => return Err(Error::Archive("bzip2 compression is not supported".to_owned())),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => return Err(Error::Archive("xz compression is not supported".to_owned())),
        _ => {
            let mut whole = whole;
            io::copy(&mut whole, &mut out)
        }
    };
    copied.map_err(failed)?;
    out.flush().map_err(failed)?;
    drop(out);
    let mut file = file;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(file)
}

fn compressed(magic: &[u8]) -> bool {
    matches!(
        magic,
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [b'B', b'Z', b'h', ..] | [0xfd, b'7', b'z', b'X', b'Z', ..]
    )
}

/// A file below the root that vanishes when it is closed, however we end.
pub(crate) fn nameless(root: &Root) -> Result<File> {
    let dir = root.images_staging();
    stead_sys::durable::create_dir_all(&dir, 0o700)?;
    let mut bytes = [0u8; 16];
    getrandom(&mut bytes[..], GetRandomFlags::empty()).map_err(|e| stead_sys::Error::new("getrandom", "", e))?;
    let path = dir.join(ids::hex(&bytes));
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(|e| stead_sys::Error::new("open", &path, e))?;
    std::fs::remove_file(&path).map_err(|e| stead_sys::Error::new("unlink", &path, e))?;
    Ok(file)
}

fn read_full(from: &mut (impl Read + ?Sized), buf: &mut [u8]) -> io::Result<usize> {
    let mut have = 0;
    while have < buf.len() {
        match from.read(&mut buf[have..]) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(have)
}

fn failed(source: io::Error) -> Error {
    Error::Stream { act: "read the archive", source }
}
