//! Extended headers: `LENGTH KEY=VALUE\n`, again and again.

use super::sparse::Segment;
use crate::{Error, Result, acl};

/// What an extended header says about the next member.
#[derive(Debug, Default)]
pub(crate) struct Pax {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) linkpath: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) uid: Option<u64>,
    pub(crate) gid: Option<u64>,
    pub(crate) mtime: Option<(i64, u32)>,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) sparse: Sparse,
}

/// The GNU.sparse records.
#[derive(Debug, Default)]
pub(crate) struct Sparse {
    /// The real name; the header carries a made-up one.
    pub(crate) name: Option<Vec<u8>>,
    /// Version 1.0: the map is at the start of the content.
    pub(crate) version_one: bool,
    /// Versions 0.0 and 0.1: the map.
    pub(crate) segments: Option<Vec<Segment>>,
    /// The file's size.
    pub(crate) size: Option<u64>,
    offset: Option<u64>,
}

impl Sparse {
    pub(crate) fn real_size(&self) -> Result<u64> {
        self.size.ok_or_else(|| Error::malformed("sparse file without a size"))
    }
}

impl Pax {
    pub(crate) fn parse(mut bytes: &[u8]) -> Result<Self> {
        let mut pax = Self::default();
        while !bytes.is_empty() {
            let bad = || Error::malformed("extended header record");
            let space = bytes.iter().take(12).position(|byte| *byte == b' ').ok_or_else(bad)?;
            let length: usize = decimal(&bytes[..space]).and_then(|length| usize::try_from(length).ok()).ok_or_else(bad)?;
            let record = bytes.get(space + 1..length).ok_or_else(bad)?;
            let (line, end) = record.split_at(record.len().checked_sub(1).ok_or_else(bad)?);
            let equals = line.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
            if end != b"\n" || equals == 0 {
                return Err(bad());
            }
            pax.take(&line[..equals], &line[equals + 1..])?;
            bytes = &bytes[length..];
        }
        Ok(pax)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let number = || decimal(value).ok_or_else(|| bad_value(key));
        match key {
            b"path" => self.path = Some(name(key, value)?),
            b"linkpath" => self.linkpath = Some(name(key, value)?),
            b"size" => self.size = Some(number()?),
            b"uid" => self.uid = Some(number()?),
            b"gid" => self.gid = Some(number()?),
            b"mtime" => self.mtime = Some(time(value).ok_or_else(|| bad_value(key))?),
            b"GNU.sparse.name" => self.sparse.name = Some(name(key, value)?),
            b"GNU.sparse.major" => self.sparse.version_one = number()? == 1,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = Some(number()?),
            b"GNU.sparse.map" => {
                let numbers: Option<Vec<u64>> = value.split(|byte| *byte == b',').map(decimal).collect();
                let numbers = numbers.filter(|numbers| numbers.len() % 2 == 0).ok_or_else(|| bad_value(key))?;
                self.sparse.segments = Some(numbers.chunks(2).map(|pair| Segment { offset: pair[0], length: pair[1] }).collect());
            }
            b"GNU.sparse.offset" => self.sparse.offset = Some(number()?),
            b"GNU.sparse.numbytes" => {
                let offset = self.sparse.offset.take().ok_or_else(|| bad_value(key))?;
                self.sparse.segments.get_or_insert_default().push(Segment { offset, length: number()? });
            }
            _ => {
                if let Some(attribute) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs.push((name(key, attribute)?, value.to_vec()));
                } else if let Some((attribute, _)) = acl::FORMS.iter().find(|(_, text)| *text == key) {
                    // The text first, so that the kernel's own bytes win where there are both.
                    if let Some(bytes) = acl::from_text(value) {
                        self.xattrs.insert(0, (attribute.to_vec(), bytes));
                    }
                }
            }
        }
        Ok(())
    }
}

fn bad_value(key: &[u8]) -> Error {
    Error::malformed(format!("value of {}", String::from_utf8_lossy(key)))
}

/// No file name holds a NUL; one that does is meant to be cut differently by different readers.
fn name(key: &[u8], value: &[u8]) -> Result<Vec<u8>> {
    if value.contains(&0) { Err(bad_value(key)) } else { Ok(value.to_vec()) }
}

fn decimal(bytes: &[u8]) -> Option<u64> {
    // Go and GNU tar both refuse a sign here, `parse` would take a plus.
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn time(value: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(value).ok()?;
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let seconds = i64::try_from(decimal(whole.as_bytes())?).ok()?;
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos: u32 = format!("{part:0<9}").get(..9)?.parse().ok()?;
    match (negative, nanos) {
        (false, _) => Some((seconds, nanos)),
        (true, 0) => Some((-seconds, 0)),
        (true, _) => Some((-seconds - 1, 1_000_000_000 - nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Pax, time};

    #[test]
    fn records_are_read() {
        let pax = Pax::parse(b"12 path=abc\n21 mtime=12.00000001\n25 SCHILY.xattr.user.a=\x00\n").unwrap();
        assert_eq!(pax.path.as_deref(), Some(b"abc".as_slice()));
        assert_eq!(pax.mtime, Some((12, 10)));
        assert_eq!(pax.xattrs, [(b"user.a".to_vec(), vec![0])]);
    }

    #[test]
    fn lies_are_refused() {
        for bytes in [
            b"99 path=a\n".as_slice(),
            b"8 path=a\n",
            b"0 path=a\n",
            b"x path=a\n",
            b"12 path=a\0b\n",
            b"8 =abcd\n",
            b"+9 path=a\n",
            b"11 size=-1\n",
        ] {
            assert!(Pax::parse(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn times() {
        assert_eq!(time(b"-1.5"), Some((-2, 500_000_000)));
        assert_eq!(time(b"1.0000000019"), Some((1, 1)));
        assert_eq!(time(b"1.x"), None);
        assert_eq!(time(b""), None);
    }
}
