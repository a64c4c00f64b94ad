//! The same verbs through the Engine API: the docker client's commands, every status, and dockerd 20.10 asked the same.
use crate::door::Door;
use crate::scene::{beyond_the_peer, busybox, pair};
use serde_json::{Value, json};
use stead_testkit::Sandbox;

fn scene() -> Option<(Sandbox, Door)> {
    beyond_the_peer("stead serve")?;
    let s = busybox();
    let door = Door::open(&s);
    Some((s, door))
}

#[test]
fn the_docker_client_goes_through_all_of_them() {
    let Some((s, door)) = scene() else { return };
    let docker = |args: &[&str]| door.docker(s.dir()).args(args).run();
    let id = s.ok("run -d --name box --network none -v data:/data busybox sh -c 'echo in >/data/f; echo out >/f; sleep 1000'");
    s.eventually("it wrote", || s.ok("diff box").contains("A /f"));
    assert_eq!(docker(&["pause", "box"]).ok().text(), "box");
    assert_eq!(docker(&["ps", "--filter", "status=paused", "--format", "{{.Names}}"]).ok().text(), "box");
    docker(&["pause", "box"]).exits(1).says(&format!("Container {id} is already paused"));
    docker(&["rm", "box"]).exits(1).says("container is paused and must be unpaused first");
    assert_eq!(docker(&["unpause", "box"]).ok().text(), "box");
    docker(&["rename", "box", "crate"]).ok();
    docker(&["rename", "crate", "crate"]).exits(1).says("Renaming a container with the same name as its current name");
    assert_eq!(docker(&["update", "--pids-limit", "77", "--restart", "on-failure:3", "crate"]).ok().text(), "crate");
    assert_eq!(
        docker(&["inspect", "-f", "{{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}", "crate"]).ok().text(),
        "77 on-failure"
    );
    docker(&["update", "-m", "1k", "crate"]).exits(1).says("Minimum memory limit allowed is 6MB");
    docker(&["top", "crate"]).ok().prints("UID").prints("sleep 1000");
    docker(&["top", "crate", "-o", "pid,comm"]).ok().prints("COMMAND");
    docker(&["stats", "--no-stream", "--no-trunc", "crate"]).ok().prints("MEM USAGE / LIMIT").prints(&id);
    let diff = docker(&["diff", "crate"]).ok().lines();
    assert_eq!(diff, ["A /data", "A /f"]);
    assert_eq!(docker(&["port", "crate"]).ok().text(), "");
    let image = docker(&["commit", "-a", "me", "-m", "words", "-c", "CMD cat /f", "crate", "mine:1"]).ok().text();
    assert!(image.starts_with("sha256:"), "{image}");
    assert_eq!(s.ok("run --rm --network none mine:1"), "out");
    docker(&["export", "-o", "crate.tar", "crate"]).ok();
    let names = stead_testkit::Command::new("tar").args(["-tf"]).arg(s.dir().join("crate.tar")).run().ok().lines();
    assert!(names.iter().any(|n| n == "f") && !names.iter().any(|n| n == "data/f"), "{names:?}");
    s.ok("create --name idle --network none busybox true");
    docker(&["container", "prune", "-f"]).ok().prints("Deleted Containers:").prints("Total reclaimed space:");
    assert_eq!(docker(&["ps", "-aq", "--no-trunc"]).ok().text(), id);
    s.ok("stop -t 0 crate");
    docker(&["top", "crate"]).exits(1).says("is not running");
    docker(&["run", "--rm", "--gpus", "all", "--network", "none", "busybox", "true"])
        .exits(125)
        .says("could not select device driver \"\" with capabilities: [[gpu]]");
}

