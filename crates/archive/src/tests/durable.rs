//! An acknowledgement means: on the disk. And a disk that is full says so, clearly, and keeps nothing half.

use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use stead_base::Kind;
use stead_testkit::{Disk, Fs, hostile};

use crate::{Error, ReadOptions, WriteOptions, read, write};

fn root(path: &Path) -> std::fs::File {
    std::fs::File::open(path).unwrap()
}

#[test]
fn a_full_disk_is_one_clear_error_and_no_part_of_a_file() {
    let disk = Disk::new(Fs::Ext4, 16);
    let source = PathBuf::from(format!("/var/tmp/stead-archive-full-{}", std::process::id()));
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(source.join("a-small"), "fits").unwrap();
    std::fs::write(source.join("b-large"), vec![1u8; 40 << 20]).unwrap();
    let carry = || {
        let (_, mut stream) = read(root(&source).as_fd(), Path::new("/."), &ReadOptions::default()).unwrap();
        write(root(disk.path()).as_fd(), Path::new("/"), &mut stream, &WriteOptions::default())
    };
    let failed = carry().unwrap_err();
    assert_eq!(failed.kind(), Kind::NoSpace, "{failed}");
    assert!(failed.to_string().contains("/b-large: No space left on device"), "{failed}");
    assert_eq!(std::fs::read_to_string(disk.path().join("a-small")).unwrap(), "fits");
    assert!(!disk.path().join("b-large").exists());

    // A file that is there already survives a copy that does not fit.
    std::fs::write(disk.path().join("b-large"), "the old one").unwrap();
    carry().unwrap_err();
    assert_eq!(std::fs::read_to_string(disk.path().join("b-large")).unwrap(), "the old one");
    let names: Vec<_> = std::fs::read_dir(disk.path()).unwrap().map(|e| e.unwrap().file_name()).filter(|n| n != "lost+found").collect();
    assert_eq!(names.len(), 2, "nothing is left aside: {names:?}");
    std::fs::remove_dir_all(source).unwrap();
}

#[test]
fn a_mount_point_is_written_in_place_and_a_read_only_one_refuses() {
    let place = PathBuf::from(format!("/var/tmp/stead-archive-busy-{}", std::process::id()));
    for dir in ["root/etc", "root/data", "host"] {
        std::fs::create_dir_all(place.join(dir)).unwrap();
    }
    for file in ["root/etc/hosts", "host/hosts"] {
        std::fs::write(place.join(file), "before").unwrap();
    }
    let mount = |args: &str| {
        let line = format!("cd {} && mount {args}", place.display());
        stead_testkit::Command::new("sh").args(["-c", &line]).run().ok();
    };
    mount("--bind host/hosts root/etc/hosts");
    let inode = place.join("host/hosts").metadata().unwrap().ino();
    let tar = hostile::honest(&[("hosts", "after")]);
    let put = |dest: &str| write(root(&place.join("root")).as_fd(), Path::new(dest), &mut tar.as_slice(), &WriteOptions::default());
    put("/etc").unwrap();
    assert_eq!(std::fs::read_to_string(place.join("host/hosts")).unwrap(), "after");
    assert_eq!(place.join("host/hosts").metadata().unwrap().ino(), inode);

    mount("--bind host root/data && mount -o remount,bind,ro root/data");
    assert!(matches!(put("/data"), Err(Error::VolumeReadOnly)));
    mount("-o remount,bind,ro root/etc/hosts");
    assert!(matches!(put("/etc"), Err(Error::VolumeReadOnly)));
    mount("--bind root root && mount -o remount,bind,ro root");
    assert!(matches!(put("/etc"), Err(Error::RootReadOnly)));
    stead_testkit::unmount_below(&place);
    std::fs::remove_dir_all(place).unwrap();
}

/// One file must not pay for the rest of the disk, five thousand must not pay one flush each: measured on ext4 in a virtual machine of two
/// cores, 1 new file 1 ms, 5000 new 0.8 s, 5000 replaced 1 s. Nothing is asserted about time; run it with `--nocapture` to see.
#[test]
#[expect(clippy::print_stderr, reason = "a measurement to look at")]
fn flushing_follows_the_amount() {
    let place = PathBuf::from(format!("/var/tmp/stead-archive-flush-{}", std::process::id()));
    for count in [1usize, 5000] {
        std::fs::create_dir_all(place.join("to")).unwrap();
        let names: Vec<String> = (0..count).map(|i| format!("d{}/f{i}", i / 100)).collect();
        let tar = hostile::honest(&names.iter().map(|name| (name.as_str(), "some content")).collect::<Vec<_>>());
        for round in ["new", "replaced"] {
            let began = Instant::now();
            let done = write(root(&place).as_fd(), Path::new("/to"), &mut tar.as_slice(), &WriteOptions::default()).unwrap();
            assert_eq!(done.members, count as u64);
            eprintln!("{count} {round}: {:?}", began.elapsed());
        }
        std::fs::remove_dir_all(&place).unwrap();
    }
}
