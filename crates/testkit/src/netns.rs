//! A network namespace for each test: bridges, rules and published ports never touch the machine's own.
//!
//! The test's thread moves into it, so whatever it starts (engines, registries, daemons, tracers, threads) is in there too, and whatever
//! it connects to. Nothing names the namespace: it is gone with the last process in it.
use rustix::fs::{Mode, OFlags};
use std::cell::Cell;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Moves this thread into a network namespace of its own, once. `STEAD_TEST_NETNS=host` stays outside, for a look with the machine's own tools.
pub fn enter() {
    if INSIDE.replace(true) || std::env::var_os("STEAD_TEST_NETNS").is_some_and(|v| v == "host") {
        return;
    }
    let mut maker = Command::new("unshare")
        .args(["--net", "sh", "-c", "ip link set lo up && echo ready && exec cat"])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare of util-linux is installed");
    let mut line = String::new();
    BufReader::new(maker.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n", "no network namespace can be made: these tests need root and iproute2");
    let path = format!("/proc/{}/ns/net", maker.id());
    let namespace = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    rustix::thread::move_into_link_name_space(namespace.as_fd(), None).unwrap();
    maker.kill().ok();
    maker.wait().ok();
}

/// The interfaces of this thread's network namespace, the loopback left out.
pub fn interfaces() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let names = table.lines().skip(2).filter_map(|line| line.split(':').next()).map(|name| name.trim().to_owned());
    names.filter(|name| name != "lo").collect()
}

/// The interfaces that lead into containers of the engine of this root: one for each endpoint on a bridge.
pub fn endpoints(root: &std::path::Path) -> Vec<String> {
    let marker = std::fs::read(root.join("stead.json")).unwrap_or_default();
    let marker: serde_json::Value = serde_json::from_slice(&marker).unwrap_or_default();
    let Some(tag) = marker["uuid"].as_str().and_then(|uuid| uuid.get(..4)) else { return Vec::new() };
    interfaces().into_iter().filter(|name| name.starts_with(&format!("ve{tag}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::{enter, interfaces};

    #[test]
    fn a_thread_and_its_children_are_apart() {
        let name = |path| std::fs::read_link(path).unwrap();
        let before = name("/proc/self/ns/net");
        std::thread::spawn(move || {
            enter();
            assert_ne!(name("/proc/thread-self/ns/net"), before);
            assert!(interfaces().is_empty());
            let out = crate::Command::new("readlink").arg("/proc/self/ns/net").run().ok().text();
            assert_eq!(out, name("/proc/thread-self/ns/net").to_string_lossy());
            std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        })
        .join()
        .unwrap();
    }
}
