//! The grammar of entry names: what an archive may call a file, and which names are whiteouts.

use crate::{Error, Result};

/// Longest name, the kernel's PATH_MAX without its NUL.
const LEN_MAX: usize = 4095;
/// Deepest name. Real images stay below 60; the limit bounds walks and descriptors.
const DEPTH_MAX: usize = 256;

const WHITEOUT: &[u8] = b".wh.";
const META: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What a cleaned name asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// The layer's own root.
    Root,
    /// An ordinary path, relative, without `.`, `..` or empty parts.
    Path(Vec<u8>),
    /// `dir/.wh.x`: whatever lower layers have at this path is gone.
    Whiteout(Vec<u8>),
    /// `dir/.wh..wh..opq`: whatever lower layers have inside this directory is gone; empty means the root.
    Opaque(Vec<u8>),
    /// Bookkeeping of aufs that nobody wants.
    Ignored,
}

/// Cleans a name. Leading slashes are dropped as every unpacker does; `..` is refused instead of resolved, because two unpackers
/// that resolve it differently see two different archives.
pub(crate) fn clean(raw: &[u8]) -> Result<Name> {
    let path = relative(raw)?;
    if path.is_empty() {
        return Ok(Name::Root);
    }
    let (dir, base) = split(&path);
    if dir.split(|b| *b == b'/').any(|part| part.starts_with(META)) {
        return Ok(Name::Ignored);
    }
    if dir.split(|b| *b == b'/').any(|part| part.starts_with(WHITEOUT)) {
        return Err(refuse(raw, "a whiteout cannot be a directory"));
    }
    if base == OPAQUE {
        return Ok(Name::Opaque(dir.to_vec()));
    }
    if base.starts_with(META) {
        return Ok(Name::Ignored);
    }
    match base.strip_prefix(WHITEOUT) {
        None => Ok(Name::Path(path)),
        Some(b"" | b"." | b"..") => Err(refuse(raw, "invalid whiteout name")),
        Some(hidden) => Ok(Name::Whiteout(join(dir, hidden))),
    }
}

/// A path below the root, without `.` and empty parts.
pub(crate) fn relative(raw: &[u8]) -> Result<Vec<u8>> {
    if raw.len() > LEN_MAX {
        return Err(refuse(&raw[..64], "name is too long"));
    }
    if raw.contains(&0) {
        return Err(refuse(raw, "name contains a NUL byte"));
    }
    let mut path = Vec::with_capacity(raw.len());
    let mut depth = 0;
    for part in raw.split(|b| *b == b'/') {
        match part {
            b"" | b"." => continue,
            b".." => return Err(refuse(raw, "name leads outside of the layer")),
            _ => {}
        }
        depth += 1;
        if depth > DEPTH_MAX {
            return Err(refuse(raw, "name has too many components"));
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(part);
    }
    Ok(path)
}

/// The directory part (empty for the root) and the last component.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// `dir/base`, or `base` when `dir` is the root.
pub(crate) fn join(dir: &[u8], base: &[u8]) -> Vec<u8> {
    if dir.is_empty() { base.to_vec() } else { [dir, b"/", base].concat() }
}

/// The refusal of an entry.
pub(crate) fn refuse(raw: &[u8], why: &'static str) -> Error {
    Error::Entry { name: String::from_utf8_lossy(raw).into_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_lose_dots_and_slashes() {
        for (raw, want) in [("a", "a"), ("./a/b/", "a/b"), ("/etc//passwd", "etc/passwd"), ("a/./b", "a/b"), ("...", "...")] {
            assert_eq!(clean(raw.as_bytes()).unwrap(), Name::Path(want.into()), "{raw}");
        }
        for raw in ["", ".", "./", "/", "//."] {
            assert_eq!(clean(raw.as_bytes()).unwrap(), Name::Root, "{raw}");
        }
    }

    #[test]
    fn whiteouts_are_recognised_and_hostile_ones_refused() {
        assert_eq!(clean(b"a/.wh.b").unwrap(), Name::Whiteout(b"a/b".to_vec()));
        assert_eq!(clean(b".wh.b").unwrap(), Name::Whiteout(b"b".to_vec()));
        assert_eq!(clean(b"a/.wh..wh..opq").unwrap(), Name::Opaque(b"a".to_vec()));
        assert_eq!(clean(b".wh..wh..opq").unwrap(), Name::Opaque(Vec::new()));
        assert_eq!(clean(b".wh..wh.plnk").unwrap(), Name::Ignored);
        assert_eq!(clean(b".wh..wh.plnk/1.2").unwrap(), Name::Ignored);
        for bad in ["../a", "a/../b", "a/..", ".wh.", ".wh..", ".wh...", "a/.wh...", ".wh.x/y", "a\0b"] {
            assert!(clean(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(clean("d/".repeat(300).as_bytes()).is_err());
        assert!(clean(&vec![b'n'; 5000]).is_err());
    }
}
