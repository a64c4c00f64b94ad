//! The verbs about a container that lives: pause, rename, update, top, stats, and what of it is removed by a prune.
use crate::scene::busybox;
use std::path::Path;

/// A v1 or v2 control file of a container, as text.
fn cgroup(id: &str, v1: &str, v2: &str) -> String {
    let (controller, file) = v1.split_once('/').unwrap();
    let old = format!("/sys/fs/cgroup/{controller}/stead/{id}/{file}");
    let new = format!("/sys/fs/cgroup/stead/{id}/{v2}");
    let path = if Path::new(&old).exists() { old } else { new };
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}")).trim().to_owned()
}

#[test]
fn a_paused_container_stands_still() {
    let s = busybox();
    let id = s.ok("run -d --name pp --network none busybox sh -c 'trap \"exit 7\" TERM; while :; do echo x; sleep 0.05; done'");
    s.eventually("it writes", || s.ok("logs pp").len() > 4);
    assert_eq!(s.ok("pause pp"), "pp");
    assert_eq!(s.inspect("pp")["State"]["Status"], "paused");
    assert_eq!((s.inspect("pp")["State"]["Paused"].as_bool(), s.inspect("pp")["State"]["Running"].as_bool()), (Some(true), Some(true)));
    assert!(s.ok("ps --format '{{.Status}}'").ends_with("(Paused)"));
    assert_eq!(s.ok("ps -q -f status=paused"), id[..12]);
    let before = s.ok("logs pp").len();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(s.ok("logs pp").len(), before, "frozen");
    s.x("pause pp").exits(1).says(&format!("Container {id} is already paused"));
    s.x("exec pp true").exits(1).says("is paused, unpause the container before exec");
    s.x("rm pp").exits(1).says("container is paused and must be unpaused first");
    assert_eq!(s.ok("top pp -o pid").lines().next(), Some("PID"));
    assert_eq!(s.ok("unpause pp"), "pp");
    s.eventually("it goes on", || s.ok("logs pp").len() > before);
    s.x("unpause pp").exits(1).says(&format!("Container {id} is not paused"));
    // A stop lets it go on, so that it hears the signal.
    s.ok("pause pp");
    assert_eq!(s.ok("stop -t 20 pp"), "pp");
    assert_eq!(s.inspect("pp")["State"]["ExitCode"], 7);
    s.x("pause pp").exits(1).says(&format!("container {id} is not running"));
    s.ok("start pp");
    s.ok("pause pp");
    assert_eq!(s.ok("rm -f pp"), "pp");
    s.x("pause nope").exits(1).says("No such container: nope");
}

#[test]
fn killing_and_restarting_what_is_paused() {
    let s = busybox();
    s.ok("run -d --name pp --network none busybox sh -c 'trap \"exit 7\" TERM; while :; do sleep 0.05; done'");
    s.eventually("the trap is set", || s.ok("top pp -o pid").lines().count() > 1);
    s.ok("pause pp");
    s.ok("kill -s TERM pp");
    s.eventually("it has heard it", || s.inspect("pp")["State"]["ExitCode"] == 7);
    s.ok("start pp");
    s.ok("pause pp");
    s.ok("restart -t 1 pp");
    assert_eq!(s.inspect("pp")["State"]["Status"], "running");
    s.ok("pause pp");
    s.ok("kill pp");
    assert_eq!(s.ok("wait pp"), "137");
}

