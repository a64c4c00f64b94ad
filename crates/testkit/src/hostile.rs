//! F-TAR: archives that lie. Written byte by byte, because no library would write them.
//!
//! Every vector tries to create, change or read something outside the directory it is unpacked into; `outside` names a directory on the host that
//! the vectors aim at. What an engine answers is its own affair: refuse, or unpack harmlessly. The canary tells.

const BLOCK: usize = 512;

/// One archive and what it tries.
#[derive(Debug, Clone)]
pub struct Vector {
    /// Its name in messages.
    pub name: &'static str,
    /// The tar's bytes.
    pub tar: Vec<u8>,
}

/// One member's header and data, ustar, checksum right.
fn member(name: &[u8], kind: u8, mode: u32, link: &[u8], data: &[u8]) -> Vec<u8> {
    sized(name, kind, mode, link, data.len() as u64, data)
}

fn sized(name: &[u8], kind: u8, mode: u32, link: &[u8], size: u64, data: &[u8]) -> Vec<u8> {
    let mut head = vec![0u8; BLOCK];
    let mut put =
        |at: usize, bytes: &[u8], most: usize| head[at..at + bytes.len().min(most)].copy_from_slice(&bytes[..bytes.len().min(most)]);
    put(0, name, 100);
    put(100, format!("{mode:07o}\0").as_bytes(), 8);
    put(108, b"0000000\0", 8);
    put(116, b"0000000\0", 8);
    if size < 1 << 33 {
        put(124, format!("{size:011o}\0").as_bytes(), 12);
    } else {
        let mut base256 = [0u8; 12];
        base256[0] = 0x80;
        base256[4..].copy_from_slice(&size.to_be_bytes());
        put(124, &base256, 12);
    }
    put(136, b"14524770622\0", 12);
    put(156, &[kind], 1);
    put(157, link, 100);
    put(257, b"ustar\x0000", 8);
    put(148, b"        ", 8);
    let sum: u32 = head.iter().map(|b| u32::from(*b)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head.extend_from_slice(data);
    head.resize(head.len().next_multiple_of(BLOCK), 0);
    head
}

/// A PAX extended header with these records, for the member that follows.
fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let mut len = rest.len() + 1;
        while len != rest.len() + len.to_string().len() {
            len = rest.len() + len.to_string().len();
        }
        body.extend_from_slice(format!("{len}{rest}").as_bytes());
    }
    member(b"PaxHeaders/x", b'x', 0o644, b"", &body)
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = members.concat();
    tar.resize(tar.len() + 2 * BLOCK, 0);
    tar
}

fn file(name: &str, data: &str) -> Vec<u8> {
    member(name.as_bytes(), b'0', 0o644, b"", data.as_bytes())
}
fn dir(name: &str) -> Vec<u8> {
    member(name.as_bytes(), b'5', 0o755, b"", b"")
}
fn sym(name: &str, to: &str) -> Vec<u8> {
    member(name.as_bytes(), b'2', 0o777, to.as_bytes(), b"")
}
fn hard(name: &str, to: &str) -> Vec<u8> {
    member(name.as_bytes(), b'1', 0o644, to.as_bytes(), b"")
}

/// A well-formed archive of these files, for tests that need an honest one: (name, text); a name that ends in `/` is a directory.
pub fn honest(files: &[(&str, &str)]) -> Vec<u8> {
    archive(&files.iter().map(|(name, text)| if name.ends_with('/') { dir(name) } else { file(name, text) }).collect::<Vec<_>>())
}

/// The 40 vectors, aimed at the host directory `outside` (absolute, without a trailing slash). `oldlink` in the target is a symlink to `outside`
/// that was there before; the vectors marked so go through it.
pub fn vectors(outside: &str) -> Vec<Vector> {
    let mut all = names(outside);
    all.extend(links(outside));
    all.extend(headers(outside));
    all
}

