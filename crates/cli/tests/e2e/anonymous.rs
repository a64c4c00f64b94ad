//! Data that would go to an anonymous volume: said, found again, kept under a name.
use crate::door::Door;
use crate::scene::{STEAD, beyond_the_peer, mount_at};
use serde_json::json;
use stead_testkit::Sandbox;
use stead_testkit::trace::{Fault, count, inject, sample};

fn scene(images: &[&str]) -> Option<Sandbox> {
    let s = beyond_the_peer("volume guard")?;
    Some(s.with(images))
}

#[test]
fn the_guard_says_what_happens_and_which_flag_mends_it() {
    let Some(s) = scene(&["redis", "postgres", "nginx"]) else { return };
    let said = |line: &str| s.x(line).ok().stderr.trim().to_owned();
    // Nothing near: one line, with the flag. Not for who throws the container away, asked for it, or has a tmpfs there.
    let text = said("create --name cache --network none redis");
    assert_eq!(text, "WARNING: redis keeps its data in /data, and that goes to an anonymous volume; -v cache-data:/data keeps it");
    for quiet in [
        "create --rm --network none redis",
        "create --network none -v /data redis",
        "create --network none --tmpfs /data redis",
        "create --network none -v cache:/data redis",
        "create --network none --volume-guard off redis",
        "create --network none nginx",
        "run --rm --network none busybox true",
    ] {
        assert_eq!(said(quiet), "", "{quiet}");
    }
    // Above: the volume would stay empty.
    let above = said("create --name db --network none -v pgdata:/var/lib/postgresql postgres");
    assert!(above.contains("mounted above") && above.contains("; -v pgdata:/var/lib/postgresql/data keeps it"), "{above}");
    let above = said("create --rm --network none -v pgdata:/var/lib/postgresql postgres");
    assert!(above.contains("mounted above"), "also with --rm: {above}");
    // Below, as with postgres 18: its VOLUME is a level higher there.
    s.ok("create --name eighteen --network none postgres");
    s.ok("commit -c 'VOLUME /srv/pg' eighteen moved:18");
    let below = said("create --network none -v pgdata:/var/lib/postgresql/data -v old:/srv/pg/data moved:18");
    assert!(below.contains("moved:18 keeps its data in /srv/pg") && below.contains("; -v old:/srv/pg keeps it"), "{below}");
    // Refused: nothing is made.
    let volumes = s.ok("volume ls -q");
    let refused = s.fails(125, "create --name no --network none --volume-guard refuse -v new:/var/lib/postgresql postgres");
    assert!(refused.contains("refused by the volume guard") && refused.contains("-v new:/var/lib/postgresql/data"), "{refused}");
    assert_eq!(s.ok("volume ls -q"), volumes);
    s.ok("system config set volume.guard refuse");
    s.fails(125, "create --network none redis");
    s.ok("create --network none --volume-guard off redis");
    s.fails(1, "system config set volume.guard maybe");
    s.ok("system config set volume.guard off");
    assert_eq!(said("create --network none redis"), "");
    // Over the API it is a warning of the answer, and a query can ask for more.
    s.cli().args(["system", "config", "set", "volume.guard", ""]).run().ok();
    let door = Door::open(&s);
    let body = json!({ "Image": "redis" });
    let made = door.post_json("/v1.50/containers/create?name=api", &body);
    assert!(made.status == 201 && made.json()["Warnings"][0].as_str().unwrap().ends_with("-v api-data:/data keeps it"), "{}", made.json());
    assert_eq!(door.post_json("/v1.50/containers/create?volume-guard=refuse", &body).status, 403);
    assert_eq!(door.post_json("/v1.50/containers/create?volume-guard=off", &body).json()["Warnings"], json!([]));
    assert_eq!(door.post_json("/v1.50/containers/create?volume-guard=maybe", &body).status, 400);
}

fn volume_of(s: &Sandbox, container: &str) -> String {
    mount_at(&s.inspect(container), "/data")["Name"].as_str().unwrap().to_owned()
}

