//! Undoing compression, in this process and before the tree is touched.
//!
//! Docker runs `xz` or `unpigz` found by PATH for this; inside a container's file system that was CVE-2026-41567. Here nothing is ever run.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use crate::{Error, Result};

/// Bytes taken from the stream at a time.
const BUFFER: usize = 128 * 1024;

/// Longest signature looked for.
const SIGNATURE: usize = 6;

/// A plain tar stream from one that may be compressed with gzip or zstd.
pub(crate) fn plain<'a>(mut stream: &'a mut dyn Read) -> Result<Box<dyn BufRead + 'a>> {
    let mut head = Vec::with_capacity(SIGNATURE);
    // An interrupted or short first read must not hide the signature.
    Read::by_ref(&mut stream).take(SIGNATURE as u64).read_to_end(&mut head).map_err(Error::Stream)?;
    let whole = BufReader::with_capacity(BUFFER, Cursor::new(head.clone()).chain(stream));
    match head.as_slice() {
        [0x1f, 0x8b, 0x08, ..] => Ok(Box::new(BufReader::with_capacity(BUFFER, flate2::bufread::MultiGzDecoder::new(whole)))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            let decoder = zstd::stream::read::Decoder::with_buffer(whole).map_err(Error::Stream)?;
            Ok(Box::new(BufReader::with_capacity(BUFFER, decoder)))
        }
        [b'B', b'Z', b'h', ..] => Err(Error::Codec { format: "bzip2", tool: "bzip2" }),
        [0xfd, b'7', b'z', b'X', b'Z', 0x00] => Err(Error::Codec { format: "xz", tool: "xz" }),
        _ => Ok(Box::new(whole)),
    }
}

/// Reads what follows the archive's end, so that the writer at the other end of a pipe is not cut off; at most `most` bytes.
pub(crate) fn drain(stream: &mut dyn BufRead, most: u64) {
    // Padding carries nothing: an error in it changes nothing either.
    drop(io::copy(&mut stream.take(most), &mut io::sink()));
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::plain;

    fn unpacked(mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        plain(&mut bytes).unwrap().read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn gzip_zstd_and_plain_give_the_same() {
        let text = b"some bytes that are long enough".repeat(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let two_members = [gzip.finish().unwrap(), {
            let mut more = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            more.write_all(b"tail").unwrap();
            more.finish().unwrap()
        }]
        .concat();
        assert_eq!(unpacked(&two_members), [text.as_slice(), b"tail"].concat());
        assert_eq!(unpacked(&zstd::encode_all(text.as_slice(), 1).unwrap()), text);
        assert_eq!(unpacked(&text), text);
        assert_eq!(unpacked(b""), b"");
    }

    #[test]
    fn what_needs_a_program_is_refused_by_name() {
        let refused = |mut bytes: &[u8]| plain(&mut bytes).err().unwrap().to_string();
        assert!(refused(b"\xfd7zXZ\0....").starts_with("xz-compressed archives are not supported"));
        assert!(refused(b"BZh91AY").starts_with("bzip2-compressed archives are not supported"));
    }
}