#[test]
fn a_name_changes_and_nothing_else() {
    let s = busybox();
    let id = s.ok("run -d --name one --network none --hostname box -v data:/d busybox sleep 1000");
    s.ok("create --name other --network none busybox true");
    assert_eq!(s.ok("rename one two"), "");
    assert_eq!(s.inspect("two")["Name"], "/two");
    assert_eq!(s.inspect("two")["Id"], id.as_str());
    assert_eq!(s.ok("exec two hostname"), "box");
    s.x("inspect one").fails().says("No such object: one");
    let taken = s.x("rename two other").exits(1);
    assert!(
        taken.stderr.contains("Error when allocating new name: Conflict. The container name \"/other\" is already in use by container \""),
        "{taken}"
    );
    let taken = taken.says("You have to remove (or rename) that container to be able to reuse that name.");
    taken.says("Error: failed to rename container named two");
    s.x("rename two two").exits(1).says("Renaming a container with the same name as its current name");
    s.x("rename two a/b")
        .exits(1)
        .says("Error when allocating new name: Invalid container name (/a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    s.x("rename two ''").exits(1).says("Neither old nor new names may be empty");
    s.x("rename nope x1").exits(1).says("No such container: nope");
    // By id, and the freed name is free.
    s.ok(&format!("rename {} one", &id[..12]));
    s.ok("rename other two");
    s.ok("rm -f one two");
    assert_eq!(s.ok("volume ls -q"), "data");
}

/// Many at once: one gets the name, the others are told who has it, and nothing is lost.
#[test]
fn a_name_is_given_once() {
    let s = busybox();
    let names: Vec<String> = (0..12).map(|i| format!("box{i}")).collect();
    for name in &names {
        s.ok(&format!("create --name {name} --network none busybox true"));
    }
    let all: Vec<_> = names.iter().map(|name| s.cli().args(["rename", name, "prize"])).collect();
    let done: Vec<_> = all.into_iter().map(|command| std::thread::spawn(move || command.run())).collect();
    let done: Vec<_> = done.into_iter().map(|thread| thread.join().unwrap()).collect();
    let (won, lost): (Vec<_>, Vec<_>) = done.into_iter().partition(|out| out.code == 0);
    assert_eq!(won.len(), 1, "{won:?}");
    lost.into_iter().for_each(|out| drop(out.exits(1).says("The container name \"/prize\" is already in use by container")));
    let mut left = s.x("ps -a --format '{{.Names}}'").ok().lines();
    left.retain(|name| name != "prize");
    assert_eq!(left.len(), 11, "{left:?}");
    // Updates of one container from many sides: the last one holds, all of it.
    s.ok("run -d --name many --network none busybox sleep 1000");
    let all: Vec<_> = (1..9)
        .map(|i| s.cli().args(["update", "--pids-limit", &format!("{}", 10 * i), "--cpu-shares", &format!("{}", 100 * i), "many"]))
        .collect();
    let done: Vec<_> = all.into_iter().map(|command| std::thread::spawn(move || command.run())).collect();
    done.into_iter().for_each(|thread| drop(thread.join().unwrap().ok()));
    let host = s.inspect("many")["HostConfig"].clone();
    let (pids, shares) = (host["PidsLimit"].as_i64().unwrap(), host["CpuShares"].as_i64().unwrap());
    assert_eq!(shares, pids * 10);
    let id = s.inspect("many")["Id"].as_str().unwrap().to_owned();
    assert_eq!(cgroup(&id, "pids/pids.max", "pids.max"), pids.to_string(), "the kernel has what the record says");
}

#[test]
fn limits_change_at_once_and_for_later() {
    let s = busybox();
    let id = s.ok("run -d --name uu --network none -m 64m --cpu-shares 512 busybox sleep 1000");
    assert_eq!(s.inspect("uu")["HostConfig"]["MemorySwap"], 128 << 20);
    assert_eq!(s.ok("update --cpu-shares 256 --pids-limit 50 -m 96m --memory-reservation 32m uu"), "uu");
    assert_eq!(cgroup(&id, "memory/memory.limit_in_bytes", "memory.max"), (96 << 20).to_string());
    assert_eq!(cgroup(&id, "pids/pids.max", "pids.max"), "50");
    let host = s.inspect("uu")["HostConfig"].clone();
    assert_eq!((host["Memory"].as_i64(), host["CpuShares"].as_i64(), host["PidsLimit"].as_i64()), (Some(96 << 20), Some(256), Some(50)));
    // Both at once, upwards and downwards: the kernel wants them in a different order.
    s.ok("update -m 256m --memory-swap 512m uu");
    assert_eq!(cgroup(&id, "memory/memory.limit_in_bytes", "memory.max"), (256 << 20).to_string());
    s.ok("update -m 32m --memory-swap 64m uu");
    assert_eq!(cgroup(&id, "memory/memory.limit_in_bytes", "memory.max"), (32 << 20).to_string());
    s.ok("update --cpus 0.5 --pids-limit -1 uu");
    assert_eq!(cgroup(&id, "pids/pids.max", "pids.max"), "max");
    // After a restart it has them still.
    s.ok("restart -t 0 uu");
    assert_eq!(cgroup(&id, "memory/memory.limit_in_bytes", "memory.max"), (32 << 20).to_string());
    s.x("update -m 1g uu").exits(1).says(&format!(
        "Cannot update container {id}: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
    ));
    s.x("update --cpu-quota 5000 uu").exits(1).says("CPU Quota cannot be updated as NanoCPUs has already been set");
    s.x("update -m 1m uu").exits(1).says("Minimum memory limit allowed is 6MB");
    s.x("update --cpuset-cpus 900 uu").exits(1).says("Requested CPUs are not available - requested 900, available:");
    s.x("update --restart sometimes uu").exits(1).says("unknown policy 'sometimes'");
    s.x("update uu").exits(1).says("you must provide one or more flags when using this command");
    s.x("update --cpu-shares 2 nope").exits(1).says("No such container: nope");
    assert_eq!(cgroup(&id, "memory/memory.limit_in_bytes", "memory.max"), (32 << 20).to_string(), "refusals change nothing");
}

#[test]
fn another_restart_policy_counts_at_once() {
    let s = busybox();
    s.ok("run -d --name uu --network none busybox sh -c 'sleep 1; exit 3'");
    assert_eq!(s.ok("update --restart on-failure:2 uu"), "uu");
    let policy = s.inspect("uu")["HostConfig"]["RestartPolicy"].clone();
    assert_eq!((policy["Name"].as_str(), policy["MaximumRetryCount"].as_i64()), (Some("on-failure"), Some(2)));
    s.eventually("it was started again twice", || s.inspect("uu")["RestartCount"] == 2 && s.inspect("uu")["State"]["Status"] == "exited");
    s.ok("run -d --name gone --rm --network none busybox sleep 1000");
    s.x("update --restart always gone").exits(1).says("Restart policy cannot be updated because AutoRemove is enabled for the container");
}

#[test]
fn processes_are_listed_as_ps_would() {
    let s = busybox();
    let id = s.ok("run -d --name tt --network none -u 12345 busybox sh -c 'sleep 1001 & sleep 1002; :'");
    s.eventually("both sleep", || s.ok("top tt").lines().count() == 4);
    let lines: Vec<String> = s.x("top tt").ok().lines();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
    assert!(lines[1].starts_with("12345"), "{lines:?}");
    assert!(lines.iter().any(|l| l.contains("sleep 1001")) && lines.iter().any(|l| l.contains("sleep 1002")));
    let pid = s.inspect("tt")["State"]["Pid"].to_string();
    assert!(s.ok("top tt -o pid,args").lines().any(|l| l.split_whitespace().next() == Some(&pid)));
    assert!(s.ok("top tt aux").starts_with("USER "));
    s.x("top tt -o comm").exits(1).says("Couldn't find PID field in ps output");
    s.x("top tt -o bogus").exits(1).says("ps: error: unknown user-defined format specifier \"bogus\"");
    s.ok("stop -t 0 tt");
    s.x("top tt").exits(1).says(&format!("container {id} is not running"));
}

#[test]
fn what_is_used_is_counted() {
    let s = busybox();
    s.ok("run -d --name busy --network none -m 64m busybox sh -c 'while :; do :; done'");
    s.ok("create --name still --network none busybox true");
    let line = s.ok("stats --no-stream --format '{{.Name}}|{{.CPUPerc}}|{{.MemUsage}}|{{.PIDs}}' busy");
    let fields: Vec<&str> = line.split('|').collect();
    let percent: f64 = fields[1].trim_end_matches('%').parse().unwrap();
    assert!(fields[0] == "busy" && percent > 3.0, "{line}");
    assert!(fields[2].ends_with("/ 64MiB") && fields[3] == "1", "{line}");
    let all = s.ok("stats --no-stream --all");
    assert!(all.starts_with("CONTAINER ID") && all.contains("MEM USAGE / LIMIT") && all.lines().count() == 3, "{all}");
    assert!(all.lines().any(|l| l.contains("still") && l.contains("0.00%") && l.contains("0B / 0B")), "{all}");
    assert_eq!(s.ok("stats --no-stream").lines().count(), 2);
    s.x("stats --no-stream nope").exits(1).says("No such container: nope");
}

#[test]
fn only_containers_at_rest_are_pruned() {
    let s = busybox();
    s.ok("run -d --name runs --network none busybox sleep 1000");
    s.ok("run -d --name froze --network none busybox sleep 1000");
    s.ok("pause froze");
    s.ok("create --name made --label keep=yes --network none -v /anon -v named:/n busybox true");
    let ended = s.ok("run -d --name ended --network none busybox true");
    s.eventually("it ended", || s.inspect("ended")["State"]["Status"] == "exited");
    let asked = s.cli().args(["container", "prune"]).stdin("n\n").run().exits(1).says("container prune has been cancelled");
    assert!(asked.text().contains("WARNING! This will remove all stopped containers.") && asked.text().contains("ended"), "{asked}");
    assert!(s.ok("container prune -f --filter until=24h").starts_with("Total reclaimed space: 0B"));
    let out = s.ok("container prune -f --filter label!=keep");
    assert!(out.starts_with(&format!("Deleted Containers:\n{ended}\n\nTotal reclaimed space:")), "{out}");
    assert_eq!(s.x("ps -a --format '{{.Names}}'").ok().lines().len(), 3);
    s.x("container prune -f --filter bogus=1").exits(1).says("invalid filter 'bogus'");
    s.x("container prune -f --filter until=x").exits(1).says("invalid filter 'until=[x]'");
    s.ok("container prune -f");
    assert_eq!(s.ok("volume ls -q").lines().count(), 2, "volumes stay");
}

#[test]
fn a_system_prune_never_takes_a_named_volume() {
    let s = busybox();
    s.ok("run --name done --network none -v named:/n -v /anon busybox sh -c 'echo kept >/n/f'");
    s.ok("run -d --name runs --network none -v used:/n busybox sleep 1000");
    s.ok("volume create loose");
    s.ok("network create nobodys");
    s.x("system prune -f --volumes --filter until=1h").exits(1).says("ERROR: The \"until\" filter is not supported with \"--volumes\"");
    let asked = s.cli().args(["system", "prune", "--volumes"]).stdin("n\n").run().exits(1).says("system prune has been cancelled");
    let text = asked.text();
    for part in [
        "WARNING! This will remove:",
        "  - all stopped containers",
        "  - all anonymous volumes not used",
        "  - all dangling images",
        "done",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert!(!text.contains("named") && !text.contains("loose"), "{text}");
    let out = s.ok("system prune -f");
    assert!(out.contains("Deleted Networks:\nnobodys\n"), "{out}");
    assert!(out.contains("Deleted Containers:") && !out.contains("Deleted Volumes:") && out.contains("Total reclaimed space:"), "{out}");
    let out = s.ok("system prune -f -a --volumes");
    assert!(out.contains("Deleted Volumes:"), "{out}");
    let mut left = s.x("volume ls -q").ok().lines();
    left.sort();
    assert_eq!(left, ["loose", "named", "used"]);
    assert_eq!(std::fs::read_to_string(s.data("named").join("f")).unwrap(), "kept\n");
    assert_eq!(s.ok("images -q").lines().count(), 1, "the image is used");
}

#[test]
fn published_ports_are_told() {
    let s = busybox();
    s.ok("run -d --name web -p 127.0.0.1:18080:80 -p 18053:53/udp --expose 99 busybox sleep 1000");
    let mut all = s.x("port web").ok().lines();
    all.sort();
    let want = ["53/udp -> 0.0.0.0:18053", "53/udp -> [::]:18053", "80/tcp -> 127.0.0.1:18080"];
    let want: Vec<&str> = want.into_iter().filter(|line| !line.contains("[::]") || all.iter().any(|l| l.contains("[::]"))).collect();
    assert_eq!(all, want);
    assert_eq!(s.ok("port web 80"), "127.0.0.1:18080");
    assert_eq!(s.ok("port web 80/tcp"), "127.0.0.1:18080");
    assert!(s.ok("port web 53/udp").starts_with("0.0.0.0:18053"));
    s.x("port web 81").exits(1).says("no public port '81/tcp' published for web");
    s.x("port web http").exits(1).says("invalid");
    assert_eq!(s.ok("ps --format '{{.Names}}' -f publish=18080"), "web");
    assert_eq!(s.ok("ps --format '{{.Names}}' -f expose=80"), "web");
    assert_eq!(s.ok("ps --format '{{.Names}}' -f publish=80"), "");
    assert!(s.ok("stats --no-stream --format '{{.NetIO}}' web").contains('/'));
}
