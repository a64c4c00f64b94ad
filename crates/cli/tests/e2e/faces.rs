//! A container is the same whoever started it: the server's own score, limits and patience are not its.
use crate::api::Server;
use crate::scene::{STEAD, beyond_the_peer};
use serde_json::json;
use stead_testkit::Command;

/// What `sh` says with a soft limit of files and a score of its own.
const LOOK: &str = "ulimit -Sn; cat /proc/self/oom_score_adj";

#[test]
fn limits_of_the_server_are_not_its_containers() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let socket = sandbox.run_root().join("shielded.sock");
    // As its unit does: few files softly, many hard, and among the last to be killed.
    let script = format!(
        "ulimit -Sn 512; echo -500 > /proc/self/oom_score_adj; {STEAD} --root {} --run-root {} run --rm --network none busybox sh -c '{LOOK}'",
        sandbox.root().display(),
        sandbox.run_root().display()
    );
    let typed = Command::new("/bin/sh").args(["-c", &script]).run().ok().text();
    let server = Server::under(&sandbox, "ulimit -Sn 512; echo -500 > /proc/self/oom_score_adj", socket);
    let served = server.ok(&format!("run --rm --network none busybox sh -c '{LOOK}'"));
    assert_eq!(typed, "512\n0");
    assert_eq!(served, typed);
    server.ok("run -d --name cc --network none --oom-score-adj 77 busybox sleep 600");
    assert_eq!(server.ok(&format!("exec cc sh -c '{LOOK}'")), "512\n77");
    server.ok("rm -f cc");
}

#[test]
fn patience_beyond_all_time_is_no_kill() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    server.ok("run -d --name cc --network none busybox sh -c 'trap \"sleep 0.3; exit 7\" TERM; while true; do sleep 0.05; done'");
    std::thread::sleep(std::time::Duration::from_millis(200));
    server.post("/containers/cc/stop?t=9223372036854775807", &json!({})).is(204);
    let state = sandbox.inspect("cc")["State"].clone();
    assert_eq!((&state["ExitCode"], &state["Status"]), (&json!(7), &json!("exited")), "{state}");
    let id = server
        .create("long", json!({ "Cmd": ["sh", "-c", "trap 'exit 8' TERM; while true; do sleep 0.05; done"], "StopTimeout": i64::MAX }));
    server.post(&format!("/containers/{id}/start"), &json!({})).is(204);
    std::thread::sleep(std::time::Duration::from_millis(200));
    server.post(&format!("/containers/{id}/restart"), &json!({})).is(204);
    server.post(&format!("/containers/{id}/stop"), &json!({})).is(204);
    assert!([json!(8), json!(143)].contains(&sandbox.inspect("long")["State"]["ExitCode"]));
    server.ok("rm -f cc long");
}
