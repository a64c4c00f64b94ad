//! Tests of applying mounts against the real kernel, each on a thread with a mount namespace of its own that ends with it. Root only.

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use stead_sys::mount as kernel;
use stead_sys::mountinfo::{self, Entry};

use super::*;
use crate::value::{Source, TmpfsSpec};

/// A small root file system below a tmpfs of the thread's own namespace; everything ends with the thread.
pub(crate) struct Stage {
    dir: PathBuf,
}

impl Stage {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn rootfs(&self) -> OwnedFd {
        kernel::dir_handle(&self.path("rootfs")).unwrap()
    }

    /// Prepares and attaches, as the launcher and the container's first process do.
    fn mount(&self, mount: &Mount) -> Result<(), ApplyError> {
        attach(self.rootfs().as_fd(), prepare(mount)?)
    }

    fn entry(&self, inside: &str) -> Entry {
        let at = self.path("rootfs").join(inside);
        mountinfo::read()
            .unwrap()
            .into_iter()
            .rfind(|entry| entry.mount_point == at)
            .unwrap_or_else(|| panic!("nothing on {}", at.display()))
    }

    fn count(&self) -> usize {
        mountinfo::read().unwrap().iter().filter(|entry| entry.mount_point.starts_with(self.path("rootfs"))).count()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = fs::File::create(path).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

/// Runs a test on its own thread: a mount namespace belongs to a thread.
pub(crate) fn on_stage(test: impl FnOnce(&Stage) + Send + 'static) {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let dir = PathBuf::from(format!("/var/tmp/stead-mount-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&dir).unwrap();
    let stage = Stage { dir: dir.clone() };
    let done = std::thread::spawn(move || {
        kernel::unshare_mounts().unwrap();
        let memory = kernel::new_filesystem("tmpfs", &[], Flags::empty()).unwrap();
        kernel::attach(&memory, kernel::dir_handle(&stage.dir).unwrap(), &stage.dir).unwrap();
        fs::create_dir(stage.path("rootfs")).unwrap();
        fs::create_dir(stage.path("source")).unwrap();
        test(&stage);
    })
    .join();
    fs::remove_dir(&dir).unwrap();
    if let Err(panic) = done {
        std::panic::resume_unwind(panic);
    }
}

fn bind(stage: &Stage, source: &str, target: &str) -> Mount {
    Mount::bind(stage.path(source), target)
}

#[test]
fn a_directory_is_bound_where_nothing_was() {
    on_stage(|stage| {
        stage.write("source/file", "hello");
        stage.mount(&bind(stage, "source", "/deep/er/target")).unwrap();
        assert_eq!(stage.read("rootfs/deep/er/target/file"), "hello");
        assert_eq!(fs::metadata(stage.path("rootfs/deep/er")).unwrap().mode() & 0o7777, 0o755);
        let entry = stage.entry("deep/er/target");
        assert_eq!((entry.shared, entry.master), (None, None));
    });
}

#[test]
fn a_file_is_bound_onto_a_file_that_is_made() {
    on_stage(|stage| {
        stage.write("source/file", "hello");
        stage.mount(&bind(stage, "source/file", "/etc/conf")).unwrap();
        assert_eq!(stage.read("rootfs/etc/conf"), "hello");
    });
}

#[test]
fn files_and_directories_do_not_cover_each_other() {
    on_stage(|stage| {
        stage.write("source/file", "");
        stage.write("rootfs/file", "");
        fs::create_dir(stage.path("rootfs/dir")).unwrap();
        for (source, target) in [("source/file", "/dir"), ("source", "/file")] {
            let error = stage.mount(&bind(stage, source, target)).unwrap_err();
            assert!(error.to_string().contains("Are you trying to mount a directory onto a file (or vice-versa)?"), "{error}");
        }
        assert_eq!(stage.count(), 0);
    });
}

#[test]
fn a_missing_source_is_an_error_or_is_made() {
    on_stage(|stage| {
        let mut mount = bind(stage, "missing/dir", "/t");
        let error = stage.mount(&mount).unwrap_err();
        let path = stage.path("missing/dir").display().to_string();
        assert_eq!(error.to_string(), format!("invalid mount config for type \"bind\": bind source path does not exist: {path}"));
        assert!(!stage.path("missing").exists());
        mount.create_source = true;
        stage.mount(&mount).unwrap();
        let made = fs::metadata(stage.path("missing/dir")).unwrap();
        assert_eq!((made.mode() & 0o7777, made.uid()), (0o755, 0));
    });
}

#[test]
fn symlinks_of_the_image_stay_inside_the_root() {
    on_stage(|stage| {
        stage.write("source/file", "hello");
        fs::create_dir(stage.path("canary")).unwrap();
        let canary = stage.path("canary");
        // Absolute, climbing, through a directory, and dangling.
        symlink(&canary, stage.path("rootfs/abs")).unwrap();
        symlink("../../../../../../../../canary", stage.path("rootfs/rel")).unwrap();
        symlink("/run", stage.path("rootfs/var-run")).unwrap();
        symlink("loop", stage.path("rootfs/loop")).unwrap();
        stage.mount(&bind(stage, "source", "/abs")).unwrap();
        stage.mount(&bind(stage, "source", "/rel/x")).unwrap();
        stage.mount(&bind(stage, "source", "/var-run/x/y")).unwrap();
        let inside = stage.path("rootfs").join(canary.strip_prefix("/").unwrap());
        assert!(inside.join("file").exists(), "an absolute link starts at the container's root");
        assert_eq!(stage.read("rootfs/canary/x/file"), "hello");
        assert_eq!(stage.read("rootfs/run/x/y/file"), "hello");
        assert!(stage.mount(&bind(stage, "source", "/loop/x")).is_err());
        assert_eq!(fs::read_dir(&canary).unwrap().count(), 0, "nothing was made on the host");
        assert!(mountinfo::read().unwrap().iter().all(|entry| entry.mount_point != canary));
    });
}

#[test]
fn dots_in_targets_do_not_climb_out() {
    on_stage(|stage| {
        stage.write("source/file", "hello");
        stage.mount(&bind(stage, "source", "/../../a/../b")).unwrap();
        assert_eq!(stage.read("rootfs/b/file"), "hello");
    });
}

#[test]
fn read_only_reaches_as_far_as_asked() {
    on_stage(|stage| {
        fs::create_dir(stage.path("source/below")).unwrap();
        let memory = kernel::new_filesystem("tmpfs", &[], Flags::empty()).unwrap();
        kernel::attach(&memory, kernel::dir_handle(&stage.path("source/below")).unwrap(), Path::new("below")).unwrap();
        for (ro, top, below) in
            [(Ro::No, true, true), (Ro::Shallow, false, true), (Ro::Recursive, false, false), (Ro::ForceRecursive, false, false)]
        {
            let target = format!("/{ro:?}");
            stage.mount(&bind(stage, "source", &target).read_only(ro)).unwrap();
            let rootfs = stage.path("rootfs");
            let can = |dir: &str| fs::File::create(rootfs.join(&target[1..]).join(dir).join("x")).is_ok();
            assert_eq!((can("."), can("below")), (top, below), "{ro:?}");
        }
        assert!(fs::File::create(stage.path("source/y")).is_ok(), "the host's own mount is untouched");
    });
}

#[test]
fn without_recursion_the_mounts_below_stay_behind() {
    on_stage(|stage| {
        fs::create_dir(stage.path("source/below")).unwrap();
        let memory = kernel::new_filesystem("tmpfs", &[], Flags::empty()).unwrap();
        kernel::attach(&memory, kernel::dir_handle(&stage.path("source/below")).unwrap(), Path::new("below")).unwrap();
        fs::File::create(stage.path("source/below/x")).unwrap();
        let mut mount = bind(stage, "source", "/t");
        mount.recursive = false;
        stage.mount(&mount).unwrap();
        assert!(stage.path("rootfs/t/below").exists());
        assert!(!stage.path("rootfs/t/below/x").exists());
    });
}

#[test]
fn nested_mounts_go_in_depth_order() {
    on_stage(|stage| {
        stage.write("outer/a", "outer");
        fs::create_dir_all(stage.path("outer/in")).unwrap();
        stage.write("inner/b", "inner");
        let mut mounts = [bind(stage, "inner", "/t/in"), bind(stage, "outer", "/t")];
        mounts.sort_by_key(Mount::depth);
        for mount in &mounts {
            stage.mount(mount).unwrap();
        }
        assert_eq!(stage.read("rootfs/t/a"), "outer");
        assert_eq!(stage.read("rootfs/t/in/b"), "inner");
    });
}

fn super_options(stage: &Stage, at: &str) -> String {
    stage.entry(at).super_options
}

#[test]
fn tmpfs_has_what_was_asked_and_the_rights_of_what_it_covers() {
    on_stage(|stage| {
        fs::create_dir(stage.path("rootfs/root")).unwrap();
        fs::set_permissions(stage.path("rootfs/root"), fs::Permissions::from_mode(0o750)).unwrap();
        let mode = |at: &str| fs::metadata(stage.path("rootfs").join(at)).unwrap().mode() & 0o7777;
        stage.mount(&crate::lower_tmpfs("/root", "").unwrap()).unwrap();
        stage.mount(&crate::lower_tmpfs("/new", "").unwrap()).unwrap();
        stage.mount(&crate::lower_tmpfs("/opts", "size=1m,mode=1770,uid=7,gid=8,exec,nr_inodes=64").unwrap()).unwrap();
        stage.mount(&crate::lower_tmpfs("/root/ro", "ro").unwrap()).unwrap();
        assert_eq!((mode("root"), mode("new"), mode("opts")), (0o750, 0o1777, 0o1770));
        for flag in ["nosuid", "nodev", "noexec", "relatime"] {
            assert!(stage.entry("new").options.contains(flag), "{flag}");
        }
        let options = stage.entry("opts").options;
        assert!(options.contains("nosuid") && !options.contains("noexec"), "{options}");
        let options = super_options(stage, "opts");
        for wanted in ["size=1024k", "nr_inodes=64", "mode=1770", "uid=7", "gid=8"] {
            assert!(options.contains(wanted), "{wanted} in {options}");
        }
        assert!(stage.entry("root/ro").options.starts_with("ro"));
        assert!(fs::File::create(stage.path("rootfs/root/ro/x")).is_err());
    });
}

#[test]
fn read_only_tmpfs_over_a_directory_has_its_rights_too() {
    on_stage(|stage| {
        fs::create_dir(stage.path("rootfs/dir")).unwrap();
        fs::set_permissions(stage.path("rootfs/dir"), fs::Permissions::from_mode(0o700)).unwrap();
        stage.mount(&crate::lower_tmpfs("/dir", "ro").unwrap()).unwrap();
        assert_eq!(fs::metadata(stage.path("rootfs/dir")).unwrap().mode() & 0o7777, 0o700);
    });
}

#[test]
fn noswap_is_set_or_explained() {
    on_stage(|stage| {
        let spec = TmpfsSpec { noswap: true, ..TmpfsSpec::default() };
        match stage.mount(&Mount::new(Source::Tmpfs(spec), "/secret")) {
            Ok(()) => assert!(super_options(stage, "secret").contains("noswap")),
            Err(error) => assert!(error.to_string().starts_with("tmpfs-noswap needs Linux 6.4 or newer"), "{error}"),
        }
    });
}

#[test]
fn a_bad_size_is_the_kernels_own_words() {
    on_stage(|stage| {
        let spec = TmpfsSpec { size: Some("1q".into()), ..TmpfsSpec::default() };
        let error = stage.mount(&Mount::new(Source::Tmpfs(spec), "/t")).unwrap_err();
        assert!(error.to_string().contains("size"), "{error}");
        assert_eq!(stage.count(), 0);
    });
}

fn volume(stage: &Stage, subpath: Option<&str>) -> Mount {
    let mut mount = Mount::new(Source::Dir { path: stage.path("source"), subpath: subpath.map(PathBuf::from) }, "/t");
    mount.recursive = true;
    mount
}

#[test]
fn subpaths_are_directories_or_files_of_the_volume() {
    on_stage(|stage| {
        stage.write("source/sub/dir/file", "hello");
        symlink("sub/dir", stage.path("source/good")).unwrap();
        stage.mount(&volume(stage, Some("sub/dir"))).unwrap();
        assert_eq!(stage.read("rootfs/t/file"), "hello");
        let mut file = volume(stage, Some("good/file"));
        file.target = "/f".into();
        stage.mount(&file).unwrap();
        assert_eq!(stage.read("rootfs/f"), "hello");
    });
}

#[test]
fn subpaths_never_leave_the_volume() {
    on_stage(|stage| {
        stage.write("canary/secret", "host");
        symlink(stage.path("canary"), stage.path("source/abs")).unwrap();
        symlink("../canary", stage.path("source/rel")).unwrap();
        symlink("/", stage.path("source/root")).unwrap();
        symlink("/proc/self/root", stage.path("source/magic")).unwrap();
        for subpath in ["abs", "rel", "root", "abs/secret", "..", "../canary", "rel/../../canary", "magic"] {
            let error = stage.mount(&volume(stage, Some(subpath))).unwrap_err();
            let wanted =
                format!("path concatenation escapes the base directory, base: {}, subpath: {subpath}", stage.path("source").display());
            assert_eq!(error.to_string(), wanted);
        }
        let error = stage.mount(&volume(stage, Some("missing/x"))).unwrap_err();
        let wanted = format!("cannot access path {}: no such file or directory", stage.path("source/missing/x").display());
        assert_eq!((error.to_string(), error.kind()), (wanted, Kind::NotFound));
        assert_eq!(stage.count(), 0);
    });
}

#[test]
fn a_symlink_in_place_of_a_volume_is_refused() {
    on_stage(|stage| {
        symlink(stage.path("source"), stage.path("link")).unwrap();
        let mount = Mount::new(Source::Dir { path: stage.path("link"), subpath: None }, "/t");
        assert!(stage.mount(&mount).is_err());
    });
}

#[test]
fn propagation_needs_a_host_mount_that_has_it() {
    on_stage(|stage| {
        let mut mount = bind(stage, "source", "/t");
        let host = kernel::handle(&stage.dir).unwrap();
        let (source, dir) = (stage.path("source").display().to_string(), stage.dir.display().to_string());
        for (propagation, what) in [
            (Propagation::Shared, "shared"),
            (Propagation::RShared, "shared"),
            (Propagation::Slave, "shared or slave"),
            (Propagation::RSlave, "shared or slave"),
        ] {
            mount.propagation = propagation;
            let error = stage.mount(&mount).unwrap_err().to_string();
            assert_eq!(error, format!("path {source} is mounted on {dir} but it is not a {what} mount"));
        }
        mount.propagation_fallback = true;
        stage.mount(&mount).unwrap();
        assert_eq!((stage.entry("t").shared, stage.entry("t").master), (None, None));

        let shared = kernel::Change { peers: Some(kernel::Peers::Shared), ..kernel::Change::default() };
        kernel::set_attr(&host, Depth::Top, shared, Path::new("host")).unwrap();
        let group = mountinfo::read().unwrap().into_iter().rfind(|entry| entry.mount_point == stage.dir).unwrap().shared;
        assert!(group.is_some());
        for (propagation, peers, master) in [
            (Propagation::RShared, group, None),
            (Propagation::Shared, group, None),
            (Propagation::RSlave, None, group),
            (Propagation::Slave, None, group),
            (Propagation::Private, None, None),
            (Propagation::RPrivate, None, None),
            (Propagation::Unset, None, None),
        ] {
            // A fresh place each, outside the shared mount: what is mounted on a shared mount is mounted on its peers too.
            let apart = PathBuf::from(format!("{}-{propagation:?}", stage.dir.display()));
            fs::create_dir(&apart).unwrap();
            mount.propagation = propagation;
            mount.target = "/t".into();
            attach(kernel::dir_handle(&apart).unwrap().as_fd(), prepare(&mount).unwrap()).unwrap();
            let at = apart.join("t");
            let entry = mountinfo::read().unwrap().into_iter().rfind(|entry| entry.mount_point == at).unwrap();
            assert_eq!((entry.shared, entry.master), (peers, master), "{propagation:?}");
            kernel::unmount_at(&at, entry.id).unwrap();
            fs::remove_dir(&at).unwrap();
            fs::remove_dir(&apart).unwrap();
        }
    });
}

#[test]
fn the_kernels_file_systems_are_not_covered_even_through_symlinks() {
    on_stage(|stage| {
        for dir in ["proc", "sys", "dev"] {
            fs::create_dir(stage.path("rootfs").join(dir)).unwrap();
        }
        attach_own(stage.rootfs().as_fd(), prepare(&Mount::new(Source::Proc, "/proc")).unwrap()).unwrap();
        attach_own(stage.rootfs().as_fd(), prepare(&Mount::new(Source::Sysfs, "/sys")).unwrap()).unwrap();
        symlink("proc", stage.path("rootfs/p")).unwrap();
        symlink("/sys/kernel", stage.path("rootfs/k")).unwrap();
        let before = stage.count();
        for target in ["/proc", "/proc/sys", "/p", "/p/sys/kernel", "/sys", "/sys/kernel", "/k", "/dev"] {
            let mut mount = volume(stage, None);
            mount.target = target.into();
            let error = stage.mount(&mount).unwrap_err();
            assert!(matches!(error, ApplyError::Forbidden(_)), "{target}: {error}");
        }
        let error = stage.mount(&bind(stage, "source", "/p")).unwrap_err();
        assert_eq!(error.to_string(), "\"/p\" cannot be mounted because it is inside /proc");
        assert_eq!(stage.count(), before);
        stage.write("source/meminfo", "mine");
        stage.mount(&bind(stage, "source/meminfo", "/proc/meminfo")).unwrap();
        assert_eq!(stage.read("rootfs/proc/meminfo"), "mine");
    });
}

#[test]
fn layers_become_one_tree_by_descriptor_and_by_name() {
    on_stage(|stage| {
        for index in 0..40 {
            stage.write(&format!("layers/{index}/f{index}"), "x");
            stage.write(&format!("layers/{index}/top"), &index.to_string());
        }
        fs::create_dir(stage.path("upper")).unwrap();
        fs::create_dir(stage.path("work")).unwrap();
        let lower: Vec<PathBuf> = (0..40).map(|index| stage.path(&format!("layers/{index}"))).collect();
        let rootfs = Mount::rootfs(lower.clone(), Some(stage.path("upper")), Some(stage.path("work")));
        let tree = prepare(&rootfs).unwrap().into_tree().unwrap();
        kernel::attach(&tree, stage.rootfs(), Path::new("/")).unwrap();
        assert_eq!(stage.read("rootfs/top"), "0");
        assert!(stage.path("rootfs/f39").exists());
        stage.write("rootfs/new", "written");
        assert_eq!(stage.read("upper/new"), "written");
        for many in [2, 40] {
            let at = stage.path(&format!("older{many}"));
            fs::create_dir(&at).unwrap();
            let tree = overlay::older::mount(&lower[..many], None).unwrap();
            kernel::attach(&tree, kernel::dir_handle(&at).unwrap(), &at).unwrap();
            assert_eq!(fs::read_to_string(at.join("top")).unwrap(), "0");
            assert!(at.join(format!("f{}", many - 1)).exists());
        }
    });
}

#[test]
fn a_read_only_root_is_sealed_after_its_mount_points_were_made() {
    on_stage(|stage| {
        for dir in ["l1", "upper", "work", "root"] {
            fs::create_dir(stage.path(dir)).unwrap();
        }
        stage.write("source/file", "hello");
        let rootfs = Mount::rootfs(vec![stage.path("l1")], Some(stage.path("upper")), Some(stage.path("work"))).read_only(Ro::Shallow);
        let tree = prepare(&rootfs).unwrap().into_tree().unwrap();
        kernel::attach(&tree, kernel::dir_handle(&stage.path("root")).unwrap(), Path::new("/")).unwrap();
        attach(tree.as_fd(), prepare(&bind(stage, "source", "/new/place")).unwrap()).unwrap();
        seal_rootfs(tree.as_fd(), &rootfs).unwrap();
        assert!(fs::File::create(stage.path("root/x")).is_err());
        assert!(fs::File::create(stage.path("root/new/place/x")).is_ok(), "a volume stays writable");
        assert_eq!(stage.read("root/new/place/file"), "hello");
    });
}

#[test]
fn images_are_mounted_whole_or_in_part() {
    on_stage(|stage| {
        stage.write("l1/usr/share/a", "1");
        stage.write("l2/usr/share/b", "2");
        symlink("/etc", stage.path("l1/out")).unwrap();
        let image = |lower: &[&str], subpath: Option<&str>, target: &str| {
            let lower = lower.iter().map(|name| stage.path(name)).collect();
            Mount::new(Source::Image { lower, subpath: subpath.map(PathBuf::from) }, target).read_only(Ro::Recursive)
        };
        stage.mount(&image(&["l1", "l2"], None, "/whole")).unwrap();
        stage.mount(&image(&["l1", "l2"], Some("usr/share"), "/part")).unwrap();
        stage.mount(&image(&["l1"], Some("usr/share/a"), "/file")).unwrap();
        stage.mount(&image(&["l1"], None, "/one")).unwrap();
        assert_eq!(stage.read("rootfs/whole/usr/share/b"), "2");
        assert_eq!((stage.read("rootfs/part/a"), stage.read("rootfs/part/b")), ("1".into(), "2".into()));
        assert_eq!((stage.read("rootfs/file"), stage.read("rootfs/one/usr/share/a")), ("1".into(), "1".into()));
        assert!(fs::File::create(stage.path("rootfs/one/x")).is_err());
        assert!(matches!(stage.mount(&image(&["l1", "l2"], Some("out"), "/no")), Err(ApplyError::SubpathEscapes { .. })));
        assert!(matches!(stage.mount(&image(&[], None, "/no")), Err(ApplyError::NoLayers)));
    });
}

#[test]
fn older_kernels_cut_an_image_to_size_after_attaching() {
    on_stage(|stage| {
        stage.write("l1/usr/share/a", "1");
        stage.write("l2/usr/share/b", "2");
        let lower = vec![stage.path("l1"), stage.path("l2")];
        let mount = Mount::new(Source::Image { lower: lower.clone(), subpath: None }, "/part").read_only(Ro::Recursive);
        let tree = overlay::mount(&lower, None, false, Path::new("/part")).unwrap();
        let prepared = Prepared { mount, tree: Some(tree), is_dir: true, late_subpath: Some("usr/share".into()), space: None };
        attach(stage.rootfs().as_fd(), prepared).unwrap();
        assert_eq!((stage.read("rootfs/part/a"), stage.read("rootfs/part/b")), ("1".into(), "2".into()));
        assert_eq!(stage.count(), 1);
        assert!(stage.entry("part").options.starts_with("ro"));
    });
}

#[test]
fn a_container_that_swaps_its_target_gains_nothing() {
    on_stage(|stage| {
        stage.write("source/file", "hello");
        fs::create_dir_all(stage.path("canary")).unwrap();
        fs::create_dir_all(stage.path("rootfs/shared/a")).unwrap();
        let up: PathBuf = "../../canary".into();
        symlink(&up, stage.path("rootfs/shared/b")).unwrap();
        let (first, second) = (stage.path("rootfs/shared/a"), stage.path("rootfs/shared/b"));
        static STOP: AtomicBool = AtomicBool::new(false);
        static SWAPS: AtomicU32 = AtomicU32::new(0);
        let racer = std::thread::spawn(move || {
            while !STOP.load(Ordering::Relaxed) {
                // EBUSY while something is mounted there is part of the race.
                if stead_sys::durable::rename_exchange(&first, &second).is_ok() {
                    SWAPS.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let mut attached = 0;
        for round in 0..300 {
            let target = format!("/shared/a/in{round}");
            if stage.mount(&bind(stage, "source", &target)).is_ok() {
                attached += 1;
            }
        }
        STOP.store(true, Ordering::Relaxed);
        racer.join().unwrap();
        assert!(SWAPS.load(Ordering::Relaxed) > 50, "the racer raced: {}", SWAPS.load(Ordering::Relaxed));
        assert!(attached > 0);
        assert_eq!(fs::read_dir(stage.path("canary")).unwrap().count(), 0, "nothing was made outside the root");
        let canary = stage.path("canary");
        assert!(mountinfo::read().unwrap().iter().all(|entry| !entry.mount_point.starts_with(&canary)));
    });
}

#[test]
fn a_volume_that_swaps_its_subpath_gains_nothing() {
    on_stage(|stage| {
        stage.write("canary/secret", "host");
        stage.write("source/a/file", "volume");
        symlink("../canary", stage.path("source/b")).unwrap();
        let (first, second) = (stage.path("source/a"), stage.path("source/b"));
        static STOP: AtomicBool = AtomicBool::new(false);
        static SWAPS: AtomicU32 = AtomicU32::new(0);
        let racer = std::thread::spawn(move || {
            while !STOP.load(Ordering::Relaxed) {
                if stead_sys::durable::rename_exchange(&first, &second).is_ok() {
                    SWAPS.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let (mut inside, mut refused) = (0, 0);
        for round in 0..500 {
            let mut mount = volume(stage, Some("a"));
            mount.target = format!("/t{round}").into();
            match stage.mount(&mount) {
                Ok(()) => {
                    assert_eq!(stage.read(&format!("rootfs/t{round}/file")), "volume");
                    inside += 1;
                }
                Err(_) => refused += 1,
            }
        }
        STOP.store(true, Ordering::Relaxed);
        racer.join().unwrap();
        assert!(SWAPS.load(Ordering::Relaxed) > 50, "the racer raced");
        assert_eq!(inside + refused, 500);
    });
}
