//! Images through the Engine API: the docker client's commands, and every answer to the byte.
use crate::door::Door;
use crate::scene::{beyond_the_peer, busybox, pair, with};
use serde_json::{Value, json};
use stead_testkit::{Command, Registry, Sandbox};

const BCRYPT_OF_SECRET: &str = "$2y$04$D3UmlhW2PDOlV3n0dDYYeerCZVu/D74g2.gPhMVrQF1ZiEoQ.dGnK";

fn scene(images: &[&str]) -> Option<(Sandbox, Door)> {
    beyond_the_peer("stead serve")?;
    let s = with(images);
    let door = Door::open(&s);
    Some((s, door))
}

#[test]
fn the_docker_client_goes_through_everything() {
    let Some(registry) = Registry::start() else { return };
    let Some((s, door)) = scene(&["busybox"]) else { return };
    let docker = |args: &[&str]| door.docker(s.dir()).args(args).run();
    let host = registry.host();
    let name = format!("{host}/lib/box:1");
    docker(&["tag", "busybox", &name]).ok();
    docker(&["push", &name]).ok().prints("1: digest: sha256:").prints(": Pushed");
    docker(&["rmi", &name]).ok().prints(&format!("Untagged: {name}"));
    docker(&["pull", &name]).ok().prints("Status: Downloaded newer image for").prints(&name);
    docker(&["pull", &name]).ok().prints("Status: Image is up to date for");
    docker(&["pull", &format!("{host}/lib/box:nosuch")]).exits(1).says("manifest unknown");
    docker(&["push", &format!("{host}/nosuch:1")]).exits(1).says("An image does not exist locally with the tag");
    docker(&["history", "busybox"]).ok().prints("CREATED BY");
    docker(&["images", "--digests"]).ok().prints("sha256:");
    docker(&["images", "-q", "--filter", "reference=busybox"]).ok();
    docker(&["image", "inspect", "busybox", "--format", "{{.Os}}"]).ok().prints("linux");
    docker(&["save", "-o", "both.tar", "busybox:latest", &name]).ok();
    docker(&["rmi", "-f", "busybox:latest", &name]).ok();
    docker(&["load", "-i", "both.tar"]).ok().prints("Loaded image: busybox:latest");
    docker(&["import", "-c", "CMD [\"x\"]", "-m", "said", "both.tar", "imp:1"]).ok().prints("sha256:");
    docker(&["image", "inspect", "imp:1", "--format", "{{.Comment}} {{.Config.Cmd}}"]).ok().prints("said [x]");
    docker(&["image", "prune", "-f"]).ok().prints("Total reclaimed space: 0B");
    docker(&["rmi", "nosuch"]).exits(1).says("No such image: nosuch:latest");
    docker(&["system", "df"]).ok().prints("Images").prints("Build Cache");
    docker(&["system", "df", "-v"]).ok();
    let info = docker(&["info"]).ok();
    info.prints("Server Version: ").prints("Swarm: inactive").prints("Storage Driver: overlay2");
    docker(&["version"]).ok().prints("API version:      1.50 (minimum version 1.24)");
    docker(&["volume", "create", "--label", "a=b", "data"]).ok().prints("data");
    docker(&["volume", "ls", "-q", "--filter", "label=a"]).ok().prints("data");
    docker(&["volume", "inspect", "data", "--format", "{{.Driver}}"]).ok().prints("local");
    docker(&["volume", "prune", "-f"]).ok().prints("Total reclaimed space: 0B");
    docker(&["volume", "rm", "data"]).ok();
    docker(&["plugin", "ls"]).ok();
    docker(&["node", "ls"]).exits(1).says("This node is not a swarm manager.");
    docker(&["builder", "prune", "-f"]).ok().prints("Total reclaimed space: 0B");
    // What one door did, the other sees.
    assert!(s.ok("images imp:1").contains("imp"));
}