#[test]
fn every_answer_has_dockers_status() {
    let Some((s, door)) = scene() else { return };
    let id = s.ok("run -d --name runs --network none busybox sleep 1000");
    let still = s.ok("create --name still --network none busybox true");
    let status = |answer: crate::door::Answer| answer.status;
    for verb in ["pause", "unpause", "rename?name=x1", "update", "top", "stats", "changes", "export"] {
        let method = if ["top", "stats", "changes", "export"].contains(&verb) { "GET" } else { "POST" };
        let answer = door.ask(method, &format!("/v1.50/containers/nope/{verb}"), "", b"");
        assert_eq!((answer.status, answer.message().as_str()), (404, "No such container: nope"), "{verb}");
    }
    assert_eq!(status(door.post("/v1.50/containers/runs/pause")), 204);
    assert_eq!(status(door.post("/v1.50/containers/runs/pause")), 409);
    assert_eq!(status(door.post("/v1.50/containers/runs/unpause")), 204);
    assert_eq!(status(door.post("/v1.50/containers/runs/unpause")), 500);
    assert_eq!(door.post("/v1.50/containers/still/pause").message(), format!("container {still} is not running"));
    assert_eq!(status(door.post("/v1.50/containers/still/pause")), 409);
    assert_eq!(status(door.post("/v1.50/containers/runs/rename")), 400);
    assert_eq!(status(door.post("/v1.50/containers/runs/rename?name=still")), 409);
    assert_eq!(status(door.post("/v1.50/containers/runs/rename?name=%2Fnew")), 204);
    let update = |body: Value| door.post_json("/v1.50/containers/new/update", &body);
    assert_eq!(update(json!({"PidsLimit": -1})).json(), json!({"Warnings": null}));
    assert_eq!(update(json!({"Memory": 1})).status, 400);
    assert_eq!(update(json!({"Memory": 1 << 30})).status, 409);
    assert_eq!(update(json!({"NanoCpus": "x"})).status, 400);
    assert_eq!(update(json!({"RestartPolicy": {"Name": "x"}})).status, 400);
    assert_eq!(door.get("/v1.50/containers/still/changes").json(), Value::Null);
    assert_eq!(status(door.get("/v1.50/containers/still/top")), 409);
    assert_eq!(status(door.get("/v1.50/containers/new/top?ps_args=-o%20comm")), 500);
    assert_eq!(door.get("/v1.50/containers/new/top").json()["Titles"][1], "PID");
    let refused = door.get("/v1.50/containers/new/stats?stream=1&one-shot=1");
    assert_eq!((refused.status, refused.message().as_str()), (400, "cannot have stream=true and one-shot=true"));
    let once = door.get("/v1.50/containers/new/stats?stream=0&one-shot=1").json();
    assert_eq!((once["id"].as_str(), once["preread"].as_str()), (Some(id.as_str()), Some("0001-01-01T00:00:00Z")));
    let twice = door.get("/v1.50/containers/new/stats?stream=False").json();
    assert!(
        twice["precpu_stats"]["system_cpu_usage"].as_u64().unwrap() > 0 && twice["cpu_stats"]["online_cpus"].as_u64().unwrap() > 0,
        "{twice}"
    );
    assert_eq!(door.get("/v1.50/containers/still/stats?stream=0").json()["memory_stats"], json!({}));
    assert_eq!(status(door.post("/v1.50/commit?container=nope")), 404);
    assert_eq!(status(door.post("/v1.50/commit")), 400);
    assert_eq!(status(door.post("/v1.50/commit?container=new&repo=BAD")), 400);
    assert_eq!(status(door.post("/v1.50/commit?container=new&repo=a&changes=RUN%20x")), 400);
    let body = json!({"Env": ["A=1"], "Labels": {"l": "1"}});
    let made = door.post_json("/v1.50/commit?container=new&repo=mine&tag=2&comment=c&changes=CMD%20%5B%22true%22%5D", &body);
    assert_eq!(made.status, 201);
    let image = door.get("/v1.50/images/mine:2/json").json();
    assert_eq!(
        (&image["Id"], &image["Config"]["Cmd"], &image["Config"]["Labels"]["l"]),
        (&made.json()["Id"], &json!(["true"]), &json!("1"))
    );
    let bad = door.post("/v1.50/containers/prune?filters=%7B%22bogus%22%3A%5B%221%22%5D%7D");
    assert_eq!((bad.status, bad.message().as_str()), (400, "invalid filter 'bogus'"));
    let pruned = door.post("/v1.50/containers/prune").json();
    assert_eq!(pruned["ContainersDeleted"], json!([still]));
    assert_eq!(door.post("/v1.50/containers/prune").json(), json!({"ContainersDeleted": null, "SpaceReclaimed": 0}));
}

