//! Streams over the API: attach, exec, logs, wait and cp, by Docker's client and by plain HTTP.
use crate::api::{Server, frames, head, parse};
use crate::scene::beyond_the_peer;
use serde_json::json;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

#[test]
fn dockers_client_runs_containers() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    assert_eq!(server.ok("run --rm --network none busybox echo hello"), "hello");
    let ended = server.docker("run --rm --network none busybox sh -c 'echo out; echo err >&2; exit 7'");
    assert_eq!((ended.code, ended.text().as_str(), ended.stderr.as_str()), (7, "out", "err\n"));
    for round in 0..5 {
        let text = format!("typed {round}\n");
        let piped =
            server.client("run --rm -i --network none busybox cat").stdin(text.as_bytes()).limit(Duration::from_secs(20)).run().ok();
        assert_eq!(piped.text(), text.trim_end());
    }
    // More than all buffers on the way together.
    let much = vec![b'x'; 3 << 20];
    let piped = server.client("run --rm -i --network none busybox wc -c").stdin(much.clone()).run().ok();
    assert_eq!(piped.text(), much.len().to_string());
    let missing = server.docker("run --name bad --network none busybox nosuch");
    assert_eq!(missing.code, 127);
    assert!(missing.stderr.contains("executable file not found in $PATH"), "{missing}");
    assert!(server.ok("ps -aq --filter name=bad").len() == 12 && sandbox.ok("ps -aq") == server.ok("ps -aq"));
    server.ok("run -d --name late --network none busybox sh -c 'read x; echo $x'");
    server.ok("rm -f late bad");
    server.ok("create --name later -i --network none busybox sh -c 'read x; echo got $x'");
    assert_eq!(server.client("start -ai later").stdin("it\n").run().ok().text(), "got it");
    assert_eq!(server.ok("logs later"), "got it");
}

#[test]
fn dockers_client_adds_processes() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    server.ok("run -d --name cc --network none busybox sleep 1000");
    assert_eq!(server.ok("exec cc echo hi"), "hi");
    assert_eq!(server.client("exec -i cc cat").stdin("in\n").limit(Duration::from_secs(20)).run().ok().text(), "in");
    server.docker("exec cc sh -c 'exit 5'").exits(5);
    server.docker("exec cc nosuch").exits(127).prints("exec: \"nosuch\": executable file not found in $PATH");
    server.ok("exec -d cc sh -c 'echo detached > /said'");
    sandbox.eventually("the detached process has run", || server.docker("exec cc cat /said").text() == "detached");
    let tty = Command::tty(&server, "exec -t cc tty");
    assert!(tty.starts_with("/dev/pts/"), "{tty}");
    // A second process list: its id is the container's to tell while it runs.
    let made = server.post("/containers/cc/exec", &json!({ "Cmd": ["sleep", "100"] })).is(201).json();
    let id = made["Id"].as_str().unwrap().to_owned();
    server.post(&format!("/exec/{id}/start"), &json!({ "Detach": true })).is(200);
    assert_eq!(server.get("/containers/cc/json").json()["ExecIDs"], json!([id]));
    let seen = server.get(&format!("/exec/{id}/json")).json();
    assert!(seen["Running"] == true && seen["ExitCode"].is_null() && seen["Pid"].as_u64().unwrap() > 1, "{seen}");
    let again = server.post(&format!("/exec/{id}/start"), &json!({ "Detach": true })).is(409);
    assert!(again.message().contains("is already running"), "{}", again.message());
    server.get(&format!("/exec/{}/json", "0".repeat(64))).is(404);
    server.ok("stop -t 0 cc");
    server.post("/containers/cc/exec", &json!({ "Cmd": ["true"] })).is(409);
    server.post("/containers/cc/exec", &json!({ "Cmd": [] })).is(400);
    let gone = server.get(&format!("/exec/{id}/json")).json();
    assert_eq!((&gone["Running"], &gone["ExitCode"]), (&json!(false), &json!(137)));
}

/// Docker's client with a terminal: `script` gives it one.
struct Command;

impl Command {
    fn tty(server: &Server<'_>, line: &str) -> String {
        let docker = stead_testkit::docker_cli();
        let host = format!("unix://{}", server.socket.display());
        let script = stead_testkit::Command::new("script").args(["-qec", &format!("{docker} -H {host} {line}"), "/dev/null"]);
        script.limit(Duration::from_secs(20)).run().text().trim_start_matches(['^', '@', '\0', '\x04', '\x08', 'D']).trim().to_owned()
    }
}

