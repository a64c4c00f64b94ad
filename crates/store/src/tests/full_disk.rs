//! On a full file system everything can still be listed and deleted, and nothing acknowledged is lost.

use super::*;
use std::io::Write;

/// A small tmpfs as the root, in the test process's mount namespace.
struct SmallDisk(Sandbox);

impl SmallDisk {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        rustix_mount(&sandbox.0);
        Self(sandbox)
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.0.join("ballast")).unwrap();
        let block = vec![1u8; 4096];
        while file.write_all(&block).is_ok() {}
    }
}

fn rustix_mount(at: &Path) {
    #[expect(clippy::disallowed_methods, reason = "the room has no mount call of its own")]
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(at).status().unwrap();
    assert!(status.success());
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "the room has no mount call of its own")]
        let status = Command::new("umount").arg(&self.0.0).status().unwrap();
        assert!(status.success());
    }
}

#[test]
fn the_reserve_lets_deletions_through() {
    let disk = SmallDisk::new();
    let store = disk.0.store();
    for n in 0..60 {
        put(&store, &thing(&format!("t{n}"), Some(&format!("{n}{}", "x".repeat(4000))))).unwrap();
    }
    assert!(disk.0.root().reserve().metadata().unwrap().len() > 0);
    drop(store);
    disk.fill();
    let store = Store::open(&disk.0.root()).unwrap();
    let mut refused = None;
    for n in 0..400 {
        if let Err(e) = put(&store, &thing(&format!("new{n}"), Some(&format!("n{n}{}", "y".repeat(4000))))) {
            refused = Some(e);
            break;
        }
    }
    let refused = refused.expect("creating must fail at some time");
    assert_eq!(refused.kind(), Kind::NoSpace, "{refused}");
    assert!(refused.to_string().contains("stead.db"), "{refused}");
    let store = Store::open(&disk.0.root()).unwrap();
    let before = store.read(|tx| tx.list::<Thing>()).unwrap().len();
    assert!(before >= 60);
    for n in 0..60 {
        assert!(store.publish(|tx| tx.delete::<Thing>(&format!("t{n}"))).unwrap());
    }
    store.verify().unwrap();
    assert_eq!(store.read(|tx| tx.list::<Thing>()).unwrap().len(), before - 60);
}

#[test]
fn a_read_only_disk_can_be_read() {
    let disk = SmallDisk::new();
    put(&disk.0.store(), &thing("a", Some("n"))).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the room has no mount call of its own")]
    let status = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0.0).status().unwrap();
    assert!(status.success());
    let store = Store::open(&disk.0.root()).unwrap();
    assert_eq!(store.read(|tx| tx.by_name::<Thing>("n")).unwrap().unwrap().id, "a");
    assert!(put(&store, &thing("b", None)).is_err());
}