#[test]
fn a_stream_of_stats_goes_on_until_the_container_is_gone() {
    let Some((s, door)) = scene() else { return };
    s.ok("run -d --name runs --network none busybox sleep 1000");
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| door.get("/v1.50/containers/runs/stats").lines());
        std::thread::sleep(std::time::Duration::from_millis(2500));
        s.ok("rm -f runs");
        let lines = reader.join().unwrap();
        assert!(lines.len() >= 3, "{lines:?}");
        assert_eq!(lines[1]["preread"], lines[0]["read"]);
        assert_eq!(lines[1]["precpu_stats"], lines[0]["cpu_stats"]);
    });
}

/// The client of a container of --rm waits until it is gone, also when it never came to life.
#[test]
fn a_start_that_fails_removes_what_was_to_be_removed() {
    let Some((s, door)) = scene() else { return };
    s.ok("create --name idle --network none busybox true");
    let docker = |args: &[&str]| door.docker(s.dir()).args(args).run();
    docker(&["run", "--rm", "--network", "none", "--pid", "container:idle", "busybox", "true"])
        .exits(125)
        .says("failed to join PID namespace");
    docker(&["run", "--rm", "--network", "nosuch", "busybox", "true"]).exits(125).says("nosuch not found");
    docker(&["run", "--rm", "--network", "none", "busybox", "nosuchprogram"]).exits(127).says("executable file not found");
    s.eventually("nothing is left of them", || s.ok("ps -a --format '{{.Names}}'") == "idle");
    assert_eq!(s.ok("ps -a -s --format '{{.Size}}'").split(' ').next(), Some("0B"));
}

