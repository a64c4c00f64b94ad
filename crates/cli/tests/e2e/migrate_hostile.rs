//! A data root that wants to be more than data: links out of it, pipes, bombs, lies about digests. Nothing is followed, nothing hangs, each is named.
use crate::migrate::{action, docker_scene, fingerprint, migrate};
use crate::scene::beyond_the_peer;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use stead_testkit::{Command, Sandbox};

/// The directory of the layers of the image `layers`, the base first: what the layer store knows, and its files.
fn layers(root: &Path) -> Vec<(PathBuf, PathBuf)> {
    let store = root.join("image/overlay2/layerdb/sha256");
    let mut found: Vec<(PathBuf, PathBuf)> = std::fs::read_dir(&store)
        .unwrap()
        .flatten()
        .map(|entry| {
            let id = std::fs::read_to_string(entry.path().join("cache-id")).unwrap();
            (entry.path(), root.join("overlay2").join(id).join("diff"))
        })
        .collect();
    found.sort_by_key(|(entry, _)| entry.join("parent").exists());
    found
}

/// The layer that has this file.
fn layer_with(root: &Path, file: &str) -> (PathBuf, PathBuf) {
    layers(root).into_iter().find(|(_, files)| files.join(file).symlink_metadata().is_ok()).unwrap()
}

fn sh(dir: &Path, line: &str) {
    Command::new("/bin/sh").dir(dir).args(["-c", line]).run().ok();
}

#[test]
fn a_hostile_docker_root_gives_nothing_away() {
    let Some(docker) = docker_scene() else { return };
    let Some(s) = beyond_the_peer("migration") else { return };
    let root = docker.root();
    let secret = s.mkdir("secret");
    std::fs::write(secret.join("shadow"), "hunter2\n").unwrap();
    let volumes = root.join("volumes");
    symlink(&secret, volumes.join("linked")).unwrap();
    std::fs::create_dir(volumes.join("inside")).unwrap();
    symlink(&secret, volumes.join("inside/_data")).unwrap();
    std::fs::create_dir_all(volumes.join("odd\nname\x1b[31m/_data")).unwrap();
    std::fs::create_dir_all(volumes.join("options/_data")).unwrap();
    symlink(secret.join("shadow"), volumes.join("options/opts.json")).unwrap();
    std::fs::create_dir_all(volumes.join("fine/_data")).unwrap();
    symlink(secret.join("shadow"), volumes.join("fine/_data/link")).unwrap();
    std::fs::write(volumes.join("metadata.db"), vec![0xED; 40_000]).unwrap();
    let pipe = "a".repeat(64);
    sh(&root.join("containers"), &format!("mkdir {pipe} && mkfifo {pipe}/config.v2.json"));
    let shapes = "b".repeat(64);
    std::fs::create_dir(root.join("containers").join(&shapes)).unwrap();
    let config = format!(r#"{{"ID":"{shapes}","Name":"/shapes","Config":[1,2],"MountPoints":{{"/":null}}}}"#);
    std::fs::write(root.join("containers").join(&shapes).join("config.v2.json"), config).unwrap();
    // A file of a layer becomes a link to a secret of the same size.
    let (_, files) = layer_with(&root, "keep/a");
    std::fs::remove_file(files.join("keep/a")).unwrap();
    symlink(secret.join("shadow"), files.join("keep/a")).unwrap();
    let before = (fingerprint(&root), fingerprint(&secret));
    let began = Instant::now();
    let done = migrate(&s, &root, &[], "docker").exits(1).says("it is no bbolt file");
    assert!(began.elapsed() < Duration::from_secs(60), "{done}");
    assert!(action(&done, "volume", "linked").contains("it is a symbolic link, which is not followed"), "{done}");
    assert!(action(&done, "volume", "inside").contains("it has no _data directory"), "{done}");
    assert!(action(&done, "volume", "options").contains("symbolic link"), "{done}");
    assert_eq!(action(&done, "volume", "fine"), "adopted");
    assert!(action(&done, "container", &pipe).contains("it is no regular file"), "{done}");
    assert!(action(&done, "image", "layers:latest").starts_with("failed"), "{done}");
    assert!(!done.text().contains('\x1b') && !done.text().contains("hunter2") && !done.stderr.contains("hunter2"), "{done}");
    assert_eq!((fingerprint(&root), fingerprint(&secret)), before);
    assert!(s.data("fine").join("link").is_symlink());
    sh(s.root(), "! grep -rs hunter2 .");
    s.ok("system check");
}

/// One lie about the layers of `layers` at a time; the image is refused, and one without lies is adopted beside it.
#[test]
fn layers_that_lie_are_refused() {
    let Some(docker) = docker_scene() else { return };
    let Some(s) = beyond_the_peer("migration") else { return };
    let root = docker.root();
    let (entry, files) = layer_with(&root, "suid");
    let kept = s.mkdir("kept");
    let lies: [(&str, String); 7] = [
        ("cache-id leads out", format!("printf ../../../../../etc >{}/cache-id", entry.display())),
        ("cache-id is a link", format!("cd {} && rm cache-id && ln -s /etc/hostname cache-id", entry.display())),
        ("another diff", format!("printf sha256:%064d 0 >{}/diff", entry.display())),
        ("no tar-split", format!("rm {}/tar-split.json.gz", entry.display())),
        (
            "a bomb",
            format!(
                "{{ printf '{{\"type\":2,\"payload\":\"'; head -c 300000000 /dev/zero | tr '\\0' A; }} | gzip -1 >{}/tar-split.json.gz",
                entry.display()
            ),
        ),
        ("a pipe", format!("cd {} && rm suid && mkfifo suid", files.display())),
        ("other bytes", format!("printf 0123456789 >{}/suid", files.display())),
    ];
    for (what, lie) in lies {
        let t = Sandbox::new(crate::scene::STEAD);
        sh(&kept, &format!("rm -rf entry suid; cp -a {} entry; cp -a {}/suid suid", entry.display(), files.display()));
        sh(&root, &lie);
        let done = migrate(&t, &root, &["--images-only"], "docker").exits(1);
        let said = action(&done, "image", "layers:latest");
        assert!(said.starts_with("failed"), "{what}: {said}");
        assert!(action(&done, "image", "busybox:1").starts_with("adopted"), "{what}: {done}");
        assert_eq!(t.x("images -q layers").ok().text(), "", "{what}");
        sh(&kept, &format!("rm -rf {0} {1}/suid; cp -a entry {0}; cp -a suid {1}/suid", entry.display(), files.display()));
    }
    migrate(&s, &root, &["--images-only"], "docker").ok();
}
