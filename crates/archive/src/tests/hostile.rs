//! Archives that lie and containers that race: nothing outside the root is created, changed or read.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Follow, ReadOptions, WriteOptions, read, write};
use stead_testkit::{Canary, Swap, hostile};

fn fresh(name: &str) -> PathBuf {
    let path = PathBuf::from(format!("/var/tmp/stead-archive-{name}-{}", std::process::id()));
    std::fs::remove_dir_all(&path).ok();
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn fd(path: &Path) -> OwnedFd {
    std::fs::File::open(path).unwrap().into()
}

/// All vectors, unpacked into a directory of a root and into the root itself, under both rules.
#[test]
fn no_vector_touches_anything_outside_the_root() {
    let place = fresh("vectors");
    let canary = Canary::at(&place.join("canary"));
    let outside = canary.path().to_str().unwrap().to_owned();
    let mut unpacked = 0;
    for (follow, dest) in [(Follow::InRoot, "/t"), (Follow::InRoot, "/"), (Follow::Never, ".")] {
        for strict in [false, true] {
            for vector in hostile::vectors(&outside) {
                let root = place.join("root");
                std::fs::create_dir_all(root.join("t")).unwrap();
                symlink(&outside, root.join("t/oldlink")).unwrap();
                symlink(&outside, root.join("oldlink")).unwrap();
                let options = WriteOptions { no_overwrite_dir_non_dir: strict, follow, ..WriteOptions::default() };
                let outcome = write(fd(&root).as_fd(), Path::new(dest), &mut vector.tar.as_slice(), &options);
                unpacked += usize::from(outcome.is_ok());
                canary.assert_untouched();
                assert!(!found(&root, canary.secret()), "{} read the canary", vector.name);
                let names: Vec<_> = std::fs::read_dir(&place).unwrap().map(|e| e.unwrap().file_name()).collect();
                assert_eq!(names.len(), 2, "{} made something beside the root: {names:?}", vector.name);
                std::fs::remove_dir_all(&root).unwrap();
            }
        }
    }
    assert!(unpacked >= 60, "harmless ones unpack: {unpacked}");
    std::fs::remove_dir_all(place).unwrap();
}

fn found(dir: &Path, needle: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else { return false };
    entries.map(Result::unwrap).any(|entry| {
        let meta = entry.path().symlink_metadata().unwrap();
        if meta.is_dir() {
            found(&entry.path(), needle)
        } else {
            meta.is_file() && meta.len() < 1 << 20 && String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).contains(needle)
        }
    })
}

/// CVE-2018-15664 and its grandchildren: a directory is exchanged for a symlink to the host again and again while files are copied
/// through it in both directions.
#[test]
fn a_thousand_copies_against_a_racer_escape_never() {
    let place = fresh("race");
    let canary = Canary::at(&place.join("canary"));
    let root = place.join("root");
    std::fs::create_dir_all(root.join("w/real/sub")).unwrap();
    std::fs::write(root.join("w/real/secret"), "container's own\n").unwrap();
    // In the container's root the link leads nowhere at first sight, and to the canary on the host.
    let inside = root.join(canary.path().strip_prefix("/").unwrap());
    std::fs::create_dir_all(inside.join("sub")).unwrap();
    std::fs::write(inside.join("secret"), "inside\n").unwrap();
    symlink(canary.path(), root.join("w/link")).unwrap();
    let swap = Swap::start(&root.join("w/real"), &root.join("w/link"));
    let tar = hostile::honest(&[("sub/", ""), ("sub/deeper/", ""), ("sub/deeper/file", "payload"), ("secret", "overwritten")]);
    let (mut failed, mut leaked) = (0, 0);
    for round in 0..1000 {
        let handle = fd(&root);
        if round % 2 == 0 {
            let outcome = write(handle.as_fd(), Path::new("/w/real"), &mut tar.as_slice(), &WriteOptions::default());
            failed += usize::from(outcome.is_err());
        } else {
            let mut bytes = Vec::new();
            let outcome = read(handle.as_fd(), Path::new("/w/real/."), &ReadOptions::default());
            match outcome.map_err(std::io::Error::other).and_then(|(_, mut stream)| stream.read_to_end(&mut bytes)) {
                Ok(_) => {}
                Err(_) => failed += 1,
            }
            leaked += usize::from(String::from_utf8_lossy(&bytes).contains(canary.secret()));
        }
        if round % 100 == 0 {
            canary.assert_untouched();
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let swaps = swap.finish();
    canary.assert_untouched();
    assert_eq!(leaked, 0, "the host's secret came out");
    assert!(swaps >= 1000, "the racer swapped only {swaps} times");
    assert!(failed <= 10, "{failed} of 1000 failed");
    std::fs::remove_dir_all(place).unwrap();
}

/// The same racer against one entry: a directory is exchanged for a symlink between being looked at and being given its rights.
#[test]
fn rights_are_set_on_what_was_looked_at() {
    let place = fresh("chmod");
    // Other rights than the archive gives, so that one stray chmod shows.
    std::fs::create_dir_all(place.join("canary/sub")).unwrap();
    std::fs::set_permissions(place.join("canary/sub"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let canary = Canary::at(&place.join("canary"));
    let root = place.join("root");
    std::fs::create_dir_all(root.join("sub")).unwrap();
    symlink(canary.path().join("sub"), root.join("link")).unwrap();
    let swap = Swap::start(&root.join("sub"), &root.join("link"));
    let tar = hostile::honest(&[("sub/", ""); 50]);
    // What meets the symlink is refused and stays: the racer goes on.
    let options = WriteOptions { no_overwrite_dir_non_dir: true, ..WriteOptions::default() };
    let mut refused = 0;
    for _ in 0..400 {
        refused += usize::from(write(fd(&root).as_fd(), Path::new("/"), &mut tar.as_slice(), &options).is_err());
    }
    let swaps = swap.finish();
    canary.assert_untouched();
    assert!(swaps >= 1000 && refused > 0, "the racer swapped {swaps} times, {refused} copies met it");
    std::fs::remove_dir_all(place).unwrap();
}
