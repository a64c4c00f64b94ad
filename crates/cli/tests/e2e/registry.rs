//! Registries: push, pull of all tags, login, logout; history; and images that a container was committed to.
use crate::scene::{beyond_the_peer, with};
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use stead_testkit::{Command, Registry, Sandbox};

/// bcrypt, cost 4, of the word "secret".
const BCRYPT_OF_SECRET: &str = "$2y$04$D3UmlhW2PDOlV3n0dDYYeerCZVu/D74g2.gPhMVrQF1ZiEoQ.dGnK";

/// The blobs that lie in a registry.
fn blobs(registry: &Registry) -> usize {
    let found = Command::new("find").arg(registry.data()).args(["-path", "*/blobs/sha256/*", "-name", "data"]).run().ok();
    found.lines().len()
}

#[test]
fn a_pushed_image_comes_back_the_same() {
    let Some(registry) = Registry::start() else { return };
    let s = with(&["busybox", "layers"]);
    let host = registry.host();
    for (image, to) in [("busybox", "lib/box:1"), ("layers", "lib/layers:latest")] {
        s.ok(&format!("tag {image} {host}/{to}"));
        let out = s.x(&format!("push {host}/{to}")).ok();
        let name = to.split_once(':').unwrap().0;
        out.prints(&format!("The push refers to repository [{host}/{name}]")).prints(": Pushed").prints("digest: sha256:");
        let id = s.ok(&format!("images -q --no-trunc {image}:latest"));
        let other = with(&[]);
        other.ok(&format!("pull -q {host}/{to}"));
        assert_eq!(other.ok(&format!("images -q --no-trunc {host}/{to}")), id);
        let digests = s.x(&format!("image inspect {host}/{to}")).ok().json()[0]["RepoDigests"].to_string();
        assert!(digests.contains(&format!("{host}/{name}@sha256:")), "{digests}");
    }
    // Docker itself can use it.
    if let Some(docker) = stead_testkit::Dockerd::start() {
        docker.x(&format!("pull -q {host}/lib/layers:latest")).ok();
        let ours = s.ok("images -q --no-trunc layers:latest");
        assert_eq!(docker.x(&format!("images -q --no-trunc {host}/lib/layers:latest")).ok().text(), ours);
    }
}

#[test]
fn what_a_registry_has_is_not_sent_again() {
    let Some(registry) = Registry::start() else { return };
    let s = with(&["layers"]);
    let host = registry.host();
    s.ok(&format!("tag layers {host}/a:1"));
    let first = s.x(&format!("push {host}/a:1")).ok();
    let digest = |text: &str| text.lines().find_map(|l| l.split_once("digest: ")).map(|(_, d)| d.to_owned());
    let before = blobs(&registry);
    s.ok(&format!("tag layers {host}/a:2"));
    let again = s.x(&format!("push {host}/a:2")).ok().prints("Layer already exists");
    assert_eq!(digest(&first.text()), digest(&again.text()), "the same image has the same manifest");
    s.ok(&format!("tag layers {host}/other/b:1"));
    s.x(&format!("push {host}/other/b:1")).ok().prints("Mounted from a");
    assert_eq!(blobs(&registry), before);
    // An engine that knows nothing of the first push finds the layers there, too: compressing gives the same bytes.
    let other = with(&["layers"]);
    other.ok(&format!("tag layers {host}/a:3"));
    let third = other.x(&format!("push {host}/a:3")).ok();
    if !other.is_docker() {
        assert_eq!(digest(&first.text()), digest(&third.text()));
        assert_eq!(blobs(&registry), before);
    }
}

#[test]
fn all_tags() {
    let Some(registry) = Registry::start() else { return };
    let s = with(&["busybox", "layers"]);
    let host = registry.host();
    s.ok(&format!("tag busybox {host}/many:one"));
    s.ok(&format!("tag layers {host}/many:two"));
    s.x(&format!("push -a {host}/many:one")).fails().says("tag can't be used with --all-tags/-a");
    s.x(&format!("push -a {host}/many")).ok().prints("one: digest: ").prints("two: digest: ");
    let other = with(&[]);
    other.x(&format!("pull -a {host}/many:one")).fails().says("tag can't be used with --all-tags/-a");
    other.ok(&format!("pull -a {host}/many"));
    let mut tags = other.x(&format!("images --format '{{{{.Tag}}}}' {host}/many")).ok().lines();
    tags.sort();
    assert_eq!(tags, ["one", "two"]);
}