#[test]
fn who_takes_the_place_of_a_removed_container_gets_its_data_back() {
    let Some(s) = scene(&["redis"]) else { return };
    s.ok("run -d --name cache --network none redis");
    s.eventually("redis answers", || s.x("exec cache redis-cli ping").text() == "PONG");
    s.ok("exec cache redis-cli set k kept");
    s.ok("exec cache redis-cli save");
    let first = volume_of(&s, "cache");
    s.ok("rm -f cache");
    s.ok("tag redis redis:newer");
    let out = s.x("run -d --name cache --network none redis:newer").ok();
    assert!(out.stderr.contains(&format!("/data has the anonymous volume {}", &first[..12])), "{out}");
    assert_eq!(out.stderr.lines().count(), 1, "one line: {out}");
    assert_eq!(volume_of(&s, "cache"), first);
    s.eventually("redis answers again", || s.x("exec cache redis-cli get k").text() == "kept");
    // Not another name, another image's, one that is used, or one that was not wanted.
    s.ok("create --name other --network none redis");
    assert_ne!(volume_of(&s, "other"), first);
    s.ok("rename cache aside");
    s.ok("create --name cache --network none redis");
    assert_ne!(volume_of(&s, "cache"), first, "somebody has it");
    s.ok("rm -fv cache aside");
    s.ok("create --name cache --network none redis");
    let second = volume_of(&s, "cache");
    assert_ne!(second, first, "rm -v took it");
    s.ok("rm cache");
    s.ok("create --name cache --network none --renew-anon-volumes redis");
    let third = volume_of(&s, "cache");
    assert_ne!(third, second);
    s.ok("rm cache");
    s.ok("tag redis elsewhere/another");
    s.ok("create --name cache --network none elsewhere/another");
    assert!(![first, second.clone(), third.clone()].contains(&volume_of(&s, "cache")), "another repository is another program");
    s.ok("rm -v cache");
    // A container of --rm would end what it got.
    s.ok("create --rm --name cache --network none redis");
    assert_ne!(volume_of(&s, "cache"), third);
    s.ok("rm cache");
    s.ok("create --name cache --network none redis");
    assert_eq!(volume_of(&s, "cache"), third, "the latest one");
    // A name that nobody gave comes again only by chance.
    let id = s.ok("create --network none redis");
    let (name, old) = (s.inspect(&id)["Name"].as_str().unwrap()[1..].to_owned(), volume_of(&s, &id));
    s.ok(&format!("rm {id}"));
    s.ok(&format!("create --name {name} --network none redis"));
    assert_ne!(volume_of(&s, &name), old);
}

#[test]
fn a_compose_service_finds_its_own() {
    let Some(s) = scene(&["redis"]) else { return };
    let labels = |number: u32, more: &str| {
        format!(
            "-l com.docker.compose.project=shop -l com.docker.compose.service=cache -l com.docker.compose.container-number={number} {more}"
        )
    };
    s.ok(&format!("create --name shop-cache-1 --network none {} redis", labels(1, "")));
    s.ok(&format!("create --name shop-cache-2 --network none {} redis", labels(2, "")));
    let (one, two) = (volume_of(&s, "shop-cache-1"), volume_of(&s, "shop-cache-2"));
    // Compose makes the new one beside the old one, under a name of the moment, and carries the volumes over itself.
    s.ok(&format!("create --name 0a1b_shop-cache-1 --network none {} -v {one}:/data redis", labels(1, "")));
    assert_eq!(volume_of(&s, "0a1b_shop-cache-1"), one);
    s.ok("rm shop-cache-1");
    s.ok("rename 0a1b_shop-cache-1 shop-cache-1");
    // With its own --renew-anon-volumes it does not; the old one still has them then.
    s.ok(&format!("create --name 2c3d_shop-cache-2 --network none {} redis", labels(2, "")));
    let renewed = volume_of(&s, "2c3d_shop-cache-2");
    assert_ne!(renewed, two);
    s.ok("rm -v shop-cache-2");
    s.ok("rename 2c3d_shop-cache-2 shop-cache-2");
    // down and up again: each number its own.
    s.ok("rm shop-cache-1 shop-cache-2");
    s.ok(&format!("create --name run-1 --network none {} redis", labels(2, "-l com.docker.compose.oneoff=True")));
    assert_ne!(volume_of(&s, "run-1"), renewed, "compose run is no number of the service");
    s.ok(&format!("create --name shop-cache-2 --network none {} redis", labels(2, "")));
    s.ok(&format!("create --name shop-cache-1 --network none {} redis", labels(1, "")));
    assert_eq!((volume_of(&s, "shop-cache-1"), volume_of(&s, "shop-cache-2")), (one, renewed));
}

