//! Images: load, save, import, pull, tag, rm.
use crate::scene::{beyond_the_peer, busybox, with};
use stead_testkit::{Command, Registry, image_tar};

#[test]
fn load_ls_inspect_tag_rm() {
    let s = busybox();
    let id = s.ok("images -q --no-trunc busybox:latest");
    assert!(id.starts_with("sha256:a03cb64f8207") || id.len() == 71, "{id}");
    let info = s.x("image inspect busybox").ok().json()[0].take();
    assert_eq!(info["Id"], id.as_str());
    assert_eq!(
        (info["Os"].as_str(), info["Architecture"].as_str(), info["Config"]["Cmd"][0].as_str()),
        (Some("linux"), Some("amd64"), Some("sh"))
    );
    assert!(info["RootFS"]["Layers"][0].as_str().unwrap().starts_with("sha256:"));
    s.ok("tag busybox my/name:1.0");
    assert_eq!(s.ok("images -q --no-trunc my/name:1.0"), id);
    assert!(s.ok("images").lines().next().unwrap().starts_with("REPOSITORY"));
    assert_eq!(s.ok("rmi my/name:1.0"), "Untagged: my/name:1.0");
    s.ok("create --name cc busybox");
    s.x("rmi busybox:latest busybox:glibc busybox:1 busybox:1.29").exits(1).says("conflict: unable to");
    s.ok("rm cc");
    let out = s.ok(&format!("rmi -f {id}"));
    assert!(out.contains(&format!("Deleted: {id}")), "{out}");
    assert_eq!(s.ok("images -aq"), "");
}

#[test]
fn whiteouts_and_declared_config() {
    let s = with(&["layers"]);
    let script = "sh -c 'cat /keep/a /keep/b; ls /opq; ls /gone; id -u; pwd; stat -c %u:%g:%a /vol/seed; stat -c %a /suid /sticky'";
    assert_eq!(s.ok(&format!("run --rm layers {script}")), "a2\nb\nnew\n1234\n/work/dir\n1234:4321:750\n4755\n1777");
}

#[test]
fn save_and_load_keep_the_id() {
    let s = with(&["layers", "busybox"]);
    let ids = |s: &stead_testkit::Sandbox| s.ok("images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'");
    let before = ids(&s);
    s.ok("save -o ./both.tar layers:latest busybox:latest");
    let piped = s.x("save layers:latest").ok();
    assert!(piped.stdout.len() > 2_000_000);
    let other = with(&[]);
    let said = other.cli().args(["load", "-i"]).arg(s.dir().join("both.tar")).run().ok();
    said.prints("Loaded image: layers:latest").prints("Loaded image: busybox:latest");
    for line in ids(&other).lines() {
        assert!(before.contains(line), "{line} in {before}");
    }
    assert_eq!(ids(&other).lines().count(), 2);
    let third = with(&[]);
    third.cli().args(["load"]).stdin(piped.stdout).run().ok().prints("Loaded image: layers:latest");
    assert_eq!(third.ok("run --rm --entrypoint '' layers cat /keep/a"), "a2");
    third.x("load -i ./none.tar").exits(1).says("none.tar");
    third.cli().args(["load"]).stdin("not an archive").run().fails();
}

#[test]
fn oci_archives() {
    let Some(s) = beyond_the_peer("oci-archive") else { return };
    s.load("layers");
    let id = s.ok("images -q --no-trunc layers");
    s.ok("save --format oci-archive -o ./oci.tar layers:latest");
    let listed = Command::new("tar").args(["-tf"]).arg(s.dir().join("oci.tar")).run().ok().text();
    assert!(listed.contains("oci-layout") && listed.contains("index.json") && listed.contains("blobs/sha256/"), "{listed}");
    let other = with(&[]);
    other.cli().args(["load", "-i"]).arg(s.dir().join("oci.tar")).run().ok();
    assert_eq!(other.ok("images -q --no-trunc layers"), id);
    assert_eq!(other.ok("run --rm --entrypoint '' layers cat /keep/a"), "a2");
}

