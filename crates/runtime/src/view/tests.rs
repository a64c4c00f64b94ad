//! Views of real mounts: made as root in a directory of their own, with the host's mount table compared before and after.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use stead_mount::{Mount, Propagation, Ro, Source};
use stead_sys::mount as kernel;

use super::{ViewError, open_running, open_stopped};

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/var/tmp/stead-view-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn dir(&self, rel: &str) -> PathBuf {
        let path = self.0.join(rel);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn put(&self, rel: &str, text: &str) {
        self.dir(Path::new(rel).parent().unwrap().to_str().unwrap());
        stead_sys::durable::replace_file(&self.0.join(rel), text.as_bytes(), 0o644).unwrap();
    }

    fn rootfs(&self) -> Mount {
        Mount::rootfs(vec![self.dir("lower")], Some(self.dir("upper")), Some(self.dir("work")))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let name = self.0.file_name().unwrap();
        stead_sys::tree::remove_tree(std::fs::File::open("/var/tmp").unwrap(), name).unwrap();
    }
}

fn host_mounts() -> String {
    std::fs::read_to_string("/proc/self/mountinfo").unwrap()
}

fn text(view: &super::RootView, path: &str) -> Option<String> {
    let handle = kernel::handle_in_root(view.root(), Path::new(path)).ok()?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&handle);
    std::fs::read_to_string(format!("/proc/self/fd/{number}")).ok()
}

/// What a write at this place would meet.
fn create(view: &super::RootView, dir: &str) -> Result<(), std::io::Error> {
    let handle = kernel::handle_in_root(view.root(), Path::new(dir)).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&handle);
    std::fs::File::create_new(format!("/proc/self/fd/{number}/made")).map(drop)
}

#[test]
fn a_stopped_containers_view_has_its_mounts_and_the_host_has_none() {
    let place = Place::new("stopped");
    place.put("lower/etc/conf", "image");
    place.put("lower/run/keep", "below");
    std::os::unix::fs::symlink("/run", place.dir("lower/var").join("run")).unwrap();
    place.put("volume/file", "volume");
    place.put("volume/inner/file", "hidden");
    place.put("nested/file", "nested");
    place.put("one", "single file");
    let before = host_mounts();
    let mut shared = Mount::bind(place.0.join("volume"), "/var/run/v");
    shared.propagation = Propagation::RPrivate;
    let mounts = [
        shared,
        Mount::bind(place.0.join("nested"), "/var/run/v/inner").read_only(Ro::Recursive),
        Mount::bind(place.0.join("one"), "/etc/conf"),
        Mount::new(Source::Tmpfs(stead_mount::TmpfsSpec::default()), "/run/keep-out"),
    ];
    let view = open_stopped(&place.rootfs(), &mounts, "").unwrap();
    assert_eq!(host_mounts(), before, "nothing is mounted on the host");
    assert_eq!(text(&view, "/run/v/file").as_deref(), Some("volume"));
    assert_eq!(text(&view, "/var/run/v/inner/file").as_deref(), Some("nested"));
    assert_eq!(text(&view, "/etc/conf").as_deref(), Some("single file"));
    assert_eq!(text(&view, "/run/keep").as_deref(), Some("below"));
    create(&view, "/run/v").unwrap();
    assert_eq!(create(&view, "/run/v/inner").unwrap_err().kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    create(&view, "/").unwrap();
    drop(view);
    assert_eq!(host_mounts(), before);
    assert!(place.0.join("volume/made").exists() && place.0.join("upper/made").exists());
    assert!(!place.0.join("nested/made").exists());
}

#[test]
fn views_follow_each_other_on_the_same_upper_directory() {
    let place = Place::new("again");
    place.put("lower/file", "x");
    for _ in 0..20 {
        let view = open_stopped(&place.rootfs(), &[], "").unwrap();
        assert_eq!(text(&view, "/file").as_deref(), Some("x"));
    }
    let sealed = place.rootfs().read_only(Ro::Shallow);
    let view = open_stopped(&sealed, &[Mount::bind(place.dir("v"), "/data")], "").unwrap();
    assert_eq!(create(&view, "/").unwrap_err().kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    create(&view, "/data").unwrap();
}

#[test]
fn a_mount_that_cannot_be_made_leaves_nothing() {
    let place = Place::new("missing");
    place.put("lower/file", "x");
    let before = host_mounts();
    let outcome = open_stopped(&place.rootfs(), &[Mount::bind(place.0.join("gone"), "/data")], "");
    assert!(matches!(outcome, Err(ViewError::Mount(_))), "{outcome:?}");
    assert_eq!(host_mounts(), before);
}

#[test]
fn a_running_process_is_seen_as_it_sees_itself_and_an_ended_one_not_at_all() {
    let place = Place::new("running");
    place.put("etc/own", "its root");
    place.put("volume/file", "its mount");
    place.dir("data");
    let line = format!(
        "mount --bind {0} {0} && mount --bind {0}/volume {0}/data && mount --make-rprivate / && exec chroot {0} /busy 300",
        place.0.display()
    );
    std::fs::copy("/bin/busybox", place.0.join("busy")).ok();
    let Ok(_) = std::fs::metadata(place.0.join("busy")) else {
        return view_of_ourselves();
    };
    std::fs::hard_link(place.0.join("busy"), place.0.join("sleep")).unwrap();
    let line = line.replace("/busy 300", "/sleep 300");
    #[expect(clippy::disallowed_methods, reason = "a test's child, not the engine's")]
    let mut child = std::process::Command::new("unshare").args(["-m", "--propagation", "private", "sh", "-c", &line]).spawn().unwrap();
    let view = (0..200)
        .find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(25));
            open_running(child.id()).ok().filter(|view| text(view, "/etc/own").is_some())
        })
        .expect("the process reaches its root");
    assert_eq!(text(&view, "/data/file").as_deref(), Some("its mount"));
    assert_eq!(text(&view, "/../../etc/own").as_deref(), Some("its root"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(matches!(open_running(child.id()), Err(ViewError::Gone { .. })));
}

fn view_of_ourselves() {
    let view = open_running(std::process::id()).unwrap();
    let opened = kernel::handle_in_root(view.root().as_fd(), Path::new("/proc"));
    assert!(opened.is_ok());
}
