//! The scenes that tests begin with, and the questions they ask most.
use serde_json::Value;
use std::path::Path;
use stead_testkit::{Dockerd, Sandbox, skip};

/// The binary under test.
pub(crate) const STEAD: &str = env!("CARGO_BIN_EXE_stead");

/// A sandbox with busybox loaded.
pub(crate) fn busybox() -> Sandbox {
    Sandbox::new(STEAD).with(&["busybox"])
}

/// A sandbox with these images loaded.
pub(crate) fn with(images: &[&str]) -> Sandbox {
    Sandbox::new(STEAD).with(images)
}

/// A sandbox with busybox, for what dockerd 20.10 does not have: None, with a word, when the peer is under test.
pub(crate) fn beyond_the_peer(what: &str) -> Option<Sandbox> {
    if std::env::var_os("STEAD_TEST_ENGINE").is_some_and(|v| v == "docker") {
        skip(&format!("dockerd 20.10 has no {what}"));
        return None;
    }
    Some(busybox())
}

/// stead and dockerd side by side, both with busybox. None, with a word, where no dockerd is installed.
pub(crate) fn pair() -> Option<(Sandbox, Dockerd)> {
    let docker = Dockerd::start()?;
    docker.cli().args(["load", "-q", "-i"]).arg(stead_testkit::image_tar("busybox")).run().ok();
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        skip("a comparison of the peer with itself says nothing");
        return None;
    }
    Some((busybox(), docker))
}

/// The entry of `.Mounts` whose Destination is `at`.
#[track_caller]
pub(crate) fn mount_at(inspect: &Value, at: &str) -> Value {
    let all = inspect["Mounts"].as_array().unwrap();
    all.iter().find(|m| m["Destination"] == at).unwrap_or_else(|| panic!("nothing at {at} in {all:?}")).clone()
}

/// The names in a directory, sorted; empty when it does not exist.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The same without the engine's own places, which begin with a dot.
pub(crate) fn named(dir: &Path) -> Vec<String> {
    names(dir).into_iter().filter(|name| !name.starts_with('.')).collect()
}

/// What must not change when a command is refused: containers, volumes, and what is mounted.
pub(crate) fn footprint(s: &Sandbox) -> String {
    let mounts = stead_testkit::mounts_below(s.root());
    format!(
        "containers {:?}\nvolumes {:?}\ncontainer dirs {:?}\nvolume dirs {:?}\nmounts {mounts:?}",
        s.ok("ps -aq"),
        s.ok("volume ls -q"),
        names(&s.root().join("containers")),
        names(&s.root().join("volumes")).into_iter().filter(|n| !n.starts_with('.')).collect::<Vec<_>>(),
    )
}