#[test]
fn logins_through_the_door() {
    let Some(registry) = Registry::with_password("user", BCRYPT_OF_SECRET) else { return };
    let Some((s, door)) = scene(&["busybox"]) else { return };
    let host = registry.host();
    let auth = |password: &str| json!({ "username": "user", "password": password, "serveraddress": host });
    let good = door.post_json("/v1.50/auth", &auth("secret"));
    assert_eq!((good.status, good.json()), (200, json!({ "IdentityToken": "", "Status": "Login Succeeded" })));
    let bad = door.post_json("/v1.50/auth", &auth("wrong"));
    assert_eq!(bad.status, 401);
    assert!(bad.message().contains("401 Unauthorized"), "{}", bad.text());
    assert_eq!(door.post_json("/v1.50/auth", &json!([])).status, 400);
    let docker = |args: &[&str]| door.docker(s.dir()).args(args).run();
    docker(&["login", "-u", "user", "-p", "wrong", &host]).fails();
    docker(&["tag", "busybox", &format!("{host}/box:1")]).ok();
    docker(&["push", &format!("{host}/box:1")]).exits(1).says("no basic auth credentials");
    docker(&["login", "-u", "user", "-p", "secret", &host]).ok().prints("Login Succeeded");
    docker(&["push", &format!("{host}/box:1")]).ok();
    docker(&["pull", &format!("{host}/box:1")]).ok();
    // The credentials came with each request; nobody else has them.
    assert_eq!(door.get(&format!("/distribution/{host}/box:1/json")).status, 401);
    assert_eq!(door.post(&format!("/images/create?fromImage={host}/box&tag=1")).status, 500);
    docker(&["logout", &host]).ok();
    docker(&["pull", &format!("{host}/box:1")]).exits(1).says("no basic auth credentials");
}

#[test]
fn a_pull_and_a_push_line_by_line() {
    let Some(registry) = Registry::start() else { return };
    let Some((s, door)) = scene(&["busybox"]) else { return };
    let host = registry.host();
    s.ok(&format!("tag busybox {host}/lib/box:1"));
    let pushed = door.post(&format!("/v1.50/images/{host}/lib/box/push?tag=1"));
    assert_eq!(pushed.status, 200, "{}", pushed.text());
    let lines = pushed.lines();
    assert_eq!(lines[0], json!({ "status": format!("The push refers to repository [{host}/lib/box]") }));
    let aux = &lines.last().unwrap()["aux"];
    assert_eq!(aux["Tag"], "1");
    assert!(aux["Digest"].as_str().unwrap().starts_with("sha256:") && aux["Size"].as_u64().unwrap() > 100, "{aux}");
    s.ok(&format!("rmi {host}/lib/box:1"));
    let pulled = door.post(&format!("/v1.50/images/create?fromImage={host}/lib/box&tag=1"));
    assert_eq!(pulled.lines()[0], json!({ "status": "Pulling from lib/box", "id": "1" }));
    let last = pulled.lines().pop().unwrap()["status"].as_str().unwrap().to_owned();
    assert_eq!(last, format!("Status: Downloaded newer image for {host}/lib/box:1"));
    assert!(pulled.head.contains("application/json"), "{}", pulled.head);
    let none = door.post(&format!("/v1.50/images/create?fromImage={host}/lib/box&tag=nosuch"));
    assert_eq!(none.status, 404, "{}", none.text());
    assert!(none.message().contains("not found"), "{}", none.text());
    let gone = door.post(&format!("/v1.50/images/{host}/nosuch/push?tag=1")).lines();
    let text = format!("An image does not exist locally with the tag: {host}/nosuch");
    assert_eq!(gone[1], json!({ "errorDetail": { "message": text }, "error": text }));
    let what = door.get(&format!("/v1.50/distribution/{host}/lib/box:1/json")).json();
    assert_eq!(what["Platforms"], json!([{ "os": "linux", "architecture": "amd64" }]));
    assert_eq!(what["Descriptor"]["digest"], aux["Digest"]);
    assert_eq!(door.get(&format!("/v1.50/distribution/{host}/lib/box:nosuch/json")).status, 404);
}