#[test]
fn pushes_that_cannot_be() {
    let Some(registry) = Registry::start() else { return };
    let s = with(&["busybox"]);
    let host = registry.host();
    s.x(&format!("push {host}/nosuch")).exits(1).says(&format!("An image does not exist locally with the tag: {host}/nosuch"));
    s.ok(&format!("tag busybox {host}/box:1"));
    s.x(&format!("push {host}/box:2")).exits(1).says(&format!("tag does not exist: {host}/box:2"));
    s.x("push Upper/x").fails();
    drop(registry);
    s.x(&format!("push {host}/box:1")).exits(1).says(&format!("dial tcp {host}: connect: connection refused"));
    s.x("pull nosuch.invalid/box:1").exits(1).says("dial tcp: lookup nosuch.invalid").says("no such host");
}

fn login_files(s: &Sandbox) -> std::path::PathBuf {
    s.dir().join(if s.is_docker() { "unused" } else { ".docker/config.json" })
}

#[test]
fn login_push_logout() {
    let Some(registry) = Registry::with_password("user", BCRYPT_OF_SECRET) else { return };
    let s = with(&["busybox"]);
    let host = registry.host();
    s.ok(&format!("tag busybox {host}/box:1"));
    s.x(&format!("push {host}/box:1")).exits(1).says("no basic auth credentials");
    s.x(&format!("pull {host}/box:1")).exits(1).says("no basic auth credentials");
    let login = |password: &str| s.cli().args(["login", "-u", "user", "--password-stdin", &host]).stdin(password).run();
    login("wrong").exits(1).says("401 Unauthorized");
    login("secret\n").ok().prints("Login Succeeded").says("stored unencrypted");
    if !s.is_docker() {
        let file = login_files(&s);
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        let config: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(config["auths"][&host]["auth"], "dXNlcjpzZWNyZXQ=");
    }
    s.x(&format!("login {host}")).ok().prints("Login Succeeded");
    s.ok(&format!("push {host}/box:1"));
    s.ok(&format!("pull {host}/box:1"));
    assert_eq!(s.ok(&format!("logout {host}")), format!("Removing login credentials for {host}"));
    s.x(&format!("pull {host}/box:1")).exits(1).says("no basic auth credentials");
    s.x(&format!("login -u user {host}")).fails().says("non TTY");
    s.x(&format!("login --password-stdin {host}")).fails().says("Must provide --username with --password-stdin");
}

#[test]
fn credential_helpers_are_asked() {
    let Some(registry) = Registry::with_password("user", BCRYPT_OF_SECRET) else { return };
    let Some(s) = beyond_the_peer("fixed directories for credential helpers") else { return };
    let host = registry.host();
    std::fs::create_dir_all(s.dir().join(".docker")).unwrap();
    let config = |helper: &str| {
        let config = json!({ "auths": { &host: { "auth": "dXNlcjpzZWNyZXQ=" } }, "credHelpers": { &host: helper } });
        std::fs::write(login_files(&s), config.to_string()).unwrap();
    };
    config("nosuch-helper");
    s.ok(&format!("tag busybox {host}/box:1"));
    s.x(&format!("push {host}/box:1")).exits(1).says("docker-credential-nosuch-helper: executable file not found");
    config("../../etc/evil");
    s.x(&format!("push {host}/box:1")).exits(1).says("is not the name of a credential helper");
}

#[test]
fn history() {
    let s = with(&["layers"]);
    let table = s.ok("history layers");
    assert!(table.starts_with("IMAGE ") && table.contains("CREATED BY") && table.contains("<missing>"), "{table}");
    let ids = s.ok("history -q --no-trunc layers");
    assert_eq!(ids.lines().next(), Some(s.ok("images -q --no-trunc layers:latest").as_str()));
    let sizes = s.ok("history --human=false --format '{{.Size}}' layers");
    let sum: u64 = sizes.lines().map(|l| l.parse::<u64>().unwrap()).sum();
    let size = s.x("image inspect layers").ok().json()[0]["Size"].as_u64().unwrap();
    assert_eq!(sum, size);
    s.x("history nosuch").exits(1).says("No such image: nosuch:latest");
}