/// An API client gets the refusals that the command line gets.
#[test]
fn what_cannot_be_is_refused_here_too() {
    let Some((_s, door)) = scene() else { return };
    for (host, text) in [
        (json!({"IpcMode": "bogus"}), "invalid IPC mode: bogus"),
        (json!({"PidMode": "container:nope"}), "No such container: nope"),
        (json!({"UTSMode": "x"}), "invalid UTS mode: x"),
        (json!({"Isolation": "hyperv"}), "linux only supports 'default'"),
        (
            json!({"DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}]}),
            "could not select device driver \"\" with capabilities: [[gpu]]",
        ),
        (json!({"StorageOpt": {"size": "1g"}}), "--storage-opt is supported only for overlay over xfs"),
        (json!({"BlkioDeviceReadBps": [{"Path": "/dev/nope", "Rate": 1}]}), "/dev/nope: no such file or directory"),
        (json!({"CpusetCpus": "4000"}), "Requested CPUs are not available"),
        (json!({"IOMaximumIOps": 5}), "Invalid QoS settings"),
        (json!({"CpuQuota": 5}), "CPU cfs quota can not be less than 1ms"),
    ] {
        let answer = door.post_json("/v1.50/containers/create", &json!({"Image": "busybox", "HostConfig": host}));
        assert_eq!(answer.status, 400, "{host}: {}", answer.text());
        assert!(answer.message().contains(text), "{host}: {}", answer.text());
    }
}

/// dockerd 20.10 and stead, the same requests.
#[test]
fn dockerd_answers_the_same() {
    let Some((stead, docker)) = pair() else { return };
    let (ours, theirs) = (Door::open(&stead), Door::of(&docker));
    let script = "echo more >>/etc/passwd; mkdir -p /new/in; echo x >/new/f; ln -s f /new/l; rm /bin/wc; rm -rf /var/spool; mkdir /var/spool; chmod 711 /root; touch /tmp/t; rm /tmp/t; sleep 1000";
    let run = format!("run -d --name box --network none -m 64m -v /vol busybox sh -c '{script}'");
    let (our_id, their_id) = (stead.ok(&run), docker.x(&run).ok().text());
    stead.eventually("both have done it", || {
        [stead.x("exec box ls /root"), docker.x("exec box ls /root")].iter().all(|o| o.code == 0)
            && [stead.ok("diff box"), docker.x("diff box").text()].iter().all(|d| d.contains("C /tmp") || d.contains("/root"))
    });
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(stead.ok("diff box")), sorted(docker.x("diff box").ok().text()));
    let requests: &[(&str, &str, Value)] = &[
        ("POST", "/containers/box/unpause", Value::Null),
        ("POST", "/containers/box/pause", Value::Null),
        ("POST", "/containers/box/pause", Value::Null),
        ("POST", "/containers/box/unpause", Value::Null),
        ("POST", "/containers/box/rename?name=box", Value::Null),
        ("POST", "/containers/box/rename?name=a%2Fb", Value::Null),
        ("POST", "/containers/box/update", json!({"Memory": 1})),
        ("POST", "/containers/box/update", json!({"Memory": 1 << 30})),
        ("POST", "/containers/box/update", json!({"MemorySwap": -1})),
        ("POST", "/containers/box/update", json!({"NanoCpus": 1_000_000_000})),
        ("POST", "/containers/box/update", json!({"CpuQuota": 5000})),
        ("POST", "/containers/box/update", json!({"CpusetCpus": "99"})),
        ("POST", "/containers/box/update", json!({"PidsLimit": 20})),
        ("POST", "/containers/box/update", json!({"OomKillDisable": true})),
        ("POST", "/containers/box/update", json!({})),
        ("GET", "/containers/box/top?ps_args=-o%20comm", Value::Null),
        ("GET", "/containers/box/top?ps_args=-o%20pid,bogus", Value::Null),
        ("GET", "/containers/box/stats?stream=1&one-shot=1", Value::Null),
        ("POST", "/commit?container=nope", Value::Null),
        ("POST", "/containers/prune?filters=%7B%22label%22%3A%5B%22zz%22%5D%7D", Value::Null),
    ];
    let mut wrong = Vec::new();
    for (method, path, body) in requests {
        let ask = |door: &Door, id: &str| {
            let path = format!("/v1.41{path}");
            let answer = if body.is_null() { door.ask(method, &path, "", b"") } else { door.post_json(&path, body) };
            format!("{} {}", answer.status, answer.text().trim().replace(id, "ID"))
        };
        let (mine, yours) = (ask(&ours, &our_id), ask(&theirs, &their_id));
        if mine != yours {
            wrong.push(format!("{method} {path} {body}\n   docker {yours}\n   stead  {mine}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for path in ["/containers/box/json", "/containers/box/stats?stream=0&one-shot=1", "/containers/box/top"] {
        let keys = |door: &Door| paths(&door.get(&format!("/v1.41{path}")).json(), "");
        let missing: Vec<String> =
            keys(&theirs).into_iter().filter(|key| !keys(&ours).contains(key) && !KEYS_GONE.contains(&key.as_str())).collect();
        assert!(missing.is_empty(), "{path}: {missing:?}");
    }
}

/// What newer versions of Docker do not have any more.
const KEYS_GONE: &[&str] = &["/HostConfig/KernelMemory", "/HostConfig/KernelMemoryTCP"];

/// Every key of an object, with those above it; what a kernel counts is its affair.
fn paths(value: &Value, above: &str) -> Vec<String> {
    let Value::Object(map) = value else { return Vec::new() };
    if above.ends_with("/memory_stats/stats") || above.ends_with("/networks") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (key, inner) in map {
        let path = format!("{above}/{key}");
        found.extend(paths(inner, &path));
        found.push(path);
    }
    found
}