#[test]
fn a_stream_is_framed_unless_it_is_a_terminals() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    let body = json!({ "Cmd": ["sh", "-c", "cat; echo bad >&2"], "OpenStdin": true, "StdinOnce": true });
    for (name, version, upgrade, kind) in
        [("aa", "/v1.50", true, "multiplexed-stream"), ("bb", "/v1.41", true, "raw-stream"), ("dd", "", false, "multiplexed-stream")]
    {
        let id = server.create(name, body.clone());
        let (head, mut stream) =
            server.hijack(&format!("{version}/containers/{id}/attach?stream=1&stdin=1&stdout=1&stderr=1"), upgrade, "");
        let begins = if upgrade { "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n" } else { "HTTP/1.1 200 OK\r\n" };
        assert!(head.starts_with(begins) && head.contains(&format!("Content-Type: application/vnd.docker.{kind}\r\n")), "{head}");
        // What is sent before the start waits for the process.
        stream.write_all(b"words").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        server.request("POST", &format!("/containers/{id}/start"), "", b"").is(204);
        server.request("POST", &format!("/containers/{id}/start"), "", b"");
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        assert_eq!(frames(&got), ("words".to_owned(), "bad\n".to_owned()));
        // And once more from the log, without a wait.
        let (_, mut stream) = server.hijack(&format!("/containers/{id}/attach?logs=1&stdout=1&stderr=1"), true, "");
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        assert_eq!(frames(&got), ("words".to_owned(), "bad\n".to_owned()));
    }
}

#[test]
fn a_terminal_is_raw_sized_and_left_by_its_keys() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    let id = server.create("tt", json!({ "Cmd": ["sh"], "Tty": true, "OpenStdin": true }));
    let (head, mut stream) = server.hijack(&format!("/containers/{id}/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-x,x"), true, "");
    assert!(head.contains("application/vnd.docker.raw-stream"), "{head}");
    server.request("POST", &format!("/containers/{id}/start"), "", b"").is(204);
    server.request("POST", &format!("/containers/{id}/resize?h=33&w=77"), "", b"").is(200);
    server.request("POST", &format!("/containers/{id}/resize?h=x&w=77"), "", b"").is(400);
    stream.write_all(b"stty size; echo do''ne\n").unwrap();
    let (mut seen, mut buffer) = (Vec::new(), [0u8; 512]);
    while !String::from_utf8_lossy(&seen).contains("done\r\n") {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..count]);
    }
    let text = String::from_utf8_lossy(&seen);
    assert!(text.contains("33 77\r\n") && text.contains("/ # "), "{text:?}");
    stream.write_all(b"\x18x").unwrap();
    stream.read_to_end(&mut seen).unwrap();
    assert_eq!(sandbox.inspect("tt")["State"]["Status"], "running");
    let bad = server.request("POST", &format!("/containers/{id}/attach?stream=1&stdin=1&detachKeys=ctrl-nope"), "", b"").is(400);
    assert_eq!(bad.message(), "Invalid detach keys (ctrl-nope) provided");
}

#[test]
fn a_wait_answers_its_head_at_once() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    let id = server.create("ww", json!({ "Cmd": ["sh", "-c", "sleep 0.3; exit 9"] }));
    let begin = |condition: &str| {
        let mut stream = server.connect();
        write!(stream, "POST /containers/{id}/wait?condition={condition} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let head = head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        (head, stream)
    };
    let end = |(head, mut stream): (String, std::os::unix::net::UnixStream)| {
        let mut rest = head.into_bytes();
        stream.read_to_end(&mut rest).unwrap();
        parse(&rest).json()
    };
    let (next, removed) = (begin("next-exit"), begin("removed"));
    // Not running yet: that wait is over at once.
    assert_eq!(end(begin("not-running")), json!({ "StatusCode": 0 }));
    sandbox.ok("start ww");
    assert_eq!(end(next), json!({ "StatusCode": 9 }));
    assert_eq!(end(begin("")), json!({ "StatusCode": 9 }));
    sandbox.ok("rm ww");
    assert_eq!(end(removed), json!({ "StatusCode": 9 }));
    let other = server.create("vv", json!({ "Cmd": ["true"] }));
    assert_eq!(
        server.post(&format!("/containers/{other}/wait?condition=never"), &json!({})).is(400).message(),
        "invalid condition: \"never\""
    );
    server.post("/containers/nosuch/wait", &json!({})).is(404);
}

