//! Volumes and what is known of the engine through the Engine API: every answer of the contract, side by side with dockerd's where it has one.
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

fn names(list: &Value) -> Vec<String> {
    list["Volumes"].as_array().into_iter().flatten().map(|v| v["Name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_life_of_a_volume() {
    let Some((s, door)) = scene() else { return };
    let made = door.post_json("/v1.50/volumes/create", &json!({ "Name": "data", "Labels": { "a": "b" }, "Unknown": { "x": 1 } }));
    assert_eq!(made.status, 201);
    let volume = made.json();
    assert_eq!((volume["Scope"].as_str(), volume["Driver"].as_str(), &volume["Options"]), (Some("local"), Some("local"), &Value::Null));
    assert!(volume.get("UsageData").is_none() && volume.get("Status").is_none(), "{volume}");
    // Once more: the same volume, and its labels stay.
    let again = door.post_json("/volumes/create", &json!({ "Name": "data", "Driver": "local", "Labels": { "c": "d" } }));
    assert_eq!((again.status, again.json()), (201, volume.clone()));
    // On Docker's route it is Docker's volume: clients with types refuse a status that is not theirs. On ours it says more of itself.
    assert_eq!(door.get("/volumes/data").json(), volume);
    let mut alone = door.get("/stead/volumes/data").json();
    let status = alone.as_object_mut().unwrap().remove("Status").unwrap();
    assert!(["subvolume", "reflink", "copy"].contains(&status["SnapshotMethod"].as_str().unwrap()), "{status}");
    assert_eq!(alone, volume);
    assert_eq!(door.get("/volumes").json(), json!({ "Volumes": [volume], "Warnings": null }));
    // An empty body, and nulls, make an anonymous one.
    let anonymous = door.post("/volumes/create");
    assert_eq!(anonymous.status, 201);
    assert_eq!(anonymous.json()["Name"].as_str().unwrap().len(), 64);
    let nulls = json!({ "Name": null, "Driver": null, "DriverOpts": null, "Labels": null, "ClusterVolumeSpec": null });
    assert_eq!(door.post_json("/volumes/create", &nulls).status, 201);
    s.ok("create --name user --network none -v data:/d busybox");
    let id = s.x("inspect user").ok().json()[0]["Id"].as_str().unwrap().to_owned();
    for force in ["", "?force=1", "?force=True"] {
        let refused = door.delete(&format!("/volumes/data{force}"));
        assert_eq!((refused.status, refused.message()), (409, format!("remove data: volume is in use - [{id}]")));
    }
    s.ok("rm user");
    let removed = door.delete("/volumes/data");
    assert_eq!((removed.status, removed.body.len()), (204, 0));
    assert_eq!((door.delete("/volumes/data").status, door.delete("/volumes/data?force=1").status), (404, 204));
}

#[test]
fn filters_and_prune_by_version() {
    let Some((s, door)) = scene() else { return };
    for name in ["named", "other", "used"] {
        door.post_json("/volumes/create", &json!({ "Name": name, "Labels": { "n": name } }));
    }
    let anonymous = door.post("/volumes/create").json()["Name"].as_str().unwrap().to_owned();
    door.post_json("/volumes/create", &json!({ "Name": "opts", "DriverOpts": { "type": "tmpfs", "device": "tmpfs" } }));
    s.ok("create --name user --network none -v used:/d busybox");
    let list = |filters: &str| names(&door.get(&format!("/volumes?filters={}", filters.replace('"', "%22"))).json());
    assert_eq!(list(r#"{"label":["n=named"]}"#), ["named"]);
    assert_eq!(list(r#"{"label":{"n=named":true}}"#), ["named"]);
    assert_eq!(list(r#"{"dangling":["false"]}"#), ["used"]);
    assert!(!list(r#"{"dangling":{"1":true}}"#).contains(&"used".to_owned()));
    assert_eq!(list(r#"{"name":["the"]}"#), ["other"]);
    assert_eq!(list(r#"{"driver":["nosuch"]}"#).len(), 0);
    let bad = door.get("/volumes?filters={%22dangling%22:[%22maybe%22]}");
    assert_eq!((bad.status, bad.message().as_str()), (400, "invalid filter 'dangling=[maybe]'"));
    let prune = |version: &str, filters: &str| {
        let answer = door.post(&format!("/v{version}/volumes/prune?filters={}", filters.replace('"', "%22")));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["VolumesDeleted"].as_array().into_iter().flatten().map(|v| v.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let twice = door.post("/v1.50/volumes/prune?filters={%22all%22:[%221%22,%220%22]}");
    assert_eq!((twice.status, twice.message().as_str()), (400, "invalid filter 'all=[1 0]': only one value is expected"));
    assert_eq!(prune("1.50", ""), [anonymous]);
    assert_eq!(prune("1.50", ""), Vec::<String>::new());
    assert_eq!(prune("1.50", r#"{"all":["true"],"label":["n=other"]}"#), ["other"]);
    assert_eq!(prune("1.41", ""), ["named"]);
    // Used, and mounted from elsewhere: both stay.
    let mut left = names(&door.get("/volumes").json());
    left.sort();
    assert_eq!(left, ["opts", "used"]);
    let df = door.get("/v1.50/system/df?type=volume").json();
    let sizes: Vec<&Value> = df["Volumes"].as_array().unwrap().iter().map(|v| &v["UsageData"]).collect();
    assert_eq!(sizes, [&json!({ "Size": 0, "RefCount": 1 })]);
}

#[test]
fn volumes_are_dockers() {
    let Some((s, docker)) = pair() else { return };
    let (ours, theirs) = (Door::open(&s), Door::of(&docker));
    let mut wrong = Vec::new();
    let json = "Content-Type: application/json\r\n";
    for (method, path, body) in [
        ("POST", "/volumes/create", r#"{"Name":"one","Labels":{"a":"b"}}"#),
        ("POST", "/volumes/create", r#"{"Name":"one","Driver":"local"}"#),
        ("POST", "/volumes/create", r#"{"Name":"opt","DriverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m"}}"#),
        ("POST", "/volumes/create", r#"{"Name":"bad","DriverOpts":{"type":"tmpfs"}}"#),
        ("POST", "/volumes/create", r#"{"Name":"bad","DriverOpts":{"o":"x"}}"#),
        ("POST", "/volumes/create", r#"{"Name":"."}"#),
        ("POST", "/volumes/create", r#"{"Name":"/x"}"#),
        ("POST", "/volumes/create", r#"{"Name":"a b"}"#),
        ("GET", "/volumes/one", ""),
        ("GET", "/volumes/opt", ""),
        ("GET", "/volumes/on", ""),
        ("GET", "/volumes?filters={%22name%22:[%22one%22]}", ""),
        ("GET", "/volumes?filters={%22label%22:[%22a=b%22]}", ""),
        ("GET", "/volumes?filters={%22label%22:[%22a=c%22]}", ""),
        ("GET", "/volumes?filters={%22dangling%22:{%22true%22:true},%22driver%22:{%22local%22:true},%22name%22:{%22opt%22:true}}", ""),
        ("DELETE", "/volumes/opt", ""),
        ("POST", "/volumes/prune?filters={%22label%22:[%22zzz%22]}", ""),
        ("POST", "/volumes/prune", ""),
    ] {
        let head = if body.is_empty() { "" } else { json };
        let ask = |door: &Door, root: &std::path::Path| {
            let answer = door.ask(method, &format!("/v1.41{path}"), head, body.as_bytes());
            let text = answer.text().replace(root.to_str().unwrap(), "ROOT");
            (answer.status, timeless(&text))
        };
        let (a, b) = (ask(&ours, s.root()), ask(&theirs, &docker.root()));
        if a != b {
            wrong.push(format!("{method} {path} {body}\n  docker {} {}\n  stead  {} {}", b.0, b.1, a.0, a.1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// JSON with sorted keys and without the times; anything else as it is.
fn timeless(text: &str) -> String {
    fn walk(value: &mut Value) {
        if let Some(map) = value.as_object_mut() {
            if map.contains_key("CreatedAt") {
                map.insert("CreatedAt".to_owned(), json!("TIME"));
            }
            map.sort_keys();
            map.values_mut().for_each(walk);
        }
        if let Some(list) = value.as_array_mut() {
            list.iter_mut().for_each(walk);
        }
    }
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) => {
            walk(&mut value);
            value.to_string()
        }
        Err(_) => text.trim().to_owned(),
    }
}

#[test]
fn info_and_version_have_what_clients_read() {
    let Some((_s, door)) = scene() else { return };
    let info = door.get("/v1.50/info").json();
    for (pointer, want) in [
        ("/Swarm/LocalNodeState", json!("inactive")),
        ("/OSType", json!("linux")),
        ("/Driver", json!("overlay2")),
        ("/Plugins/Volume/0", json!("local")),
        ("/RegistryConfig/IndexConfigs/docker.io/Name", json!("docker.io")),
        ("/LoggingDriver", json!("json-file")),
        ("/Labels", json!([])),
        ("/Images", json!(1)),
    ] {
        assert_eq!(info.pointer(pointer), Some(&want), "{pointer}");
    }
    let runtime = info["DefaultRuntime"].as_str().unwrap();
    assert!(info["Runtimes"].get(runtime).is_some(), "{info}");
    for key in ["MemTotal", "NCPU"] {
        assert!(info[key].as_u64().unwrap() > 0, "{key}");
    }
    let version = door.get("/version").json();
    assert_eq!((version["ApiVersion"].as_str(), version["MinAPIVersion"].as_str()), (Some("1.50"), Some("1.24")));
    assert_eq!(version["Components"][0]["Name"], "Engine");
}

#[test]
fn info_has_every_field_of_dockers() {
    let Some((s, docker)) = pair() else { return };
    let (ours, theirs) = (Door::open(&s).get("/v1.41/info").json(), Door::of(&docker).get("/v1.41/info").json());
    let missing: Vec<&String> = theirs.as_object().unwrap().keys().filter(|k| ours.get(k.as_str()).is_none()).collect();
    // Kernel memory limits are no more in any Docker since 1.42.
    let gone = ["KernelMemory", "KernelMemoryTCP", "SystemStatus"];
    assert!(missing.iter().all(|k| gone.contains(&k.as_str())), "{missing:?}");
}
