//! The server itself: it holds no state, it believes nobody, and it stays small.
use crate::api::{Server, parse};
use crate::scene::{STEAD, beyond_the_peer};
use serde_json::json;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::process::Stdio;
use std::time::Duration;
use stead_testkit::{Command, free_port, skip};

#[test]
fn a_killed_server_loses_nothing() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let mut server = Server::start(&sandbox);
    server.ok("run -d --name cc --network none busybox sh -c 'while true; do echo tick; sleep 0.1; done'");
    let id = server.create("made", json!({ "Cmd": ["echo", "made"] }));
    let exec = server.post("/containers/cc/exec", &json!({ "Cmd": ["echo", "late"], "AttachStdout": true })).is(201).json();
    let exec = exec["Id"].as_str().unwrap().to_owned();
    let (_, mut attached) = server.hijack("/containers/cc/attach?stream=1&stdout=1", true, "");
    let waiting = server.hijack(&format!("/containers/{id}/attach?stream=1&stdout=1"), true, "").1;
    let pid = sandbox.inspect("cc")["State"]["Pid"].clone();
    server.kill();
    let mut rest = Vec::new();
    attached.read_to_end(&mut rest).unwrap();
    drop(waiting);
    // The other face goes on, and a start is not held up by who died while it waited for one.
    assert_eq!(sandbox.inspect("cc")["State"]["Pid"], pid);
    sandbox.ok("start made");
    assert_eq!(sandbox.ok("exec cc echo hi"), "hi");
    let server = Server::start(&sandbox);
    assert_eq!(sandbox.inspect("cc")["State"]["Pid"], pid);
    let (_, mut stream) = server.hijack(&format!("/exec/{exec}/start"), true, "{}");
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    assert_eq!(crate::api::frames(&got).0, "late\n");
    let seen = server.get(&format!("/exec/{exec}/json")).json();
    assert_eq!((&seen["Running"], &seen["ExitCode"]), (&json!(false), &json!(0)));
    assert!(server.post(&format!("/exec/{exec}/start"), &json!({})).is(409).message().contains("has already run"));
    assert_eq!(sandbox.ok("logs made"), "made");
    server.ok("rm -f cc made");
    server.get(&format!("/exec/{exec}/json")).is(404);
    assert_eq!(sandbox.ok("ps -aq"), "");
}

#[test]
fn a_server_that_is_told_to_end_takes_nothing_with_it() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let mut server = Server::start(&sandbox);
    server.ok("run -d --name cc --network none busybox sleep 1000");
    let attached = server.hijack("/containers/cc/attach?stream=1&stdout=1", true, "").1;
    let meta = std::fs::metadata(&server.socket).unwrap();
    assert!(meta.file_type().is_socket() && meta.permissions().mode() & 0o777 == 0o660);
    // A second one does not take the socket away.
    sandbox.x("serve").fails().says("somebody else does already");
    let (code, took) = server.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5) && !server.socket.exists(), "{took:?}");
    drop(attached);
    assert_eq!(sandbox.inspect("cc")["State"]["Status"], "running");
}

#[test]
fn both_faces_see_the_same() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let (server, sandbox) = (&server, &sandbox);
            scope.spawn(move || {
                for round in 0..3 {
                    let name = format!("n{n}-{round}");
                    server.ok(&format!("run -d --name {name} --network none busybox sleep 1000"));
                    assert_eq!(sandbox.inspect(&name)["Name"], format!("/{name}"));
                    sandbox.ok(&format!("rm -f {name}"));
                    server.get(&format!("/containers/{name}/json")).is(404);
                    sandbox.ok(&format!("run -d --name {name} --network none busybox sleep 1000"));
                    server.ok(&format!("rm -f {name}"));
                    sandbox.x(&format!("inspect {name}")).fails();
                }
            });
        }
    });
    assert_eq!(server.get("/containers/json?all=1").json(), json!([]));
}

#[test]
fn versions_are_negotiated() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    let ping = server.request("HEAD", "/_ping", "", b"").is(200);
    for header in [
        "api-version: 1.50",
        "ostype: linux",
        "docker-experimental: false",
        "swarm: inactive",
        "builder-version: ",
        "cache-control: no-cache",
    ] {
        assert!(ping.head.to_lowercase().contains(header), "{}", ping.head);
    }
    assert_eq!(server.get("/_ping").is(200).text(), "OK");
    let version = server.get("/version").json();
    assert_eq!((&version["ApiVersion"], &version["MinAPIVersion"]), (&json!("1.50"), &json!("1.24")));
    assert!(
        server.get("/v1.23/version").is(400).message().starts_with("client version 1.23 is too old. Minimum supported API version is 1.24")
    );
    assert!(
        server.get("/v1.60/info").is(400).message().starts_with("client version 1.60 is too new. Maximum supported API version is 1.50")
    );
    assert_eq!(server.get("/nosuch").is(404).message(), "page not found");
    assert_eq!(server.request("PATCH", "/containers/json", "", b"").is(404).message(), "page not found");
    server.get("/v1.24/containers/json").is(200);
}