#[test]
fn logs_are_read_and_followed() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    server.ok("run -d --name ll --network none busybox sh -c 'echo one; echo two >&2; sleep 1; echo three'");
    let followed = server.docker("logs -f ll").ok();
    assert_eq!((followed.text().as_str(), followed.stderr.as_str()), ("one\nthree", "two\n"));
    assert_eq!(server.docker("logs -n 1 ll").ok().text(), "three");
    let bad = server.get("/containers/ll/logs").is(400);
    assert_eq!(bad.message(), "Bad parameters: you must choose at least one stream");
    server.get("/containers/ll/logs?stdout=1&since=soon").is(400);
    server.get("/containers/nosuch/logs?stdout=1").is(404);
    let all = server.get("/containers/ll/logs?stdout=true&stderr=True&timestamps=1").is(200);
    let (out, err) = frames(&all.body);
    assert!(out.lines().all(|l| l.starts_with("20") && l.contains('Z')) && err.contains("Z two"), "{out} {err}");
    let stamp = out.lines().last().unwrap().split('Z').next().unwrap().to_owned() + "Z";
    assert_eq!(frames(&server.get(&format!("/containers/ll/logs?stdout=1&since={stamp}")).body).0, "three\n");
    assert_eq!(frames(&server.get("/containers/ll/logs?stdout=1&until=1").body).0, "");
}

#[test]
fn clients_that_leave_are_not_kept() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    server.ok("run -d --name quiet --network none busybox sleep 1000");
    server.create("never", json!({ "Cmd": ["true"] }));
    let before = server.threads();
    let mut left = Vec::new();
    for _ in 0..5 {
        left.push(server.hijack("/containers/quiet/attach?stream=1&stdout=1", true, "").1);
        left.push(server.hijack("/containers/never/attach?stream=1&stdout=1", true, "").1);
        for path in ["/containers/quiet/wait", "/containers/never/wait?condition=next-exit", "/containers/never/wait?condition=removed"] {
            let mut stream = server.connect();
            write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            head(&mut stream);
            left.push(stream);
        }
        let mut stream = server.connect();
        write!(stream, "GET /containers/quiet/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        head(&mut stream);
        left.push(stream);
    }
    assert!(server.threads() >= before + 25);
    drop(left);
    sandbox.eventually("their threads are gone", || server.threads() <= before + 2);
    let vigils = sandbox.run_root().join("containers").join(sandbox.inspect("never")["Id"].as_str().unwrap()).join("vigils");
    assert!(!vigils.exists());
}

#[test]
fn files_are_copied_in_and_out() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    let id = server.create("ff", json!({ "Cmd": ["sleep", "100"] }));
    let here = sandbox.mkdir("here");
    std::fs::write(here.join("a"), "content").unwrap();
    server.ok(&format!("cp {} ff:/root/", here.display()));
    server.ok("start ff");
    assert_eq!(server.ok("exec ff cat /root/here/a"), "content");
    server.ok("cp ff:/root/here/a back");
    assert_eq!(std::fs::read_to_string(sandbox.dir().join("back")).unwrap(), "content");
    let stat = server.request("HEAD", &format!("/containers/{id}/archive?path=/root/here/a"), "", b"").is(200);
    assert!(stat.head.contains("X-Docker-Container-Path-Stat: ") && stat.body.is_empty(), "{}", stat.head);
    server.get(&format!("/containers/{id}/archive?path=/nosuch")).is(404);
    server.get(&format!("/containers/{id}/archive")).is(400);
    server.request("PUT", &format!("/containers/{id}/archive?path=/nosuch"), "", b"").is(404);
    server.request("PUT", &format!("/containers/{id}/archive?path=/root"), "", &[7u8; 4096]).is(400);
}

#[test]
fn a_web_socket_is_a_stream_too() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    let id = server.create("ss", json!({ "Cmd": ["cat"], "OpenStdin": true, "StdinOnce": true }));
    let mut stream = server.connect();
    let keys = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    let path = format!("/containers/{id}/attach/ws?stream=1&stdin=1&stdout=1");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{keys}\r\n").unwrap();
    let head = head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    server.ok("start ss");
    // A masked binary message of five bytes.
    stream.write_all(&[0x82, 0x85, 0, 0, 0, 0]).unwrap();
    stream.write_all(b"hello").unwrap();
    let mut got = [0u8; 7];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"\x82\x05hello");
    let began = Instant::now();
    server.ok("kill ss");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(server.request("GET", &path, "", b"").is(400).status, 400);
}