#[test]
fn import_with_changes() {
    let s = busybox();
    let tree = s.mkdir("tree");
    std::fs::create_dir(tree.join("bin")).unwrap();
    Command::new("sh")
        .args(["-c", "tar -xOf \"$1\" --wildcards '*/layer.tar' | tar -x -C tree bin/busybox bin/sh bin/cat bin/echo bin/id"])
        .args(["sh"])
        .arg(image_tar("busybox"))
        .dir(s.dir())
        .run()
        .ok();
    Command::new("tar").args(["-czf", "t.tgz", "-C", "tree", "."]).dir(s.dir()).run().ok();
    let id = s.ok("import -c 'CMD [\"echo\",\"imported\"]' -c 'ENV A=\"b c\"' -c 'USER 12' -c 'WORKDIR /w' -c 'LABEL x=y' -c 'VOLUME /v' -c 'EXPOSE 80' -m 'a message' ./t.tgz imp:1");
    assert!(id.starts_with("sha256:"), "{id}");
    assert_eq!(s.ok("run --rm imp:1"), "imported");
    let config = s.x("image inspect imp:1").ok().json()[0]["Config"].take();
    assert_eq!(
        (config["User"].as_str(), config["WorkingDir"].as_str(), config["Labels"]["x"].as_str()),
        (Some("12"), Some("/w"), Some("y"))
    );
    assert_eq!(config["Volumes"], serde_json::json!({"/v": {}}));
    s.x("import -c 'NOSUCH x' ./t.tgz imp:2").exits(1);
    let bytes = std::fs::read(s.dir().join("t.tgz")).unwrap();
    s.cli().args(["image", "import", "-", "imp:3"]).stdin(bytes).run().ok();
    assert_eq!(s.ok("run --rm imp:3 echo from stdin"), "from stdin");
}

#[test]
fn pull_from_a_registry() {
    let Some(registry) = Registry::start() else { return };
    let s = busybox();
    push(&registry, "busybox", "lib/box:1", None);
    let out = s.x(&format!("pull {}/lib/box:1", registry.host())).ok();
    assert!(out.text().contains("Digest: sha256:") && out.text().contains("Status: Downloaded newer image"), "{out}");
    assert_eq!(s.ok(&format!("run --rm {}/lib/box:1 echo pulled", registry.host())), "pulled");
    s.x(&format!("pull {}/lib/box:1", registry.host())).ok().prints("Image is up to date");
    let digest = s.ok(&format!("image inspect -f '{{{{index .RepoDigests 0}}}}' {}/lib/box:1", registry.host()));
    assert!(digest.contains("@sha256:"), "{digest}");
    s.ok(&format!("pull -q {digest}"));
    s.x(&format!("pull {}/lib/box:nosuch", registry.host())).exits(1).says("not found");
    s.ok(&format!("rmi -f {}/lib/box:1", registry.host()));
    assert_eq!(s.ok(&format!("run --rm --pull always {}/lib/box:1 echo again", registry.host())).lines().last(), Some("again"));
}

#[test]
fn a_registry_with_a_password() {
    // bcrypt of "secret"
    let Some(registry) = Registry::with_password("user", BCRYPT_OF_SECRET) else { return };
    let s = busybox();
    push(&registry, "busybox", "box:1", Some(("user", "secret")));
    let config = |pass: &str| {
        let auth = Command::new("sh").args(["-c", &format!("printf user:{pass} | base64")]).run().ok().text();
        let json = serde_json::json!({"auths": {registry.host(): {"auth": auth}}});
        for dir in [s.dir().join(".docker"), s.dir().join("config")] {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join("config.json"), json.to_string()).unwrap();
        }
    };
    s.x(&format!("pull {}/box:1", registry.host())).exits(1);
    config("wrong");
    let cli = || s.cli().env("DOCKER_CONFIG", s.dir().join("config"));
    let reference = format!("{}/box:1", registry.host());
    cli().args(["pull", &reference]).run().exits(1);
    config("secret");
    cli().args(["pull", &reference]).run().ok();
    assert_eq!(s.ok(&format!("run --rm {reference} echo in")), "in");
}

/// bcrypt, cost 4, of the word "secret".
const BCRYPT_OF_SECRET: &str = "$2y$04$D3UmlhW2PDOlV3n0dDYYeerCZVu/D74g2.gPhMVrQF1ZiEoQ.dGnK";

#[test]
fn a_blob_that_is_not_what_it_says_is_refused() {
    let Some(registry) = Registry::start() else { return };
    let s = busybox();
    push(&registry, "layers", "bad:1", None);
    let blobs =
        Command::new("find").arg(registry.data()).args(["-path", "*/blobs/sha256/*", "-name", "data", "-size", "+1"]).run().ok().lines();
    let biggest = blobs.iter().max_by_key(|b| std::fs::metadata(b).unwrap().len()).unwrap();
    let mut bytes = std::fs::read(biggest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(biggest, bytes).unwrap();
    s.x(&format!("pull {}/bad:1", registry.host())).exits(1);
    assert!(!s.ok("images").contains("bad"));
    if !s.is_docker() {
        s.ok("system check");
    }
}

/// Puts a docker-archive into the registry with the smallest client there is: curl and sha256sum.
fn push(registry: &Registry, tar: &str, to: &str, user: Option<(&str, &str)>) {
    let (name, tag) = to.split_once(':').unwrap();
    let script = include_str!("push.sh");
    let login = user.map_or_else(String::new, |(u, p)| format!("{u}:{p}"));
    Command::new("bash").args(["-c", script, "push", &registry.host(), name, tag]).arg(image_tar(tar)).arg(login).run().ok();
}
