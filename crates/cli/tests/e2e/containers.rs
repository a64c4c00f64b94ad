//! The life of containers: every command and every option at least once.
use crate::scene::{busybox, mount_at, names};
use std::time::Duration;

#[test]
fn run_exit_codes() {
    let s = busybox();
    s.x("run --rm busybox sh -c 'echo out; echo err >&2; exit 7'").exits(7).prints("out").says("err");
    s.x("run --rm busybox nosuch").exits(127).says("exec: \"nosuch\": executable file not found in $PATH");
    s.x("run --rm busybox /etc").exits(126).says(if s.is_docker() { "permission denied" } else { "is a directory" });
    s.x("run --rm busybox /etc/passwd").exits(126).says("permission denied");
    s.x("run --rm busybox /no/such").exits(127).says("no such file or directory");
    s.x("run --rm busybox sh -c 'sh -c \"kill -9 \\$\\$\"; exit $?'").exits(137);
    s.x("run --rm --pull never nosuchimage:1 true").exits(125).says("nosuchimage:1");
    s.x("container run --rm busybox true").ok();
    assert_eq!(s.ok("ps -aq"), "");
}

#[test]
fn stdin_reaches_the_process() {
    let s = busybox();
    let out = s.cli().args(["run", "--rm", "-i", "busybox", "cat"]).stdin("line one\nline two").run().ok();
    assert_eq!(out.stdout, b"line one\nline two");
    let big = vec![b'z'; 3 << 20];
    let out = s.cli().args(["run", "--rm", "-i", "busybox", "md5sum"]).stdin(big).run().ok();
    assert!(out.text().starts_with("13dfe3f0eae8ae1a1fcc8bdd9ba7c4b4") || out.text().len() > 32, "{out}");
    assert_eq!(s.cli().args(["run", "--rm", "busybox", "cat"]).stdin("ignored").run().ok().text(), "");
}

#[test]
fn life_of_a_container() {
    let s = busybox();
    let id = s.ok("run -d --name web --label tier=front --hostname box -e A=1 busybox sh -c 'trap \"exit 3\" TERM; echo ready; while :; do sleep 0.1; done'");
    assert_eq!(id.len(), 64);
    s.eventually("ready", || s.ok("logs web") == "ready");
    assert_eq!(s.ok("ps -q"), id[..12]);
    assert_eq!(s.ok("ps -q --no-trunc"), id);
    assert_eq!(s.ok("ps --format '{{.Names}} {{.Image}} {{.State}} {{.Label \"tier\"}}'"), "web busybox running front");
    assert!(s.ok("ps").lines().next().unwrap().starts_with("CONTAINER ID   IMAGE"));
    assert_eq!(s.ok("ps -q -f label=tier=front -f name=we -f status=running"), id[..12]);
    let info = s.inspect("web");
    assert_eq!((info["State"]["Status"].as_str(), info["State"]["Running"].as_bool()), (Some("running"), Some(true)));
    assert_eq!((info["Name"].as_str(), info["Config"]["Hostname"].as_str()), (Some("/web"), Some("box")));
    assert!(info["State"]["Pid"].as_i64().unwrap() > 1);
    assert_eq!(s.ok("exec web hostname"), "box");
    assert_eq!(s.ok(&format!("exec -e B=2 -w /tmp -u 12:34 {} sh -c 'echo $A $B $PWD $(id -u):$(id -g)'", &id[..8])), "1 2 /tmp 12:34");
    s.x("exec web sh -c 'exit 9'").exits(9);
    s.x("exec web nosuch").exits(if s.is_docker() { 126 } else { 127 }); // 126 until Docker 23
    s.x("exec -w /no/such web true").fails();
    assert_eq!(s.cli().args(["exec", "-i", "web", "cat"]).stdin("through exec").run().ok().text(), "through exec");
    assert_eq!(s.ok("exec -d web sh -c 'echo x >/tmp/made; sleep 300'"), "");
    s.eventually("exec -d ran", || s.x("exec web cat /tmp/made").code == 0);
    s.x("rm web").exits(1).says(if s.is_docker() { "running container" } else { "container is running" });
    assert_eq!(s.ok("stop -t 5 web"), "web");
    assert_eq!(s.inspect("web")["State"]["ExitCode"], 3);
    s.x("exec web true").exits(1).says("is not running");
    assert_eq!(s.ok("wait web"), "3");
    assert_eq!(s.ok("ps -q"), "");
    assert_eq!(s.ok("ps -a --format '{{.State}}'"), "exited");
    assert!(s.ok("ps -a --format '{{.Status}}'").starts_with("Exited (3) "));
    assert_eq!(s.ok("start web"), "web");
    s.eventually("ready again", || s.ok("logs web") == "ready\nready");
    assert_eq!(s.ok("restart -t 1 web"), "web");
    s.eventually("ready a third time", || s.ok("logs web").lines().count() == 3);
    assert_eq!(s.ok("kill web"), "web");
    assert_eq!(s.ok("wait web"), "137");
    assert_eq!(s.ok("rm web"), "web");
    assert_eq!(s.ok("ps -aq"), "");
}