#[test]
fn shapes_follow_the_version() {
    let Some((_s, door)) = scene(&["busybox"]) else { return };
    let image = |version: &str| door.get(&format!("/v{version}/images/busybox/json")).json();
    assert!(image("1.43")["VirtualSize"].is_u64() && image("1.44").get("VirtualSize").is_none());
    assert!(image("1.44").get("ContainerConfig").is_some() && image("1.45").get("ContainerConfig").is_none());
    assert!(image("1.49")["Config"].get("Hostname").is_some() && image("1.50")["Config"].get("Hostname").is_none());
    let list = |query: &str| door.get(query).json()[0].clone();
    assert_eq!(list("/v1.50/images/json")["SharedSize"], -1);
    assert_eq!(list("/v1.50/images/json?shared-size=1")["SharedSize"], 0);
    let other = r#"{"os":"linux","architecture":"s390x"}"#.replace('"', "%22");
    assert_eq!(door.get(&format!("/v1.50/images/busybox/json?platform={other}")).status, 404);
    assert_eq!(door.get("/v1.50/images/busybox/json?platform=linux").status, 400);
    let df = |query: &str| door.get(query).json();
    assert_eq!(df("/v1.50/system/df?type=volume")["Images"], Value::Null);
    assert_eq!(df("/v1.41/system/df")["BuilderSize"], 0);
    assert_eq!(door.get("/v1.50/system/df?type=bogus").status, 400);
    assert!(door.get("/v1.49/info").json().get("BridgeNfIptables").is_some());
    assert!(door.get("/v1.50/info").json().get("BridgeNfIptables").is_none());
}

#[test]
fn saved_and_loaded_through_the_door() {
    let Some((s, door)) = scene(&["layers"]) else { return };
    let tar = door.get("/v1.50/images/layers:latest/get");
    assert!(tar.status == 200 && tar.head.contains("application/x-tar"), "{}", tar.head);
    let id = s.ok("images -q --no-trunc layers:latest");
    let none = door.get("/v1.50/images/get?names=layers&names=nosuch");
    assert_eq!((none.status, none.message().as_str()), (404, "No such image: nosuch:latest"));
    assert_eq!(door.delete("/v1.50/images/layers?force=1").status, 200);
    let loaded = door.ask("POST", "/v1.50/images/load?quiet=1", "Content-Type: application/x-tar\r\n", &tar.body);
    assert_eq!(loaded.text(), "{\"stream\":\"Loaded image: layers:latest\\n\"}\r\n");
    assert_eq!(s.ok("images -q --no-trunc layers:latest"), id);
    let bad = door.ask("POST", "/v1.50/images/load", "", b"this is no archive");
    assert!(bad.status == 200 && bad.lines()[0]["error"].as_str().is_some(), "{}", bad.text());
}

#[test]
fn imports_from_a_body_and_from_an_address() {
    let Some((s, door)) = scene(&[]) else { return };
    let tree = s.mkdir("tree");
    std::fs::write(tree.join("f"), "x").unwrap();
    Command::new("tar").args(["-cf", "t.tar", "-C", "tree", "."]).dir(s.dir()).run().ok();
    let tar = std::fs::read(s.dir().join("t.tar")).unwrap();
    let path = "/v1.50/images/create?fromSrc=-&repo=imp&tag=2&message=said&changes=USER%20me&changes=ENV%20A=1";
    let made = door.ask("POST", path, "", &tar);
    assert!(made.status == 200 && made.lines()[0]["status"].as_str().unwrap().starts_with("sha256:"), "{}", made.text());
    let image = door.get("/images/imp:2/json").json();
    assert_eq!((image["Config"]["User"].as_str(), image["Comment"].as_str()), (Some("me"), Some("said")));
    let server = Web::start(s.dir());
    let made = door.post(&format!("/v1.50/images/create?fromSrc={}/t.tar&repo=web", server.address())).lines();
    assert_eq!(made[0], json!({ "status": format!("Downloading from {}/t.tar", server.address()) }));
    assert!(made.last().unwrap()["status"].as_str().unwrap().starts_with("sha256:"), "{made:?}");
    let none = door.post(&format!("/v1.50/images/create?fromSrc={}/none", server.address())).lines();
    assert_eq!(none[1]["error"], "Got HTTP status code >= 400: 404 Not Found");
    assert!(s.ok(&format!("import {}/t.tar cli:1", server.address())).contains("sha256:"));
    assert_eq!(s.ok("images --format '{{.Repository}}:{{.Tag}}'").lines().count(), 3);
}

/// python's web server on a directory.
struct Web(std::process::Child, u16);

