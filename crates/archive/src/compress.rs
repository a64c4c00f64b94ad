//! An archive on its way out, compressed in this process.

use std::io::{self, BufReader, Read};

use crate::{Error, Result};

/// Bytes compressed at a time.
const BUFFER: usize = 128 * 1024;

/// How an archive is compressed. The output depends on nothing but the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, without a name or a time in its header.
    Gzip,
    /// zstd, with a checksum of the content.
    Zstd,
}

impl Compression {
    /// By the ending of a file's name: `.zst`, `.tzst`, `.gz`, `.tgz`; anything else is plain.
    #[must_use]
    pub fn of_file(name: &str) -> Self {
        match name.rsplit('.').next() {
            Some("zst" | "zstd" | "tzst") => Self::Zstd,
            Some("gz" | "tgz") => Self::Gzip,
            _ => Self::None,
        }
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "" | "none" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// The stream, compressed as it is read.
///
/// # Errors
/// The compressor cannot be set up.
pub fn compressed<'a>(stream: Box<dyn Read + 'a>, how: Compression) -> Result<Box<dyn Read + 'a>> {
    let failed = |error: io::Error| Error::Stream(error);
    Ok(match how {
        Compression::None => stream,
        Compression::Gzip => {
            Box::new(flate2::bufread::GzEncoder::new(BufReader::with_capacity(BUFFER, stream), flate2::Compression::default()))
        }
        Compression::Zstd => {
            let whole = BufReader::with_capacity(BUFFER, stream);
            let mut encoder = zstd::stream::read::Encoder::with_buffer(whole, 0).map_err(failed)?;
            encoder.include_checksum(true).map_err(failed)?;
            Box::new(encoder)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{Compression, compressed};

    #[test]
    fn what_is_compressed_is_read_again() {
        let text = b"a volume is a directory that outlives its containers".repeat(1000);
        for how in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let mut bytes = Vec::new();
            compressed(Box::new(text.as_slice()), how).unwrap().read_to_end(&mut bytes).unwrap();
            assert!(how == Compression::None || bytes.len() < text.len() / 10);
            let mut back = Vec::new();
            crate::codec::plain(&mut bytes.as_slice()).unwrap().read_to_end(&mut back).unwrap();
            assert_eq!(back, text, "{how:?}");
        }
    }

    #[test]
    fn endings_say_how() {
        assert_eq!(Compression::of_file("x.tar.zst"), Compression::Zstd);
        assert_eq!(Compression::of_file("x.tgz"), Compression::Gzip);
        assert_eq!(Compression::of_file("x.tar"), Compression::None);
        assert_eq!(Compression::of_file("zst"), Compression::Zstd);
        assert_eq!(Compression::named("xz"), None);
    }
}