#[test]
fn create_start_attach() {
    let s = busybox();
    s.ok("create --name cc busybox sh -c 'echo hello; exit 4'");
    assert_eq!(s.ok("ps -a --format '{{.Status}}'"), "Created");
    s.x("start -a cc").exits(4).prints("hello");
    s.ok("create -i --name dd busybox cat");
    assert_eq!(s.cli().args(["start", "-a", "-i", "dd"]).stdin("typed").run().ok().text(), "typed");
    s.ok("run -d --name ee busybox sh -c 'sleep 1; echo late; exit 5'");
    s.x("attach ee").exits(5).prints("late");
    s.x("attach ee").exits(1).says("stopped container");
    s.ok("rm cc dd ee");
}

#[test]
fn kill_with_a_signal_and_the_images_stop_signal() {
    let s = busybox();
    s.ok("run -d --name cc --stop-signal USR1 --stop-timeout 20 busybox sh -c 'trap \"exit 11\" USR1; trap \"echo hup\" HUP; echo up; while :; do sleep 0.1; done'");
    s.eventually("up", || s.ok("logs cc") == "up");
    s.ok("kill -s HUP cc");
    s.eventually("hup", || s.ok("logs cc") == "up\nhup");
    s.ok("stop cc");
    assert_eq!(s.ok("wait cc"), "11");
    s.x("kill cc").exits(1).says("is not running");
    let began = std::time::Instant::now();
    s.ok("run -d --name deaf busybox sh -c 'trap \"\" TERM; while :; do sleep 0.1; done'");
    s.ok("stop -t 1 deaf");
    assert!(began.elapsed() < Duration::from_secs(8));
    assert_eq!(s.ok("wait deaf"), "137");
}

#[test]
fn environment_files_labels_and_entrypoint() {
    let s = busybox();
    std::fs::write(s.dir().join("env"), "# comment\nFROM_FILE=a b\nEMPTY=\nHOME_LESS\n").unwrap();
    let out = s.ok("run --rm --env-file ./env -e X=1 -e EMPTY2= busybox env");
    for want in [
        "FROM_FILE=a b",
        "EMPTY=",
        "X=1",
        "EMPTY2=",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root",
        "HOSTNAME=",
    ] {
        assert!(out.lines().any(|l| l.starts_with(want)), "{want} in {out}");
    }
    assert!(!out.contains("HOME_LESS"), "{out}");
    assert_eq!(s.ok("run --rm --entrypoint /bin/echo busybox a b"), "a b");
    assert_eq!(s.ok("run --rm -w /made/by/run busybox pwd"), "/made/by/run");
    s.ok("create --name ll --label a=1 -l b busybox");
    assert_eq!(s.inspect("ll")["Config"]["Labels"], serde_json::json!({"a": "1", "b": ""}));
}

#[test]
fn users_and_groups() {
    let s = busybox();
    let id = |how: &str| s.ok(&format!("run --rm {how} busybox sh -c 'echo $(id -u):$(id -g):$(id -G)'"));
    assert_eq!(id("-u 1000"), "1000:0:0");
    assert_eq!(id("-u www-data"), "33:33:33");
    assert_eq!(id("-u 1000:2000"), "1000:2000:2000");
    assert_eq!(id("-u www-data:staff"), "33:50:50");
    assert_eq!(id("-u 1000:2000 --group-add 3000 --group-add tty"), "1000:2000:2000 5 3000");
    s.x("run --rm -u nosuch busybox true").exits(125).says("unable to find user nosuch");
    s.x("run --rm -u 0:nosuch busybox true").exits(125).says("unable to find group nosuch");
}

#[test]
fn cidfile_rm_and_names() {
    let s = busybox();
    let id = s.ok("run -d --rm --cidfile ./cid --name gone busybox sleep 600");
    assert_eq!(std::fs::read_to_string(s.dir().join("cid")).unwrap(), id);
    s.x("run --rm --cidfile ./cid busybox true").exits(125).says("ontainer ID file found");
    s.x("run --name gone busybox true").exits(125).says(&format!(
        "Conflict. The container name \"/gone\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
    ));
    s.ok("kill gone");
    s.eventually("--rm removes it", || s.ok("ps -aq").is_empty());
    assert!(names(&s.root().join("containers")).iter().all(|n| n.starts_with('.')) || s.is_docker());
    s.ok("create busybox");
    let name = s.ok("ps -a --format '{{.Names}}'");
    assert!(name.contains('_') && name.is_ascii(), "{name}");
}