impl Web {
    fn start(dir: &std::path::Path) -> Self {
        let port = stead_testkit::free_port();
        let child = std::process::Command::new("python3")
            .args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()])
            .current_dir(dir)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let began = std::time::Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < std::time::Duration::from_secs(20), "python's web server does not start");
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
        Self(child, port)
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.1)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn many_at_once_agree() {
    let Some(registry) = Registry::start() else { return };
    let Some((s, door)) = scene(&["busybox"]) else { return };
    let host = registry.host();
    s.ok(&format!("tag busybox {host}/box:0"));
    s.ok(&format!("push {host}/box:0"));
    let names: Vec<String> = (0..4).map(|n| format!("{host}/box:{n}")).collect();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (s, door, names, host) = (&s, &door, &names, &host);
            scope.spawn(move || {
                for round in 0..6 {
                    let name = &names[(worker + round) % names.len()];
                    let tag = (worker + round) % names.len();
                    // Any of these may find that another was faster; none may fail for another reason.
                    let answers = [
                        door.post(&format!("/images/busybox/tag?repo={host}/box&tag={tag}")),
                        door.post(&format!("/images/{host}/box/push?tag={tag}")),
                        door.post(&format!("/images/create?fromImage={host}/box&tag={tag}")),
                        door.get(&format!("/images/{name}/json")),
                        door.delete(&format!("/images/{name}")),
                    ];
                    for answer in &answers {
                        assert!(matches!(answer.status, 200 | 201 | 404 | 409), "{answer:?}");
                    }
                    for line in answers[1].lines().iter().chain(&answers[2].lines()) {
                        let error = line["error"].as_str().unwrap_or_default();
                        assert!(error.is_empty() || error.contains("not exist"), "{line}");
                    }
                    let out = s.x(&format!("images {host}/box"));
                    assert_eq!(out.code, 0, "{out}");
                }
            });
        }
    });
    s.ok("system check");
    assert_eq!(s.ok("run --rm --network none busybox echo whole"), "whole");
    for name in &names {
        let gone = s.x(&format!("rmi {name}"));
        assert!(gone.code == 0 || gone.stderr.contains("No such image"), "{gone}");
    }
    assert_eq!(door.get("/images/json").json().as_array().unwrap().len(), 1);
}

#[test]
fn a_door_that_is_killed_leaves_nothing() {
    let Some(registry) = Registry::start() else { return };
    let Some((s, door)) = scene(&["redis"]) else { return };
    let host = registry.host();
    s.ok(&format!("tag redis {host}/redis:1"));
    s.ok(&format!("push {host}/redis:1"));
    let tar = s.x("save redis:latest").ok().stdout;
    drop(door);
    for wait in [0, 20, 60, 150, 400] {
        let ids = s.x("images -q --no-trunc").ok().lines();
        for id in ids {
            s.x(&format!("rmi -f {id}")).ok();
        }
        let door = Door::open(&s);
        std::thread::scope(|scope| {
            // Whatever the two hear, they hear an end.
            scope.spawn(|| door.try_ask("POST", &format!("/images/create?fromImage={host}/redis&tag=1"), b""));
            scope.spawn(|| door.try_ask("POST", "/images/load", &tar));
            std::thread::sleep(std::time::Duration::from_millis(wait));
            door.kill();
        });
        s.x("system check --repair").ok();
        assert!(s.ok("system check").contains("Nothing is wrong"));
    }
    s.ok(&format!("pull {host}/redis:1"));
    assert_eq!(s.ok(&format!("run --rm --network none --entrypoint echo {host}/redis:1 whole")), "whole");
    assert_eq!(stead_testkit::mounts_below(s.root()), Vec::<String>::new());
}

