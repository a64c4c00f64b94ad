//! create, get, ls, rm, the trash.

use super::*;

#[test]
fn a_volume_is_whole_when_create_returns() {
    let s = Sandbox::new();
    let v = s.volumes();
    let request = CreateRequest { labels: map(&[("a", "1")]), ..named("data") };
    let created = v.create(request.clone()).unwrap();
    assert!(created.is_new);
    assert_eq!((mode(&s.root().volumes()), mode(&s.root().volume("data")), mode(&s.data("data", ""))), (0o700, 0o711, 0o755));
    assert_eq!(mode(&s.root().volume_sidecar("data")), 0o600);
    assert_eq!(names(&s.root().volumes_staging()), [""; 0]);
    let again = s.volumes().create(request).unwrap();
    assert!(!again.is_new && again.differs.is_empty());
    assert_eq!(again.volume, created.volume);
    assert_eq!(v.get("data").unwrap(), created.volume);
    assert_eq!(v.path("data"), s.data("data", "").components().collect::<PathBuf>());
}

#[test]
fn differences_are_told_and_secrets_are_not() {
    let s = Sandbox::new();
    let v = s.volumes();
    let options = map(&[("type", "cifs"), ("device", "//h/s"), ("o", "username=u,password=old")]);
    v.create(CreateRequest { options, labels: map(&[("a", "1"), ("b", "2")]), ..named("data") }).unwrap();
    assert!(v.create(named("data")).unwrap().differs.is_empty());
    let other = map(&[("type", "cifs"), ("device", "//h/t"), ("o", "username=u,password=new")]);
    let differs = v.create(CreateRequest { options: other, labels: map(&[("a", "9")]), ..named("data") }).unwrap().differs;
    assert_eq!(differs.len(), 3, "{differs:?}");
    assert!(differs[0].contains("\"device\" is \"//h/s\", asked was \"//h/t\""), "{differs:?}");
    assert!(differs.iter().all(|d| !d.contains("old") && !d.contains("new")), "{differs:?}");
}

#[test]
fn refusals_have_dockers_words_and_leave_nothing() {
    let s = Sandbox::new();
    let v = s.volumes();
    let fails = |request: CreateRequest, kind: Kind, text: &str| {
        let error = v.create(request).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
    };
    fails(named("a"), Kind::Invalid, "create a: volume name is too short, names should be at least two alphanumeric characters");
    let text = "create a/b: \"a/b\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path";
    fails(named("a/b"), Kind::Invalid, text);
    let driver = |driver: &str| CreateRequest { driver: driver.to_owned(), ..named("vv") };
    fails(driver("nosuch"), Kind::NotFound, "create vv: error looking up volume plugin nosuch: plugin \"nosuch\" not found");
    let options = |pairs: &[(&str, &str)]| CreateRequest { options: map(pairs), ..named("vv") };
    fails(options(&[("foo", "1")]), Kind::Invalid, "create vv: invalid option: \"foo\"");
    fails(options(&[("device", "/x")]), Kind::Invalid, "create vv: missing required option: \"type\"");
    let device = [("size", "1m"), ("type", "tmpfs"), ("device", "tmpfs")];
    fails(options(&device), Kind::Unsupported, "create vv: quota size requested but no quota support");
    fails(
        options(&[("size", "1m"), ("fs", "ext4")]),
        Kind::Invalid,
        "create vv: a volume with a file system of its own has at least 8 MiB",
    );
    fails(options(&[("size", "x")]), Kind::Invalid, "create vv: invalid size: 'x'");
    for name in ["..", ".", ".trash", ".staging", "../x", "", "-a"] {
        assert!(name.is_empty() || v.create(named(name)).is_err(), "{name}");
        assert_eq!(v.get(name).unwrap_err().kind(), Kind::NotFound);
        assert_eq!(v.remove(name, false).unwrap_err().kind(), Kind::NotFound);
    }
    assert!(names(&s.root().volumes()).is_empty());
    v.create(named("vv")).unwrap();
    fails(driver("other"), Kind::Conflict, "create vv: driver 'local' already has volume 'vv': volume name must be unique");
}

#[test]
fn anonymous_volumes_have_a_made_up_name_and_dockers_label() {
    let s = Sandbox::new();
    let volume = s.volumes().create(CreateRequest::default()).unwrap().volume;
    assert_eq!(volume.name.len(), 64);
    assert!(volume.anonymous);
    assert_eq!(volume.labels, map(&[(ANONYMOUS_LABEL, "")]));
}

