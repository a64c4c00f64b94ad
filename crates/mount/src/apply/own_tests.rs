//! The exchange, and what of the host is the system's.

use std::os::fd::AsFd as _;

use stead_sys::mount::handle;

use super::*;

fn shown(maps: &[Range], id: u32) -> Option<u32> {
    maps.iter().find(|r| id >= r.on_disk && id - r.on_disk < r.count).map(|r| r.shown + (id - r.on_disk))
}

#[test]
fn two_change_places_and_the_others_stay() {
    for (a, b) in [(1000, 999), (999, 1000), (0, 1000), (0, 1), (65534, 0), (ALL - 1, 0), (5, 6)] {
        let maps = exchange(a, b);
        for id in [0, 1, 5, 6, 7, 998, 999, 1000, 1001, 65534, ALL - 1] {
            let wanted = if id == a {
                b
            } else if id == b {
                a
            } else {
                id
            };
            assert_eq!(shown(&maps, id), Some(wanted), "{a} {b} {id}");
        }
        assert!(maps.iter().map(|r| u64::from(r.count)).sum::<u64>() == u64::from(ALL));
    }
    assert!(exchange(7, 7).is_empty());
    assert!(exchange(ALL, 7).is_empty());
}

#[test]
fn the_system_is_known_by_what_it_is() {
    let system = |path: &str| is_system(handle(Path::new(path)).unwrap().as_fd(), Path::new(path)).unwrap();
    for path in
        ["/", "/etc", "/etc/passwd", "/usr", "/usr/share", "/bin", "/home", "/tmp", "/var/lib", "/proc/self", "/dev/null", "/etc/.."]
    {
        assert!(system(path), "{path}");
    }
    super::super::tests::on_stage(|stage| {
        let system = |path: &Path| is_system(handle(path).unwrap().as_fd(), path).unwrap();
        assert!(!system(&stage.path("source")));
        let alias = stage.path("source/alias");
        std::os::unix::fs::symlink("/etc", &alias).unwrap();
        assert!(system(&alias));
        assert!(system(&alias.join("ssl")));
    });
}