#[test]
fn adopted_under_a_name_it_stays() {
    let Some(s) = scene(&["redis"]) else { return };
    s.ok("run -d --name cache --network none redis");
    s.eventually("redis answers", || s.x("exec cache redis-cli ping").text() == "PONG");
    s.ok("exec cache redis-cli set k kept");
    s.ok("exec cache redis-cli save");
    let anonymous = volume_of(&s, "cache");
    let refused = s.fails(1, "volume adopt cache:/data cachedata");
    assert!(refused.contains("volume is in use") && refused.contains("stop these containers first"), "{refused}");
    s.ok("stop cache");
    assert!(s.fails(1, "volume adopt cache:/nowhere cachedata").contains("has no volume at /nowhere"));
    assert!(s.fails(1, "volume adopt 0000 cachedata").contains("no such volume"));
    assert_eq!(s.ok("volume adopt cache:/data cachedata"), "cachedata");
    assert_eq!(volume_of(&s, "cache"), "cachedata");
    assert!(s.x(&format!("volume inspect {anonymous}")).code != 0);
    s.ok("start cache");
    s.eventually("the data is there", || s.x("exec cache redis-cli get k").text() == "kept");
    // It is nobody's to take along any more.
    s.ok("rm -fv cache");
    s.ok("volume prune -f");
    assert_eq!(s.ok("volume ls -q"), "cachedata");
    assert!(s.fails(1, "volume adopt cachedata other").contains("it is not anonymous"));
    // By the beginning of its name, and over the API.
    let left = s.ok("volume create");
    assert_eq!(s.ok(&format!("volume adopt {} left", &left[..12])), "left");
    let other = s.ok("volume create");
    let door = Door::open(&s);
    let adopted = door.post_json(&format!("/v1.50/stead/volumes/{other}/adopt"), &json!({ "Name": "by-api" }));
    assert_eq!((adopted.status, adopted.json()["Name"].as_str()), (200, Some("by-api")));
    let events = s.ok("events --since 1h --until 0s --filter type=volume --filter event=adopt --format '{{.Actor.ID}}'");
    assert_eq!(events.lines().collect::<Vec<_>>(), ["cachedata", "left", "by-api"]);
}

#[test]
fn an_adoption_that_is_killed_leaves_one_name() {
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        return;
    }
    let s = Sandbox::new(STEAD).with(&["busybox"]);
    s.ok("run --name cc --network none -v /d busybox touch /d/kept");
    let name = || mount_at(&s.inspect("cc"), "/d")["Name"].as_str().unwrap().to_owned();
    let again = || {
        s.ok("rm -v cc");
        s.ok("run --name cc --network none -v /d busybox touch /d/kept");
        s.ok("volume rm --force --now mine");
    };
    let command = s.cli().args(["volume", "adopt", "cc:/d", "mine"]);
    let calls = count(&command, &s.mkdir("trace"));
    assert_eq!(name(), "mine");
    let all: Vec<(&str, usize)> = calls.iter().flat_map(|(call, n)| (1..=*n).map(move |i| (*call, i))).collect();
    let mut killed = 0;
    for (call, nth) in sample(&all, 40) {
        again();
        let old = name();
        let out = inject(&command, call, nth, Fault::Kill);
        killed += usize::from(out.code != 0);
        let now = name();
        assert!(now == "mine" || (now == old && out.code != 0), "killed at {call} {nth}: exit {}, {now}", out.code);
        let listed = s.ok("volume ls -q");
        assert_eq!(
            listed.lines().filter(|line| *line == "mine" || *line == old).collect::<Vec<_>>(),
            [now.as_str()],
            "killed at {call} {nth}"
        );
        assert_eq!(s.ok(&format!("run --rm --network none -v {now}:/d busybox ls /d")), "kept", "killed at {call} {nth}");
        s.ok("start -a cc");
    }
    assert!(killed > 15, "only {killed} were killed");
    s.ok("system check --repair");
}