fn names(outside: &str) -> Vec<Vector> {
    let up = "../../../../../../../../../..";
    let abs = |leaf: &str| format!("{outside}/{leaf}");
    let rel = |leaf: &str| format!("{up}{outside}/{leaf}");
    let v = |name, members: &[Vec<u8>]| Vector { name, tar: archive(members) };
    vec![
        v("dotdot-file", &[file(&rel("new1"), "x")]),
        v("dotdot-inside", &[dir("a"), file(&format!("a/{}", rel("new2")), "x")]),
        v("absolute-file", &[file(&abs("new3"), "x")]),
        v("absolute-double-slash", &[file(&format!("/{}", abs("new4")), "x")]),
        v("dot-slash-dotdot", &[file(&format!("./{}", rel("new5")), "x")]),
        v("dotdot-dir", &[dir(&rel("newdir"))]),
        v("dotdot-mode-change", &[member(rel("sub").as_bytes(), b'5', 0o777, b"", b"")]),
        v("dotdot-alone", &[member(b"..", b'5', 0o777, b"", b"")]),
        v("root-mode", &[member(b"/", b'5', 0o700, b"", b"")]),
        v("empty-name", &[file("", "x")]),
        v("dot-name-file", &[file(".", "x")]),
        v("name-with-nul", &[member(b"a\0/../../b", b'0', 0o644, b"", b"x")]),
        v("non-utf8", &[member(b"caf\xe9\xff", b'0', 0o644, b"", b"x")]),
        v("newline-name", &[file("a\nb", "x")]),
        v("trailing-slash-file", &[file("a/", "x"), file("a/b", "x")]),
        v("whiteout-of-parent", &[file(".wh...", "")]),
        v("whiteout-dotdot", &[file("a/.wh...", ""), file(".wh...", "")]),
        v("whiteout-empty", &[file(".wh.", "")]),
        v("opaque-root", &[file(".wh..wh..opq", "")]),
        v("whiteout-through-link", &[sym("l", outside), file("l/.wh.secret", "")]),
    ]
}

fn links(outside: &str) -> Vec<Vector> {
    let up = "../../../../../../../../../..";
    let v = |name, members: &[Vec<u8>]| Vector { name, tar: archive(members) };
    vec![
        v("own-symlink-abs-then-child", &[sym("l", outside), file("l/new6", "x")]),
        v("own-symlink-rel-then-child", &[sym("l", &format!("{up}{outside}")), file("l/new7", "x")]),
        v("old-symlink-then-child", &[file("oldlink/new8", "x")]),
        v("symlink-chain", &[sym("a", "b"), sym("b", outside), file("a/new9", "x")]),
        v("symlink-to-file-overwritten", &[sym("s", &format!("{outside}/secret")), file("s", "gone")]),
        v("hardlink-absolute", &[hard("h", &format!("{outside}/secret")), file("h", "gone")]),
        v("hardlink-dotdot", &[hard("h", &format!("{up}{outside}/secret")), file("h", "gone")]),
        v("hardlink-through-symlink", &[sym("l", outside), hard("h", "l/secret"), member(b"h", b'0', 0o777, b"", b"gone")]),
        v("hardlink-to-symlink-then-write", &[sym("s", &format!("{outside}/secret")), hard("h", "s"), file("h", "gone")]),
        v("dir-over-symlink-chmod", &[sym("l", outside), member(b"l", b'5', 0o777, b"", b"")]),
        v("dir-over-old-symlink-chmod", &[member(b"oldlink", b'5', 0o777, b"", b"")]),
        v("file-symlink-file", &[file("f", "1"), sym("f", &format!("{outside}/secret")), file("f", "2")]),
        v("dot-as-symlink", &[sym(".", outside), file("new10", "x")]),
        v("symlink-trailing-slash", &[sym("l", outside), file("l//new11", "x"), dir("l/./newdir2")]),
    ]
}

fn headers(outside: &str) -> Vec<Vector> {
    let v = |name, members: &[Vec<u8>]| Vector { name, tar: archive(members) };
    let smuggled = archive(&[file(&format!("../../../../../..{outside}/new12"), "x")]);
    let long = format!("../../../../../../..{outside}/new13");
    vec![
        v("pax-path-escape", &[pax(&[("path", &format!("../../../../../../../..{outside}/new14"))]), file("ok", "x")]),
        v("pax-link-escape", &[pax(&[("linkpath", outside)]), sym("l", "harmless"), file("l/new15", "x")]),
        v("pax-size-smaller", &[pax(&[("size", "0")]), member(b"outer", b'0', 0o644, b"", &smuggled)]),
        v("pax-then-long-name", &[pax(&[("path", "good")]), member(b"././@LongLink", b'L', 0o644, b"", long.as_bytes()), file("f", "x")]),
        v("huge-size", &[sized(b"big", b'0', 0o644, b"", 1 << 50, b"short")]),
        v(
            "device-and-fifo",
            &[member(b"mem", b'3', 0o666, b"", b""), member(b"pipe", b'6', 0o666, b"", b""), member(b"suid", b'0', 0o4755, b"", b"x")],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::{honest, vectors};
    use crate::Command;

    #[test]
    fn forty_vectors_of_different_names() {
        let all = vectors("/x");
        let names: std::collections::BTreeSet<_> = all.iter().map(|v| v.name).collect();
        assert_eq!((all.len(), names.len()), (40, 40));
    }

    #[test]
    fn tar_reads_the_honest_one() {
        let out = Command::new("tar").arg("-tf").arg("-").stdin(honest(&[("d/", ""), ("d/f", "text")])).run().ok();
        assert_eq!(out.text(), "d/\nd/f");
    }
}
