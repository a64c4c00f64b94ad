//! The reader against the other readers there are: what they make of an honest archive we make of it, and what lies we refuse.

use std::io::Read;

use super::{Decoder, Item, Segment};
use crate::encode::{Kind, Member, header};
use crate::{Error, codec};

fn member(name: &str, kind: Kind, size: u64) -> Member {
    Member {
        name: name.as_bytes().to_vec(),
        kind,
        mode: 0o644,
        uid: 0,
        gid: 0,
        size,
        mtime: (1_700_000_000, 123_456_789),
        link: Vec::new(),
        device: (0, 0),
        xattrs: Vec::new(),
    }
}

fn read_all(mut bytes: &[u8]) -> crate::Result<Vec<(Item, Vec<u8>)>> {
    let mut decoder = Decoder::new(codec::plain(&mut bytes)?);
    let mut items = Vec::new();
    while let Some(item) = decoder.next()? {
        let mut content = Vec::new();
        let mut chunk = [0; 700];
        loop {
            match decoder.read(&mut chunk)? {
                0 => break,
                count => content.extend_from_slice(&chunk[..count]),
            }
        }
        items.push((item, content));
    }
    Ok(items)
}

fn with_content(member: &Member, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(member);
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

#[test]
fn what_we_write_we_and_the_tar_crate_read() {
    let long = format!("{}/{}", "d".repeat(150), "ü".repeat(40));
    let mut big_ids = member(&long, Kind::Regular, 5);
    (big_ids.uid, big_ids.gid) = (3_000_000_000, 2_500_000_000);
    big_ids.xattrs = vec![(b"user.note".to_vec(), b"with\nnewline and \0 nul".to_vec())];
    let mut link = member("link", Kind::Symlink, 0);
    link.link = "t".repeat(200).into_bytes();
    let mut old = member("old", Kind::Directory, 0);
    old.mtime = (-5, 500_000_000);
    old.name.push(b'/');
    let mut device = member("dev", Kind::Char, 0);
    device.device = (1, 3);
    let members = [big_ids, link, old, device];
    let mut bytes: Vec<u8> = members.iter().flat_map(|m| with_content(m, if m.size > 0 { b"hello" } else { b"" })).collect();
    bytes.resize(bytes.len() + 1024, 0);

    let ours = read_all(&bytes).unwrap();
    assert_eq!(ours.iter().map(|(item, _)| item.member.clone()).collect::<Vec<_>>(), members);
    assert_eq!(ours[0].1, b"hello");

    let mut theirs = tar::Archive::new(bytes.as_slice());
    let names: Vec<Vec<u8>> = theirs.entries().unwrap().map(|entry| entry.unwrap().path_bytes().into_owned()).collect();
    assert_eq!(names, members.iter().map(|m| m.name.clone()).collect::<Vec<_>>());
}

#[test]
fn the_end_is_two_empty_blocks_or_the_end_of_the_stream() {
    let one = with_content(&member("a", Kind::Regular, 1), b"x");
    assert_eq!(read_all(&one).unwrap().len(), 1, "no end blocks at all");
    let ended = [one.as_slice(), &[0; 1024], &one].concat();
    assert_eq!(read_all(&ended).unwrap().len(), 1, "what follows the end is not read");
    assert!(read_all(b"").unwrap().is_empty());
}

#[test]
fn a_stream_that_stops_in_the_middle_is_an_error() {
    let bytes = with_content(&member("a", Kind::Regular, 2000), &[b'x'; 2000]);
    for cut in [100, 600, 1100, 2600] {
        assert!(matches!(read_all(&bytes[..cut]), Err(Error::Malformed { .. })), "cut at {cut}");
    }
}

#[test]
fn a_pax_size_counts_instead_of_the_headers() {
    // GHSA-3pv8: readers that disagree about the size find different members.
    let mut bytes = with_content(&Member { mtime: (7, 0), ..member("outer", Kind::Regular, 0) }, b"");
    let record = b"12 size=600\n";
    let mut pax = member("p", Kind::Regular, record.len() as u64);
    pax.mtime = (0, 0);
    let mut head = with_content(&pax, record);
    head[156] = b'x';
    resum(&mut head[..512]);
    head.append(&mut bytes);
    head.extend_from_slice(&[b'y'; 600]);
    head.resize(head.len().next_multiple_of(512), 0);
    let read = read_all(&head).unwrap();
    assert_eq!((read.len(), read[0].1.len()), (1, 600));
}

#[test]
fn huge_extended_headers_are_refused_before_they_are_read() {
    let mut bytes = with_content(&member("p", Kind::Regular, 4 << 30), b"");
    bytes.truncate(0);
    let mut pax = member("p", Kind::Regular, 4 << 30);
    pax.mtime = (0, 0);
    bytes.extend(header(&pax));
    bytes[156] = b'x';
    resum(&mut bytes[..512]);
    assert!(matches!(read_all(&bytes), Err(Error::Limit { .. })));
}

#[test]
fn a_broken_checksum_or_an_unknown_type_is_refused() {
    let mut bytes = with_content(&member("a", Kind::Regular, 0), b"");
    let at = bytes.len() - 512;
    bytes[at] ^= 1;
    assert!(read_all(&bytes).is_err());
    let mut bytes = header(&Member { mtime: (0, 0), ..member("a", Kind::Regular, 0) });
    bytes[156] = b'Z';
    resum(&mut bytes);
    assert!(read_all(&bytes).unwrap_err().to_string().contains("unhandled tar header type 90"));
}

/// GNU tar's three ways of writing a file with holes.
#[test]
fn gnu_tars_sparse_files_are_understood() {
    let dir = std::path::PathBuf::from(format!("/var/tmp/stead-archive-sparse-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = std::fs::File::create(dir.join("holes")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"start", 0).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"middle", 1 << 20).unwrap();
    file.set_len(3 << 20).unwrap();
    file.sync_all().unwrap();
    for format in
        [&["--format=gnu"][..], &["--format=pax", "--sparse-version=0.0"], &["--format=pax", "--sparse-version=0.1"], &["--format=pax"]]
    {
        let out = stead_testkit::Command::new("tar").args(format).args(["-S", "-C", dir.to_str().unwrap(), "-cf", "-", "holes"]).run();
        let read = read_all(&out.stdout).unwrap();
        let (item, content) = &read[0];
        assert_eq!((item.member.name.as_slice(), item.member.size), (b"holes".as_slice(), 3 << 20), "{format:?}");
        let mut whole = vec![0; 3 << 20];
        let mut content = content.as_slice();
        for Segment { offset, length } in item.sparse.as_ref().unwrap() {
            let at = usize::try_from(*offset).unwrap();
            content.read_exact(&mut whole[at..at + usize::try_from(*length).unwrap()]).unwrap();
        }
        assert!(content.is_empty() && whole.starts_with(b"start") && whole[1 << 20..].starts_with(b"middle"), "{format:?}");
    }
    std::fs::remove_file(dir.join("holes")).unwrap();
    std::fs::remove_dir(dir).unwrap();
}

fn resum(block: &mut [u8]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block[..512].iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
