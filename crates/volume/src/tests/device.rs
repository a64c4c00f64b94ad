//! Volumes of the local driver with a device of their own, and the conformance of the driver.

use super::*;
use crate::driver::conformance::broken_rules;

fn tmpfs(name: &str) -> CreateRequest {
    CreateRequest { options: map(&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m,uid=1000")]), ..named(name) }
}

#[test]
fn the_local_driver_keeps_every_rule() {
    let s = Sandbox::new();
    let v = s.volumes();
    std::fs::create_dir(s.0.join("src")).unwrap();
    let bind = map(&[("type", "none"), ("o", "bind"), ("device", s.0.join("src").to_str().unwrap())]);
    for request in [named("plain"), tmpfs("memory"), CreateRequest { options: bind, ..named("bound") }] {
        let volume = v.create(request).unwrap().volume;
        let broken = broken_rules(&*v.driver(&volume).unwrap(), &volume);
        assert!(broken.is_empty(), "{}: {broken:?}", volume.name);
        v.remove(&volume.name, false).unwrap();
    }
}

#[test]
fn a_volume_in_memory_is_populated_at_the_start_and_stays_for_the_holder() {
    let s = Sandbox::new();
    let v = s.volumes();
    write(&s.image("app/f"), b"x");
    v.create(tmpfs("memory")).unwrap();
    assert_eq!(s.populate_part(&v, "memory", "/app", None, When::Create).unwrap(), Populated::AtStart);
    let done = s.populate(&v, "memory", "/app");
    let path = v.mount("memory", "c1").unwrap();
    let seen = std::fs::read(path.join("f"));
    let refused = v.remove("memory", true);
    v.unmount("memory", "c1").unwrap();
    assert!(matches!(done.unwrap(), Populated::Done(_)));
    assert_eq!(seen.unwrap(), b"x");
    assert!(refused.unwrap_err().to_string().starts_with("remove memory: volume has active mounts"));
    assert!(names(&s.data("memory", "")).is_empty(), "unmounted with the last holder");
    v.remove("memory", false).unwrap();
}

#[test]
fn a_bound_directory_is_populated_once_through_its_mount() {
    let s = Sandbox::new();
    let v = s.volumes();
    write(&s.image("app/d/f"), b"x");
    let src = s.0.join("src");
    std::fs::create_dir_all(src.join("lost+found")).unwrap();
    let options = map(&[("type", "none"), ("o", "bind"), ("device", src.to_str().unwrap())]);
    v.create(CreateRequest { options, ..named("bound") }).unwrap();
    assert!(matches!(s.populate_part(&v, "bound", "/app", None, When::Create).unwrap(), Populated::Done(_)));
    assert_eq!(names(&src), ["d", "lost+found"]);
    assert!(names(&s.data("bound", "")).is_empty(), "not mounted after a create");
    assert_eq!(v.get("bound").unwrap().state, State::Ready);
    v.remove("bound", false).unwrap();
    sweep(&s.root()).unwrap();
    assert_eq!(names(&src), ["d", "lost+found"], "removing the volume does not remove what it was bound to");
}

#[test]
fn a_device_that_is_not_there_is_dockers_error_at_use() {
    let s = Sandbox::new();
    let v = s.volumes();
    let options = map(&[("type", "none"), ("o", "bind"), ("device", "/nonexistent-device")]);
    v.create(CreateRequest { options, ..named("nb") }).unwrap();
    let error = v.mount("nb", "c1").unwrap_err().to_string();
    let begin = format!(
        "error while mounting volume '{}': failed to mount local volume: mount /nonexistent-device:",
        s.data("nb", "").display().to_string().trim_end_matches('/')
    );
    assert!(error.starts_with(&begin) && error.ends_with("flags: 0x1000: no such file or directory"), "{error}");
    assert!(v.driver(&v.get("nb").unwrap()).unwrap().is_idle(&v.get("nb").unwrap()).unwrap());
}