#[test]
fn refusals_have_their_status() {
    let Some((s, door)) = scene(&["busybox", "layers"]) else { return };
    s.ok("create --name user --network none layers");
    for (method, path, status, message) in [
        ("GET", "/images/nosuch/json", 404, "No such image: nosuch:latest"),
        ("GET", "/images/Upper/json", 400, "invalid reference format"),
        ("GET", "/images/nosuch/history", 404, "No such image: nosuch:latest"),
        ("GET", "/images/json?filters=%5B", 400, "invalid filter"),
        ("GET", "/images/json?filters={%22bogus%22:[%221%22]}", 400, "invalid filter 'bogus'"),
        ("POST", "/images/nosuch/tag?repo=x", 404, "No such image: nosuch:latest"),
        ("POST", "/images/busybox/tag?repo=Upper", 400, "invalid reference format"),
        ("POST", "/images/busybox/tag?repo=x&tag=a:b", 400, "invalid tag format"),
        ("DELETE", "/images/nosuch", 404, "No such image: nosuch:latest"),
        ("DELETE", "/images/layers", 409, "conflict: unable to remove repository reference"),
        ("POST", "/images/create?fromImage=Upper&tag=1", 400, "invalid reference format"),
        ("POST", "/images/create?fromImage=scratch&tag=latest", 403, "'scratch' is a reserved name"),
        ("POST", "/images/create", 400, "invalid reference format"),
        ("POST", "/images/create?fromSrc=-&repo=Upper", 400, "invalid reference format"),
        ("POST", "/images/create?fromSrc=-&repo=x&changes=RUN%20x", 400, "RUN is not a valid change command"),
        ("POST", "/images/prune?filters={%22x%22:[%221%22]}", 400, "invalid filter 'x'"),
        ("POST", "/v1.50/images/create?fromImage=x&tag=1&platform=foobar", 400, "unknown operating system or architecture"),
        ("GET", "/distribution/Upper/json", 400, "invalid reference format"),
        ("GET", "/images/search?term=x&limit=1000", 400, "outside the range of [1, 100]"),
        ("GET", "/images/search?term=x&limit=y", 400, "invalid syntax"),
        ("POST", "/build", 501, "buildah or buildkit"),
        ("POST", "/build/cancel", 400, "build ID not provided"),
        ("POST", "/session", 501, "buildkit"),
        ("GET", "/plugins/x/json", 404, "plugin \"x\" not found"),
        ("POST", "/plugins/pull", 501, "no managed plugins"),
        ("GET", "/swarm", 503, "This node is not a swarm manager."),
        ("POST", "/swarm/init", 501, "no swarm mode"),
        ("POST", "/swarm/leave", 503, "not part of a swarm"),
        ("GET", "/services", 503, "This node is not a swarm manager."),
        ("GET", "/secrets", 503, "This node is not a swarm manager."),
        ("PUT", "/volumes/x", 503, "volume update only valid for cluster volumes"),
        ("GET", "/nosuch", 404, "page not found"),
    ] {
        let answer = door.ask(method, path, "", b"");
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert!(answer.message().contains(message), "{method} {path}: {}", answer.text());
    }
    assert_eq!(door.post("/build/prune").json(), json!({ "CachesDeleted": null, "SpaceReclaimed": 0 }));
    assert_eq!(door.get("/plugins").json(), json!([]));
    assert_eq!(door.post("/images/prune").json(), json!({ "ImagesDeleted": null, "SpaceReclaimed": 0 }));
    assert_eq!(door.post("/images/busybox/tag?repo=x&tag=1").status, 201);
}

/// The keys of an object, sorted; one level of arrays is looked into.
fn keys(value: &Value) -> Vec<String> {
    let value = value.as_array().and_then(|a| a.first()).unwrap_or(value);
    let mut keys: Vec<String> = value.as_object().into_iter().flatten().map(|(k, _)| k.clone()).collect();
    keys.sort();
    keys
}

/// What differs in the values of what is the same image in both.
fn values(ours: &Door, theirs: &Door) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, keys) in [
        (
            "/images/busybox/json",
            &[
                "Id",
                "RepoTags",
                "RepoDigests",
                "Parent",
                "Comment",
                "Created",
                "Author",
                "Config",
                "Architecture",
                "Os",
                "Size",
                "VirtualSize",
                "RootFS",
            ][..],
        ),
        ("/images/json", &["Containers", "Created", "Id", "Labels", "ParentId", "RepoTags", "SharedSize", "Size", "VirtualSize"]),
        ("/images/busybox/history", &["Id", "Created", "CreatedBy", "Tags", "Size", "Comment"]),
    ] {
        let one = |door: &Door| {
            let value = door.get(&format!("/v1.41{path}")).json();
            let value = value.as_array().map(|list| list[0].clone()).unwrap_or(value);
            keys.iter().map(|key| format!("{key}={}", value[*key])).collect::<Vec<_>>()
        };
        let differ: Vec<_> = one(ours).into_iter().zip(one(theirs)).filter(|(a, b)| a != b).collect();
        if !differ.is_empty() {
            wrong.push(format!("{path}: {differ:?}"));
        }
    }
    wrong
}

