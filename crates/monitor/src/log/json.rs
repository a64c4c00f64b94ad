//! One line of the file: `{"log":"hello\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}`, byte for byte Docker's.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use stead_base::time::Time;

use super::Stream;

/// One entry read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it was written.
    pub stream: Stream,
    /// The text with its newline; without one it is a piece of a longer line, or the last words of a process.
    pub text: String,
    /// When the monitor read it.
    pub time: Time,
    /// What `--log-opt labels|env|tag` added.
    pub attrs: BTreeMap<String, String>,
}

impl Entry {
    /// The prefix of `logs -t`: nine digits of fraction, always.
    #[must_use]
    pub fn stamp(&self) -> String {
        let nanos = self.time.nanos().rem_euclid(1_000_000_000);
        let seconds = self.time.rfc3339();
        format!("{}.{nanos:09}Z", seconds.trim_end_matches('Z'))
    }
}

/// Appends one line to `out`. `ended` tells whether the text was followed by a newline; `attrs` is [`encode_attrs`]' result.
pub fn encode(out: &mut Vec<u8>, stream: Stream, text: &[u8], ended: bool, attrs: &str, time: Time) {
    out.extend_from_slice(b"{\"log\":\"");
    escape(out, text);
    if ended {
        out.extend_from_slice(b"\\n");
    }
    out.extend_from_slice(b"\",\"stream\":\"");
    out.extend_from_slice(stream.word().as_bytes());
    out.extend_from_slice(b"\"");
    out.extend_from_slice(attrs.as_bytes());
    out.extend_from_slice(b",\"time\":\"");
    out.extend_from_slice(time.rfc3339_nano().as_bytes());
    out.extend_from_slice(b"\"}\n");
}

/// The constant part `,"attrs":{…}` of every line of a container, empty when there are none.
#[must_use]
pub fn encode_attrs(attrs: &BTreeMap<String, String>) -> String {
    if attrs.is_empty() {
        return String::new();
    }
    let mut out = b",\"attrs\":{".to_vec();
    for (at, (key, value)) in attrs.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
        escape(&mut out, key.as_bytes());
        out.extend_from_slice(b"\":\"");
        escape(&mut out, value.as_bytes());
        out.extend_from_slice(b"\"");
    }
    out.extend_from_slice(b"}");
    String::from_utf8_lossy(&out).into_owned()
}

/// Docker's escapes (`jsonlogbytes.go`): `<`, `>` and `&` too, bytes that are no UTF-8 as U+FFFD.
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid().as_bytes();
        let mut from = 0;
        for (at, &byte) in valid.iter().enumerate() {
            // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
            let separator = byte == 0xE2 && matches!(valid.get(at + 1..at + 3), Some([0x80, 0xA8 | 0xA9]));
            if byte >= 0x20 && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&') && !separator {
                continue;
            }
            out.extend_from_slice(&valid[from..at]);
            from = at + 1;
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                0xE2 => {
                    out.extend_from_slice(if valid[at + 2] == 0xA8 { b"\\u2028" } else { b"\\u2029" });
                    from = at + 3;
                }
                _ => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                }
            }
        }
        out.extend_from_slice(valid.get(from..).unwrap_or_default());
        // Go reads one bad byte at a time, so each becomes its own replacement.
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

/// Reads one line without its newline. What a power cut left before a whole object (zeros, half a line) is skipped; what is no entry gives `None`.
#[must_use]
pub fn decode(line: &[u8]) -> Option<Entry> {
    decode_whole(line).or_else(|| {
        const START: &[u8] = b"{\"log\":\"";
        let at = line.windows(START.len()).rposition(|window| window == START)?;
        if at == 0 { None } else { decode_whole(&line[at..]) }
    })
}

fn decode_whole(line: &[u8]) -> Option<Entry> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let stream = if line.stream == "stderr" { Stream::Stderr } else { Stream::Stdout };
    Some(Entry { stream, text: line.log.into_owned(), time: Time::parse(&line.time)?, attrs: line.attrs })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time() -> Time {
        Time::parse("2026-01-02T03:04:05.1Z").unwrap()
    }

    fn line(text: &[u8], ended: bool) -> String {
        let mut out = Vec::new();
        encode(&mut out, Stream::Stdout, text, ended, "", time());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_dockers_byte_for_byte() {
        assert_eq!(line(b"hi", true), "{\"log\":\"hi\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.1Z\"}\n");
        assert!(
            line(b"<a href=\"x\">&\\\t\r\x1b", false)
                .starts_with("{\"log\":\"\\u003ca href=\\\"x\\\"\\u003e\\u0026\\\\\\u0009\\r\\u001b\",\"stream\"")
        );
        assert!(line(b"a\xff\xfeb", false).starts_with("{\"log\":\"a\\ufffd\\ufffdb\""));
        assert!(line("x\u{2028}y\u{2029}é".as_bytes(), false).starts_with("{\"log\":\"x\\u2028y\\u2029é\""));
    }

    #[test]
    fn attributes_stand_between_stream_and_time() {
        let attrs = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "\"".to_owned())]);
        let mut out = Vec::new();
        encode(&mut out, Stream::Stderr, b"x", true, &encode_attrs(&attrs), time());
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "{\"log\":\"x\\n\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"1\",\"b\":\"\\\"\"},\"time\":\"2026-01-02T03:04:05.1Z\"}\n"
        );
        assert_eq!(decode(text.trim_end().as_bytes()).unwrap().attrs, attrs);
    }

    #[test]
    fn what_was_written_is_read_back() {
        for text in ["", "plain", "tab\tquote\"back\\slash", "<&>", "é\u{2028}\u{1F600}", "\u{0}\u{1f}"] {
            let entry = decode(line(text.as_bytes(), true).trim_end().as_bytes()).unwrap();
            assert_eq!(entry.text, format!("{text}\n"));
            assert_eq!(entry.time, time());
        }
    }

    #[test]
    fn torn_lines_are_survived() {
        let whole = line(b"ok", true);
        let whole = whole.trim_end();
        assert_eq!(decode(b"{\"log\":\"half"), None);
        assert_eq!(decode(b""), None);
        assert_eq!(decode(b"\0\0\0"), None);
        assert_eq!(decode(format!("\0\0\0{whole}").as_bytes()).unwrap().text, "ok\n");
        assert_eq!(decode(format!("{{\"log\":\"ha{whole}").as_bytes()).unwrap().text, "ok\n");
    }

    #[test]
    fn stamps_have_nine_digits() {
        let entry = decode(line(b"x", true).trim_end().as_bytes()).unwrap();
        assert_eq!(entry.stamp(), "2026-01-02T03:04:05.100000000Z");
    }
}