#[test]
fn create_says_what_docker_says() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    let create = |version: &str, body: serde_json::Value| server.post(&format!("{version}/containers/create"), &body);
    assert_eq!(create("", json!({ "Image": "nosuch" })).is(404).message(), "No such image: nosuch:latest");
    let from = create("", json!({ "Image": "busybox", "HostConfig": { "NetworkMode": "none", "VolumesFrom": ["nosuch"] } }));
    assert_eq!(from.is(400).message(), "No such container: nosuch");
    let driver = json!({ "Image": "busybox", "HostConfig": { "NetworkMode": "none", "Mounts": [{ "Type": "volume", "Source": "v", "Target": "/v", "VolumeOptions": { "DriverConfig": { "Name": "nosuch" } } }] } });
    create("", driver).is(400);
    let image = json!({ "Image": "busybox", "HostConfig": { "NetworkMode": "none", "Mounts": [{ "Type": "image", "Source": "nosuch", "Target": "/v" }] } });
    assert_eq!(create("/v1.47", image).is(400).message(), "Mount type \"Image\" needs API v1.48 or newer");
    // What docker-py sends for everything that was not said, and what nobody knows.
    let nulls = json!({ "Image": "busybox", "Cmd": "date", "User": null, "Env": null, "Volumes": { "/data": null }, "Unknown": { "x": 1 }, "HostConfig": { "NetworkMode": "none", "Binds": null, "LogConfig": null, "RestartPolicy": null, "MaskedPaths": null }, "NetworkingConfig": null });
    let made = create("", nulls).is(201).json();
    let seen = server.get(&format!("/containers/{}/json", made["Id"].as_str().unwrap())).json();
    assert_eq!((&seen["Config"]["Cmd"], &seen["Mounts"][0]["Destination"]), (&json!(["date"]), &json!("/data")));
    server.create("twice", json!({}));
    let twice =
        server.post("/containers/create?name=twice", &json!({ "Image": "busybox", "HostConfig": { "NetworkMode": "none" } })).is(409);
    assert!(twice.message().starts_with("Conflict. The container name \"/twice\" is already in use by container"), "{}", twice.message());
    server.request("POST", "/containers/twice/stop", "", b"").is(304);
    server.request("POST", "/containers/twice/kill", "", b"").is(409);
    server.request("DELETE", "/containers/twice?v=True&force=False&link=False", "", b"").is(204);
    server.request("DELETE", "/containers/twice", "", b"").is(404);
}

#[test]
fn hostile_requests_are_answered_or_dropped() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    let post = |kind: &str, body: &[u8]| server.request("POST", "/containers/create", kind, body);
    let kind = "Content-Type: application/json\r\n";
    assert_eq!(
        post("Content-Type: text/plain\r\n", b"{}").is(400).message(),
        "unsupported Content-Type header (text/plain): must be 'application/json'"
    );
    assert_eq!(post(kind, b"{} {}").is(400).message(), "unexpected content after JSON");
    assert!(post(kind, b"{").is(400).message().starts_with("invalid JSON: "));
    post(kind, b"").is(400);
    post(kind, b"\xff\xfe").is(400);
    post(kind, "[".repeat(100_000).as_bytes()).is(400);
    post(kind, &vec![b' '; 20 << 20]).is(400);
    post(kind, br#"{"Image":7}"#).is(400);
    post(kind, br#"{"Image":"../../etc/passwd"}"#).is(400);
    for path in ["/containers/%zz/json", "/containers/json?filters=%7b", "/containers/json?all=%q", "/containers/json?limit=x"] {
        server.get(path).is(400);
    }
    for path in ["/containers/../../etc/passwd", "/containers/%2e%2e%2f%2e%2e/json", "/containers/%00/json", "//", "/v1.41", "/v1.41/", "*"]
    {
        let status = server.get(path).status;
        assert!((400..500).contains(&status), "{path}: {status}");
    }
    for garbage in [
        &b"\x16\x03\x01\x02\0\x01\0"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ] {
        let got = server.raw(garbage);
        assert!(got.is_empty() || (400..500).contains(&parse(&got).status), "{:?}", String::from_utf8_lossy(&got));
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20));
    let got = server.raw(long.as_bytes());
    assert!(got.is_empty() || (400..500).contains(&parse(&got).status));
    let many = format!("GET /_ping HTTP/1.1\r\n{}\r\n", "X-A: b\r\n".repeat(10_000));
    let got = server.raw(many.as_bytes());
    assert!(got.is_empty() || (400..500).contains(&parse(&got).status));
    // Half a body, then gone; half a head, then gone.
    for half in
        [&b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"[..], b"GET /_pi"]
    {
        drop(server.connect().write_all(half));
    }
    let held: Vec<_> = (0..200).map(|_| server.connect()).collect();
    assert_eq!(server.get("/_ping").is(200).text(), "OK");
    drop(held);
    assert_eq!(sandbox.ok("ps -aq"), "");
}

#[test]
fn an_idle_server_is_small() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let server = Server::start(&sandbox);
    for _ in 0..20 {
        server.ok("run --rm --network none busybox true");
        server.get("/info").is(200);
    }
    let kilobytes = |key: &str| -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        text.lines().find_map(|l| l.strip_prefix(key)?.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap()
    };
    sandbox.eventually("its threads are gone", || server.threads() <= 4);
    // The pages of an optimised program are few; those of this one, built for tests, are not counted.
    let (all, own) = (kilobytes("VmRSS:"), kilobytes("RssAnon:"));
    assert!(own < 8 << 10, "{own} kB of its own, {all} kB in all");
    assert!(cfg!(debug_assertions) || all < 15 << 10, "{all} kB");
}

