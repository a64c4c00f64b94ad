//! How a layer's bytes are compressed: plain, gzip or zstd, told apart by the first bytes. Everything is decoded here, in this process:
//! a helper program found by PATH has been the way out of several engines.

use std::io::{self, BufReader, Cursor, Read};

use crate::{Error, Result};

/// Output from which on the ratio is looked at. Below it a bomb does no harm.
const RATIO_FLOOR: u64 = 1 << 30;
/// More output than this many times the input is a bomb: real layers stay below 20.
const RATIO_MAX: u64 = 500;
/// Input is read in pieces of this size.
const INPUT_BUFFER: usize = 256 * 1024;

/// A reader of the uncompressed bytes.
pub(crate) struct Decoded<'a> {
    inner: Codec<'a>,
    out: u64,
}

enum Codec<'a> {
    Plain(Input<'a>),
    Gzip(Box<flate2::bufread::MultiGzDecoder<BufReader<Input<'a>>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<Input<'a>>>>),
}

/// Counts what comes in; the first bytes were looked at already.
struct Input<'a> {
    head: Cursor<Vec<u8>>,
    stream: &'a mut (dyn Read + Send),
    count: u64,
}

impl Read for Input<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let from_head = self.head.read(buf)?;
        let n = if from_head > 0 { from_head } else { self.stream.read(buf)? };
        self.count += n as u64;
        Ok(n)
    }
}

impl<'a> Decoded<'a> {
    /// Looks at the first bytes and chooses.
    pub(crate) fn new(stream: &'a mut (dyn Read + Send)) -> Result<Self> {
        let mut head = Vec::with_capacity(6);
        stream.take(6).read_to_end(&mut head).map_err(Error::Stream)?;
        let magic = head.clone();
        let input = Input { head: Cursor::new(head), stream, count: 0 };
        let inner = match magic.as_slice() {
            [0x1f, 0x8b, ..] => Codec::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(INPUT_BUFFER, input)))),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                let reader = BufReader::with_capacity(INPUT_BUFFER, input);
                Codec::Zstd(Box::new(zstd::stream::read::Decoder::with_buffer(reader).map_err(Error::Stream)?))
            }
            [b'B', b'Z', b'h', ..] => return Err(Error::Limit("bzip2 compression is not supported")),
            [0xfd, b'7', b'z', b'X', b'Z', 0] => return Err(Error::Limit("xz compression is not supported")),
            _ => Codec::Plain(input),
        };
        Ok(Self { inner, out: 0 })
    }

    fn taken(&self) -> u64 {
        match &self.inner {
            Codec::Plain(input) => input.count,
            Codec::Gzip(decoder) => decoder.get_ref().get_ref().count,
            Codec::Zstd(decoder) => decoder.get_ref().get_ref().count,
        }
    }
}

impl Read for Decoded<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = match &mut self.inner {
            Codec::Plain(input) => input.read(buf)?,
            Codec::Gzip(decoder) => decoder.read(buf)?,
            Codec::Zstd(decoder) => decoder.read(buf)?,
        };
        self.out += n as u64;
        if self.out > RATIO_FLOOR && self.out / RATIO_MAX > self.taken() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "compression ratio is that of a bomb"));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn decode(bytes: &[u8]) -> Result<Vec<u8>> {
        let mut from = bytes;
        let mut out = Vec::new();
        Decoded::new(&mut from)?.read_to_end(&mut out).map_err(Error::Stream)?;
        Ok(out)
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_codec_is_found_by_its_magic() {
        let data = b"hello layer".repeat(1000);
        assert_eq!(decode(&data).unwrap(), data);
        assert_eq!(decode(&gzip(&data)).unwrap(), data);
        assert_eq!(decode(&zstd::encode_all(&data[..], 1).unwrap()).unwrap(), data);
        assert_eq!(decode(b"").unwrap(), b"");
        let twice = [gzip(b"a"), gzip(b"b")].concat();
        assert_eq!(decode(&twice).unwrap(), b"ab", "pigz writes several members");
        assert!(decode(b"BZh91AY").is_err());
        assert!(decode(&gzip(&data)[..40]).is_err(), "a cut stream is an error");
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        let zeros = vec![0u8; 1 << 20];
        for _ in 0..1100 {
            encoder.write_all(&zeros).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        let mut from = &bomb[..];
        let error = io::copy(&mut Decoded::new(&mut from).unwrap(), &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