#[test]
fn answers_look_like_dockers() {
    let Some((s, docker)) = pair() else { return };
    let (ours, theirs) = (Door::open(&s), Door::of(&docker));
    let mut wrong = Vec::new();
    for door in [&ours, &theirs] {
        door.post_json("/v1.41/volumes/create", &json!({ "Name": "vol", "Labels": { "a": "b" } }));
    }
    for path in ["/images/json", "/images/busybox/json", "/images/busybox/history", "/volumes", "/volumes/vol", "/system/df", "/version"] {
        let (a, b) = (ours.get(&format!("/v1.41{path}")), theirs.get(&format!("/v1.41{path}")));
        let missing: Vec<String> = keys(&b.json()).into_iter().filter(|k| !keys(&a.json()).contains(k)).collect();
        if a.status != b.status || !missing.is_empty() {
            wrong.push(format!("{path}: {} {missing:?}", a.status));
        }
    }
    wrong.extend(values(&ours, &theirs));
    for (method, path, body) in [
        // Newer texts than 20.10's are not compared: inspect of what is not there, names in upper case.
        ("GET", "/images/nosuch/history", ""),
        ("POST", "/images/nosuch/tag?repo=x", ""),
        ("DELETE", "/images/nosuch", ""),
        ("GET", "/volumes/nope", ""),
        ("DELETE", "/volumes/nope", ""),
        ("DELETE", "/volumes/nope?force=1", ""),
        ("POST", "/volumes/create", r#"{"Name":"a/b"}"#),
        ("POST", "/volumes/create", r#"{"Name":"x"}"#),
        ("POST", "/volumes/create", r#"{"Name":"ok","Driver":"nosuch"}"#),
        ("POST", "/volumes/create", r#"{"Name":"ok","DriverOpts":{"foo":"bar"}}"#),
        ("POST", "/volumes/prune", ""),
        ("GET", "/swarm", ""),
        ("GET", "/nodes", ""),
        ("GET", "/services", ""),
        ("GET", "/tasks", ""),
        ("GET", "/secrets", ""),
        ("GET", "/configs", ""),
        ("POST", "/swarm/leave", ""),
        ("GET", "/plugins", ""),
        ("GET", "/plugins/x/json", ""),
        ("DELETE", "/plugins/x", ""),
        ("POST", "/images/prune", ""),
        ("POST", "/build/prune", ""),
    ] {
        let head = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let path = format!("/v1.41{path}");
        let (a, b) = (ours.ask(method, &path, head, body.as_bytes()), theirs.ask(method, &path, head, body.as_bytes()));
        if (a.status, a.text().trim()) != (b.status, b.text().trim()) {
            wrong.push(format!("{method} {path} {body}\n  docker {} {}  stead  {} {}", b.status, b.text(), a.status, a.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_bodies() {
    let Some((_s, door)) = beyond_the_peer("stead serve").map(|_| ()).and_then(|()| scene(&[])) else { return };
    let json = "Content-Type: application/json\r\n";
    let deep = "[".repeat(100_000);
    let long = format!("{{\"Name\":\"{}\"}}", "x".repeat(9 << 20));
    for (path, head, body) in [
        ("/volumes/create", json, "{"),
        ("/volumes/create", json, "[]"),
        ("/volumes/create", json, "{\"Name\":5}"),
        ("/volumes/create", json, "{\"Labels\":[1]}"),
        ("/volumes/create", json, "{} {}"),
        ("/volumes/create", "Content-Type: text/plain\r\n", "{}"),
        ("/volumes/create", json, deep.as_str()),
        ("/volumes/create", json, long.as_str()),
        ("/auth", json, "{"),
        ("/auth", json, deep.as_str()),
        ("/auth", json, ""),
        ("/images/create?fromImage=a&tag=%00", "", ""),
        ("/images/create?fromImage=%ff%fe&tag=1", "", ""),
    ] {
        let answer = door.ask("POST", path, head, body.as_bytes());
        assert_eq!(answer.status, 400, "{path} {:.60}: {}", body, answer.text());
        answer.message();
    }
    assert_eq!(door.get("/_ping").status, 200);
    drop(busybox());
}