#[test]
fn rm_takes_anonymous_volumes_only_when_asked() {
    let s = busybox();
    s.ok("run --rm -v /anon -v named:/n busybox true");
    assert_eq!(s.ok("volume ls -q"), "named");
    s.ok("run --name cc -v /anon busybox true");
    s.ok("rm cc");
    assert_eq!(s.x("volume ls -q").ok().lines().len(), 2, "without -v it stays");
    // Another name: who takes the place of cc gets what it left.
    s.ok("run --name dd -v /anon -v named:/n busybox true");
    s.ok("rm -v dd");
    assert_eq!(s.x("volume ls -q").ok().lines().len(), 2);
}

#[test]
fn rm_force_many_and_unknown() {
    let s = busybox();
    s.ok("run -d --name aa busybox sleep 600");
    s.ok("create --name bb busybox");
    let out = s.x("rm -f aa bb nosuch");
    assert_eq!(out.text(), "aa\nbb");
    assert!(out.stderr.contains("No such container: nosuch"), "{out}");
    assert_eq!(s.ok("ps -aq"), "");
}

#[test]
fn logs_tail_since_until_timestamps_follow() {
    let s = busybox();
    s.ok("run -d --name cc busybox sh -c 'for i in 1 2 3 4 5; do echo line $i; done; echo oops >&2; sleep 2; echo last'");
    s.eventually("written", || s.ok("logs cc").lines().count() >= 5);
    assert_eq!(s.ok("logs --tail 2 cc").lines().count() + s.x("logs --tail 2 cc").stderr.lines().count(), 2);
    let all = s.x("logs cc").ok();
    assert_eq!((all.text().lines().next(), all.stderr.as_str()), (Some("line 1"), "oops\n"));
    let stamped = s.ok("logs -t cc");
    let first = stamped.lines().next().unwrap();
    assert!(first.len() > 30 && first.ends_with("Z line 1"), "{first}");
    assert!(s.ok("logs -f cc").ends_with("last"));
    assert_eq!(s.ok("logs --since 2099-01-01T00:00:00 cc"), "");
    assert_eq!(s.ok("logs --until 2001-01-01T00:00:00 cc"), "");
    assert_eq!(s.ok("logs --since 10m cc").lines().count(), 6);
    assert_eq!(s.ok("logs -n 0 cc"), "");
}

#[test]
fn log_rotation_by_size() {
    let s = busybox();
    s.ok("run --name cc --log-opt max-size=10k --log-opt max-file=3 busybox sh -c 'i=0; while [ $i -lt 1000 ]; do echo this is line number $i of a thousand; i=$((i+1)); done' ");
    let id = s.ok("ps -aq --no-trunc");
    let dir = s.root().join("containers").join(&id);
    let logs: Vec<String> = names(&dir).into_iter().filter(|n| n.contains("-json.log")).collect();
    assert_eq!(logs, [format!("{id}-json.log"), format!("{id}-json.log.1"), format!("{id}-json.log.2")]);
    for log in logs {
        assert!(dir.join(&log).metadata().unwrap().len() < 12_000, "{log}");
    }
    assert!(s.ok("logs cc").ends_with("line number 999 of a thousand"));
    let line = std::fs::read_to_string(dir.join(format!("{id}-json.log"))).unwrap();
    let entry: serde_json::Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    assert!(
        entry["log"].as_str().unwrap().ends_with('\n') && entry["stream"] == "stdout" && entry["time"].as_str().unwrap().ends_with('Z')
    );
    s.x("run --rm --log-driver nosuch busybox true").exits(125).says("nosuch");
}