#[test]
fn a_volume_in_use_is_not_removed_by_force_either() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    write(&s.data("data", "f"), b"x");
    let user = |id: &str| User { id: id.to_owned(), volumes: vec!["data".to_owned()] };
    v.store.publish(|tx| tx.put(&user("bb"))).unwrap();
    v.store.publish(|tx| tx.put(&user("aa"))).unwrap();
    for force in [false, true] {
        let error = v.remove("data", force).unwrap_err();
        assert_eq!(error.kind(), Kind::InUse);
        assert_eq!(error.to_string(), "remove data: volume is in use - [aa, bb]");
    }
    assert_eq!(v.users("data").unwrap(), ["aa", "bb"]);
    assert!(s.data("data", "f").exists());
    for id in ["aa", "bb"] {
        v.store.publish(|tx| tx.delete::<User>(id)).unwrap();
    }
    assert_eq!(v.remove("data", false).unwrap(), Removed::Trashed);
    assert_eq!(v.get("data").unwrap_err().to_string(), "get data: no such volume");
    assert_eq!(v.remove("data", true).unwrap(), Removed::Absent);
    assert_eq!(v.remove("data", false).unwrap_err().to_string(), "get data: no such volume");
}

#[test]
fn removal_returns_before_the_content_is_deleted_and_the_sweep_deletes_it() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    for n in 0..2000 {
        write(&s.data("data", &format!("d{}/f{n}", n % 20)), b"x");
    }
    std::os::unix::fs::symlink(s.image(""), s.data("data", "link")).unwrap();
    write(&s.image("canary"), b"alive");
    v.remove("data", false).unwrap();
    assert!(!s.root().volume("data").exists());
    assert_eq!(names(&s.root().volumes_trash()).len(), 1);
    assert!(!trash::is_empty(&s.root().volumes()).unwrap());
    assert_eq!(sweep(&s.root()).unwrap(), 1);
    assert!(trash::is_empty(&s.root().volumes()).unwrap());
    assert_eq!(sweep(&s.root()).unwrap(), 0);
    assert!(s.image("canary").exists());
    assert!(v.create(named("data")).unwrap().is_new, "the name is free at once");
}

#[test]
fn a_volume_with_a_mount_below_is_refused_whole() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    write(&s.data("data", "f"), b"x");
    write(&s.image("remote/precious"), b"x");
    let point = s.data("data", "m");
    std::fs::create_dir(&point).unwrap();
    sh("mount", &["--bind", s.image("remote").to_str().unwrap(), point.to_str().unwrap()]);
    let refused = v.remove("data", true);
    let known = v.get("data");
    sh("umount", &[point.to_str().unwrap()]);
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), Kind::InUse);
    assert!(error.to_string().starts_with("remove data: volume has active mounts: "), "{error}");
    assert!(known.is_ok());
    assert!(s.data("data", "f").exists() && s.image("remote/precious").exists());
    v.remove("data", false).unwrap();
}

#[test]
fn a_sweep_does_not_leave_through_a_mount_in_the_trash() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    v.remove("data", false).unwrap();
    write(&s.image("remote/precious"), b"x");
    let point = s.root().volumes_trash().join(&names(&s.root().volumes_trash())[0]).join("_data/m");
    std::fs::create_dir(&point).unwrap();
    sh("mount", &["--bind", s.image("remote").to_str().unwrap(), point.to_str().unwrap()]);
    let swept = sweep(&s.root());
    sh("umount", &[point.to_str().unwrap()]);
    assert!(swept.is_err());
    assert!(s.image("remote/precious").exists());
    assert_eq!(sweep(&s.root()).unwrap(), 1);
}

#[test]
fn nothing_is_deleted_below_a_root_without_our_mark() {
    let s = Sandbox::new();
    write(&s.root().volumes_trash().join("looks-like-trash/precious"), b"x");
    let error = sweep(&s.root()).unwrap_err();
    assert_eq!(error.kind(), Kind::NotAllowed);
    assert!(s.root().volumes_trash().join("looks-like-trash/precious").exists());
}

#[test]
fn sixteen_processes_create_one_volume() {
    let s = Sandbox::new();
    drop(s.volumes());
    let children: Vec<Child> = (0..16).map(|_| s.child("tests::lifecycle::child_create", &[])).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(s.volumes().list().unwrap().len(), 1);
    assert!(names(&s.root().volumes_staging()).is_empty());
}

#[test]
#[ignore = "a child of sixteen_processes_create_one_volume"]
fn child_create() {
    Sandbox::of_parent().volumes().create(named("shared")).unwrap();
}

#[test]
fn usage_counts_as_docker_does() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    write(&s.data("data", "a/f"), &[0; 99]);
    std::fs::hard_link(s.data("data", "a/f"), s.data("data", "g")).unwrap();
    assert_eq!(v.usage("data").unwrap(), 99);
    assert_eq!(v.usage("nope").unwrap_err().kind(), Kind::NotFound);
}
