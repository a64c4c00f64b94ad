//! tar-split: what Docker and Podman keep of a layer's tar besides its files, and the tar made again from both, byte for byte.
//!
//! It is a stream of JSON objects: segments (headers and padding, in base64) and files, whose content lies in the layer's directory.
//! The reader trusts nothing: lines and counts have limits, and whether the bytes are the right ones is decided by their digest, which
//! the caller knows.

use std::io::{self, BufRead, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// Longest line: a segment of padding may be a few MiB, a header with extended attributes some hundred KiB.
const LINE_MAX: u64 = 32 << 20;
/// Lines of one layer at most: two for each of the four million entries that a layer may have, and some.
const LINES_MAX: u64 = 12_000_000;

const FILE: u8 = 1;
const SEGMENT: u8 = 2;

/// Opens the content of the tar's entry of this name.
pub trait Files {
    /// The content; it must have `size` bytes.
    ///
    /// # Errors
    /// There is no regular file of that name.
    fn open(&mut self, name: &[u8], size: u64) -> io::Result<Box<dyn Read + Send>>;
}

/// The layer's tar.
pub struct Assembled<R, F> {
    lines: R,
    files: F,
    line: Vec<u8>,
    lines_left: u64,
    now: Now,
}

/// What is being given out.
enum Now {
    Segment(io::Cursor<Vec<u8>>),
    File(Box<dyn Read + Send>, u64),
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    name_raw: Option<String>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    payload: Option<String>,
}

impl<R, F> std::fmt::Debug for Assembled<R, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assembled").field("lines_left", &self.lines_left).finish_non_exhaustive()
    }
}

impl<R: BufRead, F: Files> Assembled<R, F> {
    /// From the decompressed lines and the layer's files.
    pub fn new(lines: R, files: F) -> Self {
        Self { lines, files, line: Vec::new(), lines_left: LINES_MAX, now: Now::Segment(io::Cursor::default()) }
    }

    /// Takes the next object; `false` at the end.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            self.line.clear();
            self.lines_left = self.lines_left.checked_sub(1).ok_or_else(|| invalid("it has too many lines"))?;
            let n = self.lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut self.line)?;
            if n == 0 {
                return Ok(false);
            }
            if n as u64 == LINE_MAX {
                return Err(invalid("it has a line that is too long"));
            }
            if self.line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let line: Line = serde_json::from_slice(&self.line).map_err(|e| invalid(&e.to_string()))?;
            match line.kind {
                SEGMENT => self.now = Now::Segment(io::Cursor::new(decode(&line.payload.unwrap_or_default())?)),
                FILE => {
                    let size = line.size.unwrap_or_default();
                    if size == 0 {
                        // Directories, links, whiteouts: there is nothing to open.
                        continue;
                    }
                    let name = match (line.name_raw.filter(|raw| !raw.is_empty()), line.name) {
                        (Some(raw), _) => decode(&raw)?,
                        (None, name) => name.unwrap_or_default().into_bytes(),
                    };
                    self.now = Now::File(self.files.open(&name, size)?, size);
                }
                other => return Err(invalid(&format!("it has an entry of type {other}"))),
            }
            return Ok(true);
        }
    }
}

impl<R: BufRead, F: Files> Read for Assembled<R, F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let n = match &mut self.now {
                Now::Segment(bytes) => bytes.read(buf)?,
                Now::File(_, 0) => 0,
                Now::File(file, left) => {
                    let want = usize::try_from(*left).unwrap_or(usize::MAX).min(buf.len());
                    let n = file.read(&mut buf[..want])?;
                    if n == 0 {
                        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file of the layer is shorter than it was"));
                    }
                    *left -= n as u64;
                    n
                }
            };
            if n > 0 {
                return Ok(n);
            }
            if !self.advance()? {
                return Ok(0);
            }
        }
    }
}

fn decode(text: &str) -> io::Result<Vec<u8>> {
    STANDARD.decode(text).map_err(|e| invalid(&e.to_string()))
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("tar-split: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Files for Fixed {
        fn open(&mut self, name: &[u8], _size: u64) -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(io::Cursor::new(format!("<{}>", String::from_utf8_lossy(name)).into_bytes())))
        }
    }

    fn assemble(text: &str) -> io::Result<String> {
        let mut out = String::new();
        Assembled::new(text.as_bytes(), Fixed).read_to_string(&mut out).map(|_| out)
    }

    #[test]
    fn segments_and_files_come_in_turn() {
        let text = "{\"type\":2,\"payload\":\"aGVhZA==\",\"position\":0}\n{\"type\":1,\"name\":\"a\",\"size\":3,\"payload\":\"x\",\"position\":1}\n\
                    {\"type\":1,\"name\":\"dir/\",\"payload\":null,\"position\":2}\n\n{\"type\":1,\"name_raw\":\"Yg==\",\"size\":2}\n{\"type\":2,\"payload\":\"dGFpbA==\"}";
        assert_eq!(assemble(text).unwrap(), "head<a><btail");
        assert_eq!(assemble("").unwrap(), "");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in [
            "{",
            "{\"type\":3}",
            "{\"type\":2,\"payload\":\"*\"}",
            "{\"type\":1,\"size\":-1}",
            "[]",
            "{\"type\":1,\"name_raw\":\"*\",\"size\":1}",
        ] {
            assert_eq!(assemble(bad).unwrap_err().kind(), io::ErrorKind::InvalidData, "{bad}");
        }
        let short = assemble("{\"type\":1,\"name\":\"a\",\"size\":4}").unwrap_err();
        assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
    }
}