#[test]
fn limits_are_written_to_the_cgroup() {
    let s = busybox();
    s.ok("run -d --name cc --memory 64m --cpus 0.5 --pids-limit 40 --cpu-shares 512 busybox sleep 600");
    let id = s.ok("ps -q --no-trunc");
    let dirs = stead_testkit::cgroup_dirs_of(&id);
    assert!(!dirs.is_empty());
    let read = |file: &str| dirs.iter().find_map(|d| std::fs::read_to_string(d.join(file)).ok()).map(|t| t.trim().to_owned());
    assert_eq!(read("memory.limit_in_bytes").or_else(|| read("memory.max")).as_deref(), Some("67108864"));
    assert_eq!(read("pids.max").as_deref(), Some("40"));
    let quota = read("cpu.cfs_quota_us").map_or_else(|| read("cpu.max"), |q| Some(format!("{q} {}", read("cpu.cfs_period_us").unwrap())));
    assert_eq!(quota.as_deref(), Some("50000 100000"));
    let info = s.inspect("cc");
    assert_eq!((info["HostConfig"]["Memory"].as_i64(), info["HostConfig"]["NanoCpus"].as_i64()), (Some(67_108_864), Some(500_000_000)));
    s.x("run --name hog --memory 16m --memory-swap 16m busybox sh -c 'tail /dev/zero'").exits(137);
    if !s.is_docker() {
        assert_eq!(s.inspect("hog")["State"]["OOMKilled"], true);
    }
    s.ok("rm -f cc hog");
}

#[test]
fn init_reaps_and_forwards() {
    let s = busybox();
    s.ok("run -d --name cc --init busybox sh -c 'trap \"exit 6\" TERM; echo up; while :; do sleep 0.1; done'");
    s.eventually("up", || s.ok("logs cc") == "up");
    assert_ne!(s.ok("exec cc sh -c 'tr \"\\0\" \" \" </proc/1/cmdline'").split(' ').next(), Some("sh"));
    s.ok("stop cc");
    assert_eq!(s.ok("wait cc"), "6");
}

#[test]
fn devices_sysctls_shm_ulimits() {
    let s = busybox();
    assert_eq!(s.ok("run --rm --device /dev/null:/dev/mynull busybox stat -c %F:%t:%T /dev/mynull"), "character special file:1:3");
    assert_eq!(s.ok("run --rm --sysctl net.ipv4.ip_forward=1 --network none busybox cat /proc/sys/net/ipv4/ip_forward"), "1");
    assert!(s.ok("run --rm --shm-size 3m busybox grep ' /dev/shm ' /proc/mounts").contains("size=3072k"));
    assert!(s.ok("run --rm busybox grep ' /dev/shm ' /proc/mounts").contains("size=65536k"));
    assert_eq!(s.ok("run --rm --ulimit nofile=100:200 busybox sh -c 'ulimit -Sn; ulimit -Hn'"), "100\n200");
}

#[test]
fn networks_none_and_host() {
    let s = busybox();
    assert_eq!(s.ok("run --rm --network none busybox ls /sys/class/net"), "lo");
    let mut host = stead_testkit::netns::interfaces();
    host.push("lo".to_owned());
    host.sort();
    assert_eq!(s.x("run --rm --network host busybox ls /sys/class/net").ok().lines(), host);
    let up = s.ok("run --rm busybox sh -c 'ip addr show lo || ifconfig lo'");
    assert!(up.contains("127.0.0.1"), "{up}");
}

#[test]
fn inspect_formats() {
    let s = busybox();
    s.ok("create --name cc -v data:/d --label k=v busybox sh -c true");
    assert_eq!(s.ok("inspect -f '{{.Name}} {{.Config.Image}} {{.HostConfig.NetworkMode}}' cc").split(' ').next(), Some("/cc"));
    let mounts: serde_json::Value = serde_json::from_str(&s.ok("inspect --format '{{json .Mounts}}' cc")).unwrap();
    assert_eq!(mounts[0]["Name"], "data");
    assert_eq!(s.ok("inspect -f '{{range .Mounts}}{{.Destination}} {{end}}' cc"), "/d ");
    assert_eq!(s.ok("inspect -f '{{index .Config.Labels \"k\"}} {{len .Mounts}} {{.State.Running}}' cc"), "v 1 false");
    assert_eq!(s.ok("inspect -f '{{if .State.Running}}up{{else}}down{{end}}' cc"), "down");
    assert_eq!(s.ok("container inspect -f '{{join .Config.Cmd \",\"}}' cc"), "sh,-c,true");
    s.x("inspect -f '{{.NoSuchField}}' cc").exits(1);
    s.x("inspect -f '{{' cc").fails();
    let full = s.inspect("cc");
    for key in [
        "Id",
        "Created",
        "Path",
        "Args",
        "State",
        "Image",
        "Name",
        "HostConfig",
        "Mounts",
        "Config",
        "NetworkSettings",
        "LogPath",
        "RestartCount",
        "Driver",
    ] {
        assert!(!full[key].is_null(), "{key} is missing");
    }
    assert_eq!(mount_at(&full, "/d")["Type"], "volume");
    assert_eq!((full["Path"].as_str(), full["Args"].as_array().map(Vec::len)), (Some("sh"), Some(2)));
}
