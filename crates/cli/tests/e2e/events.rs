//! What happened: every process says so in one journal, in Docker's order and words, and whoever follows sees it.
use crate::scene::{STEAD, busybox, pair};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::Child;
use std::time::{Duration, Instant};
use stead_testkit::{Command, Sandbox};

/// Docker's client asks for whole seconds: what just happened is not in them yet.
fn whole_seconds(cli: &Command) {
    if cli.line().contains("docker") {
        std::thread::sleep(Duration::from_millis(1100));
    }
}

/// Everything up to now, as JSON.
fn past(cli: Command, filters: &[&str]) -> Vec<Value> {
    whole_seconds(&cli);
    let mut cli = cli.args(["events", "--since", "1h", "--until", "0s", "--format", "{{json .}}"]);
    for filter in filters {
        cli = cli.args(["--filter", filter]);
    }
    let out = cli.run().ok();
    out.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `type action name`, with ids and moments left out.
fn short(event: &Value) -> String {
    let attribute = |key: &str| event["Actor"]["Attributes"][key].as_str().map(|v| format!(" {key}={v}")).unwrap_or_default();
    let keys = ["name", "exitCode", "signal", "driver", "destination", "read/write", "tier"];
    let more: String = keys.iter().map(|key| attribute(key)).collect();
    let text = format!("{} {}{more}", event["Type"].as_str().unwrap(), event["Action"].as_str().unwrap());
    // Ids of images differ between the two stores.
    text.split("sha256:").next().unwrap().trim_end_matches(" name=").to_owned()
}

fn shorts(s: &Sandbox, filters: &[&str]) -> Vec<String> {
    past(s.cli(), filters).iter().map(short).collect()
}

/// `stead events` in the background and its lines.
struct Followed {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Followed {
    fn begin(s: &Sandbox, args: &[&str]) -> Self {
        let mut child = s.cli().arg("events").args(args).spawn();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Whatever happens from here on has to be seen: the follower must have begun.
        std::thread::sleep(Duration::from_millis(400));
        Self { child, lines }
    }

    fn next(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_run_says_what_docker_says() {
    let s = busybox();
    s.ok("run --rm --network none --name one --label tier=db -v data:/d:ro busybox true");
    let all = shorts(&s, &["type=container", "type=volume"]);
    let seen: Vec<&str> = all.iter().map(String::as_str).collect();
    assert_eq!(
        seen,
        [
            "volume create driver=local",
            "container create name=one tier=db",
            "container attach name=one tier=db",
            "volume mount driver=local destination=/d read/write=false",
            "container start name=one tier=db",
            "container die name=one exitCode=0 tier=db",
            "volume unmount driver=local",
            "container destroy name=one tier=db",
        ]
    );
    let die = &past(s.cli(), &["event=die"])[0];
    assert_eq!((die["status"].as_str(), die["from"].as_str(), die["scope"].as_str()), (Some("die"), Some("busybox"), Some("local")));
    assert_eq!(die["id"], die["Actor"]["ID"]);
    assert_eq!(die["time"].as_i64().unwrap(), die["timeNano"].as_i64().unwrap() / 1_000_000_000);
}

const SCRIPT: [&str; 26] = [
    "run --rm --network none --name one --label tier=x -v data:/d busybox echo hi",
    "run -d --network none --name two -v data:/d busybox sleep 100",
    "exec two ls /d",
    "exec two true",
    "exec two nosuch",
    "kill -s WINCH two",
    "restart -t 0 two",
    "stop -t 0 two",
    "cp /etc/hostname two:/d/",
    "start two",
    "kill two",
    "wait two",
    "rm two",
    "run -d --network none --name three busybox sleep 100",
    "rm -f three",
    "run --rm --network none --name four busybox nosuch",
    "run --network none --name five busybox nosuch",
    "rm five",
    "run --network none --name six busybox sh -c 'exit 7'",
    "rm six",
    "run -d --rm --network none --name seven busybox sleep 100",
    "stop -t 0 seven",
    "volume rm data",
    "tag busybox again:1",
    "rmi again:1",
    "volume prune -f",
];

/// The same commands, the same events as dockerd 20.10's. Left aside: networks' events, that a removed volume is in the trash, and a volume's creation that 20.10 tells at every use.
#[test]
fn the_same_commands_give_dockers_events() {
    let Some((s, docker)) = pair() else { return };
    let sequence = |cli: &dyn Fn() -> Command| -> Vec<String> {
        for line in SCRIPT {
            drop(cli().args(stead_testkit::split(line)).run());
            std::thread::sleep(Duration::from_millis(150));
        }
        // The monitor says that a container was stopped before its volumes are unmounted, Docker's daemon after: each kind is compared with itself.
        let mut all: Vec<String> = past(cli(), &[]).iter().map(short).collect();
        // That a removed volume can be had back is told after its destruction; Docker has no such event.
        all.retain(|line| !line.starts_with("volume trash "));
        let of = |kind: &str, aside: &str| all.iter().filter(|l| l.starts_with(kind) && !l.starts_with(aside)).cloned().collect::<Vec<_>>();
        [of("container ", "-"), of("volume ", "volume create"), of("image ", "image load")].concat()
    };
    let ours = sequence(&|| s.cli());
    let theirs = sequence(&|| docker.cli());
    assert_eq!(ours, theirs);
    assert!(ours.len() > 60, "{}", ours.len());
}

#[test]
fn a_restart_policy_is_told_by_the_monitor_alone() {
    let s = busybox();
    s.ok("run -d --network none --name cc --restart on-failure:2 busybox sh -c 'exit 5'");
    s.eventually("it gave up", || s.inspect("cc")["State"]["Status"] == "exited");
    let actions: Vec<String> = past(s.cli(), &["container=cc"]).iter().map(|e| e["Action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(actions, ["create", "start", "die", "start", "die", "start", "die"]);
    s.ok("rm cc");
}

#[test]
fn an_end_for_want_of_memory_is_told() {
    let s = busybox();
    s.x("run --network none --name cc -m 12m --memory-swap 12m busybox tail /dev/zero").exits(137);
    let seen = shorts(&s, &["container=cc"]);
    let end: Vec<&str> = seen.iter().rev().take(2).rev().map(String::as_str).collect();
    assert_eq!(end, ["container oom name=cc", "container die name=cc exitCode=137"]);
    s.ok("rm cc");
}

#[test]
fn a_killed_monitor_leaves_its_death_to_the_next_start() {
    let s = busybox();
    if s.is_docker() {
        stead_testkit::skip("the peer has no monitor");
        return;
    }
    s.ok("run -d --network none --name cc busybox sleep 100");
    let monitors = stead_testkit::processes_naming(s.root().to_str().unwrap());
    assert_eq!(monitors.len(), 1);
    Command::new("kill").args(["-9", &monitors[0].0.to_string()]).run().ok();
    s.eventually("it is dead", || s.inspect("cc")["State"]["Status"] == "exited");
    s.ok("start cc");
    let seen = shorts(&s, &["container=cc"]);
    assert!(seen.contains(&"container die name=cc exitCode=137".to_owned()), "{seen:?}");
    s.ok("rm -f cc");
}

#[test]
fn filters_and_times_choose() {
    let s = busybox();
    s.ok("run --network none --name aa --label tier=db busybox true");
    let between = s.ok("info -f '{{.Name}}'").len();
    assert!(between > 0);
    let middle = format!("{:.9}", std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64());
    std::thread::sleep(Duration::from_millis(20));
    s.ok("run --network none --name bb busybox true");
    whole_seconds(&s.cli());
    let count = |args: &str| s.ok(&format!("events {args}")).lines().count();
    assert_eq!(count("--since 1h --until 0s -f container=aa -f event=die"), 1);
    assert_eq!(count("--since 1h --until 0s -f label=tier=db -f event=start -f event=die"), 2);
    assert_eq!(count("--since 1h --until 0s -f label=tier=web"), 0);
    assert_eq!(count("--since 1h --until 0s -f image=busybox -f type=container -f event=create"), 2);
    assert_eq!(count(&format!("--since {middle} --until 0s -f event=create")), 1);
    assert_eq!(count(&format!("--until {middle} -f event=create")), 1);
    assert_eq!(count("--since 1h --until 30m"), 0);
    assert!(s.fails(1, "events --since 10s --until 20s").contains("cannot be after `until` time"));
    assert!(s.fails(1, "events --since bogus").contains("failed to parse value as time or duration: \"bogus\""));
    let began = Instant::now();
    let until = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 2;
    assert_eq!(count(&format!("--since 1h --until {until} -f event=die")), 2, "an end in the future is waited for");
    assert!(began.elapsed() > Duration::from_millis(900));
    let text = s.ok("events --since 1h --until 0s -f container=aa -f event=die");
    let (moment, rest) = text.split_once(' ').unwrap();
    assert_eq!(moment.len(), "2026-01-02T03:04:05.123456789Z".len().max(moment.len()));
    assert!(
        rest.starts_with("container die ") && rest.contains("(") && rest.contains("exitCode=0, ") && rest.ends_with("tier=db)"),
        "{rest}"
    );
    assert_eq!(
        s.ok("events --since 1h --until 0s -f container=bb -f event=die --format '{{.Type}}/{{.Action}}/{{.Actor.Attributes.exitCode}}'"),
        "container/die/0"
    );
    s.ok("rm aa bb");
}

#[test]
fn a_follower_sees_what_other_processes_do() {
    let s = busybox();
    let mut events = Followed::begin(&s, &["--filter", "type=volume", "--format", "{{.Action}} {{.Actor.ID}}"]);
    let mut json = Followed::begin(&s, &["--filter", "event=destroy", "--format", "json"]);
    s.ok("volume create one");
    assert_eq!(events.next(), "create one");
    s.ok("volume create two");
    s.ok("volume rm one");
    assert_eq!(events.next(), "create two");
    assert_eq!(events.next(), "destroy one");
    if !s.is_docker() {
        let event: Value = serde_json::from_str(&json.next()).unwrap();
        assert_eq!(event["Actor"], serde_json::json!({"ID": "one", "Attributes": {"driver": "local"}}));
        assert!(event.get("status").is_none() && event.get("id").is_none(), "legacy fields are for containers and images");
    }
    s.ok("volume rm two");
}

/// The API's events: the head at once, one object a line, an end at `until`, and nothing left when the client goes.
#[test]
fn the_api_streams_them() {
    let s = busybox();
    if s.is_docker() {
        stead_testkit::skip("serve is ours");
        return;
    }
    let socket = s.dir().join("api.sock");
    let mut serve = s.cli().args(["serve", "-H"]).arg(format!("unix://{}", socket.display())).spawn();
    s.eventually("serve listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let ask = |path: &str| {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET /v1.50/events{path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").unwrap();
        BufReader::new(stream).lines().map(|line| line.unwrap().trim_end().to_owned())
    };
    let mut live = ask("?filters=%7B%22type%22%3A%5B%22volume%22%5D%7D");
    let head: Vec<String> = live.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(head[0].contains("200 OK") && head.iter().any(|h| h.eq_ignore_ascii_case("content-type: application/json")), "{head:?}");
    s.ok("volume create one");
    s.ok("run --rm --network none --name cc busybox true");
    s.ok("volume rm one");
    let mut next = || -> Value { serde_json::from_str(&live.find(|line| line.starts_with('{')).unwrap()).unwrap() };
    assert_eq!((next()["Action"].as_str(), next()["Action"].as_str()), (Some("create"), Some("destroy")));
    let mut waiting = ask("?since=1&until=99999999999.5&filters=%7B%22event%22%3A%7B%22die%22%3Atrue%7D%7D");
    let die: Value = serde_json::from_str(&waiting.find(|line| line.starts_with('{')).unwrap()).unwrap();
    let words = (die["status"].as_str(), die["from"].as_str(), die["Actor"]["Attributes"]["exitCode"].as_str());
    assert_eq!(words, (Some("die"), Some("busybox"), Some("0")));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 1;
    assert_eq!(ask(&format!("?since=1&until={now}")).filter(|line| line.starts_with('{')).count(), 9, "and then it ends");
    assert!(ask("?since=10&until=5").next().unwrap().contains("400 Bad Request"));
    assert!(ask("?since=x").last().unwrap().contains("strconv.ParseInt: parsing \\\"x\\\": invalid syntax"));
    let watches = || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", serve.id())).unwrap();
        fds.flatten().filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.to_string_lossy().contains("inotify"))).count()
    };
    assert_eq!(watches(), 2);
    drop((live, waiting));
    s.eventually("a client that left leaves nothing", || watches() == 0);
    serve.kill().unwrap();
    serve.wait().unwrap();
}

#[test]
fn processes_side_by_side_lose_nothing() {
    let s = Sandbox::new(STEAD);
    if s.is_docker() {
        stead_testkit::skip("the journal is ours");
        return;
    }
    let mut events = Followed::begin(&s, &["--format", "{{.Action}} {{.Actor.ID}}"]);
    let rounds = 4;
    std::thread::scope(|scope| {
        for worker in 0..16 {
            let s = &s;
            scope.spawn(move || (0..rounds).for_each(|n| drop(s.ok(&format!("volume create v{worker}-{n}")))));
        }
    });
    let mut followed: Vec<String> = (0..16 * rounds).map(|_| events.next()).collect();
    let read: Vec<Value> = past(s.cli(), &["type=volume"]);
    assert_eq!(read.len(), 16 * rounds);
    assert!(read.windows(2).all(|pair| pair[0]["timeNano"].as_i64() < pair[1]["timeNano"].as_i64()));
    let mut named: Vec<String> = read.iter().map(|e| format!("create {}", e["Actor"]["ID"].as_str().unwrap())).collect();
    assert_eq!(followed, named, "followers see the journal's order");
    followed.sort();
    followed.dedup();
    named.sort();
    assert_eq!(followed, named);
}

#[test]
fn a_damaged_journal_fails_no_verb_and_hides_no_event() {
    let s = Sandbox::new(STEAD);
    if s.is_docker() {
        stead_testkit::skip("the journal is ours");
        return;
    }
    s.ok("volume create one");
    let journal = s.root().join("events/journal.00000001");
    let whole = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, [&whole[..], &whole[..whole.len() / 2]].concat()).unwrap();
    s.ok("volume create two");
    std::fs::write(&journal, [&[0u8, 255, 10, 0, 0][..], &std::fs::read(&journal).unwrap()[..]].concat()).unwrap();
    s.ok("volume create three");
    assert_eq!(shorts(&s, &[]).len(), 3);
    std::fs::write(&journal, b"").unwrap();
    s.ok("volume create four");
    assert_eq!(past(s.cli(), &[])[0]["Actor"]["ID"], "four");
    std::fs::remove_dir_all(s.root().join("events")).unwrap();
    std::fs::write(s.root().join("events"), b"in the way").unwrap();
    s.ok("volume create five");
    s.ok("volume rm one two three four");
    assert_eq!(s.ok("volume ls -q"), "five");
    s.fails(1, "events --since 1h --until 0s");
}

#[test]
fn writers_killed_in_the_middle_cost_nobody_else_an_event() {
    let s = Sandbox::new(STEAD);
    if s.is_docker() {
        stead_testkit::skip("the journal is ours");
        return;
    }
    s.ok("volume create first");
    for n in 0..30u64 {
        let mut child = s.cli().args(["volume", "create", &format!("killed{n}")]).spawn();
        std::thread::sleep(Duration::from_micros(1500 * (n % 12)));
        child.kill().unwrap();
        child.wait().unwrap();
        s.ok(&format!("volume create whole{n}"));
    }
    let ids: Vec<String> = past(s.cli(), &[]).iter().map(|e| e["Actor"]["ID"].as_str().unwrap().to_owned()).collect();
    let whole: Vec<&String> = ids.iter().filter(|id| id.starts_with("whole")).collect();
    assert_eq!(whole.len(), 30);
}

#[test]
fn the_journal_is_bounded() {
    let s = Sandbox::new(STEAD);
    if s.is_docker() {
        stead_testkit::skip("the journal is ours");
        return;
    }
    let mut events = Followed::begin(&s, &["--format", "{{.Actor.ID}}"]);
    s.ok("volume create zero");
    assert_eq!(events.next(), "zero");
    let dir = s.root().join("events");
    // Full segments, as a long life would leave them.
    let filler = format!("{}\n", "x".repeat(1023)).repeat(2048);
    for number in 1..=4 {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(dir.join(format!("journal.{number:08}"))).unwrap();
        file.write_all(filler.as_bytes()).unwrap();
    }
    s.ok("volume create one");
    s.ok("volume create two");
    assert_eq!((events.next(), events.next()), ("one".to_owned(), "two".to_owned()), "rotation loses no follower");
    let names = crate::scene::names(&dir);
    assert_eq!(names, ["journal.00000002", "journal.00000003", "journal.00000004", "journal.00000005"]);
    assert_eq!(past(s.cli(), &[]).len(), 2, "the oldest are gone with their segment");
}

#[test]
fn images_and_copies_are_told() {
    let s = busybox();
    s.ok("create --network none --name cc busybox true");
    s.ok("cp /etc/hostname cc:/tmp/");
    s.ok("cp cc:/tmp/hostname -");
    s.ok("tag busybox two:1");
    s.ok("rmi two:1");
    s.cli().args(["save", "-o"]).arg(s.dir().join("out.tar")).arg("busybox").run().ok();
    let containers: Vec<String> = past(s.cli(), &["type=container"]).iter().map(|e| e["Action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(containers, ["create", "extract-to-dir", "archive-path"]);
    let images: Vec<Value> = past(s.cli(), &["type=image"]);
    let actions: Vec<&str> = images.iter().map(|e| e["Action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["load", "tag", "untag", "save"]);
    assert_eq!(images[1]["Actor"]["Attributes"]["name"], "two:1");
    assert!(images[1]["Actor"]["ID"].as_str().unwrap().starts_with("sha256:"));
    s.ok("rm cc");
}