#[test]
fn systemd_may_open_the_socket() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    let socket = sandbox.dir().join("passed.sock");
    let script = "import os,socket,sys\ns=socket.socket(socket.AF_UNIX);s.bind(sys.argv[1]);s.listen(9)\nfd=s.detach()\n\
                  if fd!=3: os.dup2(fd,3)\nos.set_inheritable(3,True)\nos.environ.update(LISTEN_PID=str(os.getpid()),LISTEN_FDS='1')\nos.execv(sys.argv[2],sys.argv[2:])";
    let mut command = std::process::Command::new("python3");
    command
        .args(["-c", script])
        .arg(&socket)
        .arg(STEAD)
        .arg("--root")
        .arg(sandbox.root())
        .arg("--run-root")
        .arg(sandbox.run_root())
        .arg("serve");
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    sandbox.eventually("it answers", || {
        let docker = Command::new(stead_testkit::docker_cli()).args(["-H", &format!("unix://{}", socket.display()), "version"]);
        docker.run().code == 0
    });
    assert!(!sandbox.run_root().join("stead.sock").exists());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    // It is not ours to take away.
    assert!(socket.exists());
}

#[test]
fn over_tcp_only_certificates_are_heard() {
    let Some(sandbox) = beyond_the_peer("stead serve") else { return };
    if !std::path::Path::new("/usr/bin/openssl").exists() {
        return skip("no openssl here to make certificates");
    }
    let dir = sandbox.mkdir("tls");
    let make = "set -e; openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=ca 2>/dev/null\n\
                for n in server client; do openssl req -newkey rsa:2048 -nodes -keyout $n-key.pem -out $n.csr -subj /CN=$n 2>/dev/null\n\
                printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth,clientAuth\\n' > ext\n\
                openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out $n.pem -days 2 -extfile ext 2>/dev/null; done";
    Command::new("sh").args(["-c", make]).dir(&dir).run().ok();
    let port = free_port();
    let host = format!("tcp://127.0.0.1:{port}");
    let path = |name: &str| dir.join(name).display().to_string();
    sandbox.x(&format!("serve -H {host}")).fails().says("clients must prove who they are");
    let unix = sandbox.run_root().join("two.sock");
    let options = [
        "-H",
        &host,
        "-H",
        &format!("unix://{}", unix.display()),
        "--tlsverify",
        "--tlscacert",
        &path("ca.pem"),
        "--tlscert",
        &path("server.pem"),
        "--tlskey",
        &path("server-key.pem"),
    ];
    let server = Server::with(&sandbox, &options, unix);
    let docker = |more: &[&str]| {
        let tls = ["--tlsverify", "--tlscacert", &path("ca.pem"), "--tlscert", &path("client.pem"), "--tlskey", &path("client-key.pem")];
        Command::new(stead_testkit::docker_cli()).env("HOME", &dir).args(["-H", &host]).args(tls).args(more.iter().copied())
    };
    assert_eq!(docker(&["run", "--rm", "--network", "none", "busybox", "echo", "far"]).run().ok().text(), "far");
    assert_eq!(
        docker(&["run", "--rm", "-i", "--network", "none", "busybox", "cat"])
            .stdin("typed far\n")
            .limit(Duration::from_secs(30))
            .run()
            .ok()
            .text(),
        "typed far"
    );
    assert_eq!(server.ok("ps -aq"), "");
    // Without TLS, and with TLS but without a certificate.
    let mut plain = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    plain.write_all(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut got = Vec::new();
    plain.read_to_end(&mut got).ok();
    assert!(!got.starts_with(b"HTTP"), "{got:?}");
    let stranger = format!(
        "printf 'GET /_ping HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | timeout 5 openssl s_client -quiet -CAfile ca.pem -connect 127.0.0.1:{port} 2>/dev/null"
    );
    assert!(!Command::new("sh").args(["-c", &stranger]).dir(&dir).run().text().contains("HTTP/1.1"));
}
