//! The same commands on dockerd 20.10 and on stead: what inspect shows, what is refused, and with which exit status.
use crate::scene::pair;
use serde_json::{Value, json};
use stead_testkit::{Dockerd, Sandbox};

/// What the two must agree on about the mounts of a container.
fn mounts(info: &Value, root: &str) -> Value {
    let anonymous = |v: &Value| v.as_str().is_some_and(|s| s.len() == 64 && s.bytes().all(|b| b.is_ascii_hexdigit()));
    let mut all: Vec<Value> = info["Mounts"].as_array().cloned().unwrap_or_default();
    for m in &mut all {
        if anonymous(&m["Name"]) {
            m["Name"] = json!("ANON");
        }
        if let Some(source) = m["Source"].as_str() {
            let mut source = source.replace(root, "ROOT");
            if m["Name"] == "ANON" {
                source = "ROOT/volumes/ANON/_data".to_owned();
            }
            m["Source"] = json!(source);
        }
    }
    all.sort_by_key(|m| m["Destination"].to_string());
    let host = &info["HostConfig"];
    let mut binds = host["Binds"].clone();
    if let Some(list) = binds.as_array_mut() {
        list.sort_by_key(ToString::to_string);
    }
    json!({"Mounts": all, "Binds": binds, "HostMounts": host["Mounts"], "Tmpfs": host["Tmpfs"], "Volumes": info["Config"]["Volumes"],
           "VolumesFrom": host["VolumesFrom"], "VolumeDriver": host["VolumeDriver"], "ReadonlyRootfs": host["ReadonlyRootfs"]})
}

/// Options of `create` that both must show alike.
const SHOWN: &[&str] = &[
    "-v named:/data",
    "-v named:/data:ro",
    "-v named:/data:rw",
    "-v named:/data:nocopy",
    "-v named:/data:z",
    "-v /anon",
    "-v /tmp:/x",
    "-v /tmp:/x:ro",
    "-v /tmp:/x:ro,rslave",
    "-v /tmp:/x:z",
    "-v /tmp:/x/../y/",
    "-v /tmp:/x:cached",
    "--mount source=mr,target=/app",
    "--mount source=mr,target=/app,readonly",
    "--mount type=volume,dst=/anon2",
    "--mount type=volume,src=lab,dst=/x,volume-label=a=b,volume-nocopy",
    "--mount type=volume,src=drv,dst=/x,volume-driver=local,volume-opt=type=tmpfs,volume-opt=device=tmpfs",
    "--mount type=bind,source=/tmp,target=/app",
    "--mount type=bind,source=/tmp,target=/app,ro,bind-propagation=rslave",
    "--mount type=bind,source=/tmp,target=/app,consistency=cached",
    "--tmpfs /t",
    "--tmpfs /t:size=1m,mode=700",
    "--tmpfs /a --tmpfs /b:exec",
    "-v one:/one -v two:/two:ro --tmpfs /three --mount type=bind,src=/tmp,dst=/four",
    "--read-only -v dd:/d",
    "--volume-driver local -v dd:/d",
    "--volumes-from base",
    "--volumes-from base:ro",
];

#[test]
fn inspect_shows_the_same_mounts() {
    let Some((stead, docker)) = pair() else { return };
    let base = "create --name base -v shared:/shared -v /loose -v /tmp:/t:ro busybox";
    stead.ok(base);
    docker.x(base).ok();
    let mut wrong = Vec::new();
    for (i, options) in SHOWN.iter().enumerate() {
        let line = format!("create --name c{i} {options} busybox true");
        let ours = show(|l| stead.x(l), &line, i, stead.root().to_str().unwrap());
        let theirs = show(|l| docker.x(l), &line, i, docker.root().to_str().unwrap());
        if ours != theirs {
            wrong.push(format!("{options}\n   docker {theirs}\n   stead  {ours}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn show(x: impl Fn(&str) -> stead_testkit::Output, line: &str, i: usize, root: &str) -> String {
    let made = x(line);
    if made.code != 0 {
        return format!("exit {}: {}", made.code, made.stderr.trim());
    }
    mounts(&x(&format!("inspect c{i}")).ok().json()[0], root).to_string()
}

/// Command lines whose exit status and streams must be the same.
const BEHAVES: &[&str] = &[
    "run --rm busybox echo hello",
    "run --rm busybox sh -c 'exit 3'",
    "run --rm busybox sh -c 'kill -9 $$'",
    "run --rm -v data:/d busybox sh -c 'echo 1 >/d/f; ls -la /d | wc -l'",
    "run --rm -v data:/d:ro busybox sh -c 'cat /d/f; touch /d/g'",
    "run --rm -u 1000:2000 -w /tmp -e A=1 busybox sh -c 'id -u; id -g; pwd; echo $A; umask'",
    "run --rm -u www-data busybox id",
    "run --rm --hostname h busybox sh -c 'hostname; cat /etc/hostname'",
    "run --rm busybox grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status",
    "run --rm --cap-add SYS_ADMIN --cap-drop CHOWN busybox grep CapEff /proc/self/status",
    "run --rm busybox sh -c 'cut -d\" \" -f2 /proc/mounts | grep -vE \"interrupts|thermal\" | sort -u'",
    "run --rm --read-only busybox sh -c 'cut -d\" \" -f2,4 /proc/mounts | grep -E \"^/(dev|proc|sys) \" | sort'",
    "run --rm --tmpfs /t:size=1m busybox grep ' /t ' /proc/mounts",
    "run --rm --mount type=tmpfs,dst=/t,tmpfs-size=3m,tmpfs-mode=1770 busybox grep ' /t ' /proc/mounts",
    "run --rm --shm-size 5m busybox grep ' /dev/shm ' /proc/mounts",
    "run --rm busybox sh -c 'ls -la /dev | cut -c1-10,40- | grep -vE \"console|total|core\" | sed \"s/.* //\" | sort'",
    "run --rm busybox sh -c 'stat -c \"%n %a %F\" /dev/null /dev/pts /dev/shm /proc /sys /tmp /root'",
    "run --rm --ulimit nofile=512:1024 busybox sh -c 'ulimit -Sn; ulimit -Hn'",
    "run --rm --entrypoint echo busybox a b",
    "run --rm --entrypoint '' busybox echo x",
    "run --rm busybox nosuch",
    "run --rm busybox /etc/passwd",
    "run --rm -w /etc/passwd busybox true",
    "run --rm -u nosuch busybox true",
    "run --rm --name x/y busybox true",
    "volume create --label a=b v1",
    "volume create v1",
    "volume inspect nope",
    "volume rm nope",
    "volume ls -q",
    "volume ls",
    "volume ls --format '{{.Name}}:{{.Labels}}'",
    "volume rm v1 data",
    "inspect nope",
    "rm nope",
    "kill nope",
    "logs nope",
    "cp nope:/x .",
];

#[test]
fn the_same_commands_behave_alike() {
    let Some((stead, docker)) = pair() else { return };
    let mut wrong = Vec::new();
    for line in BEHAVES {
        let ours = stead.x(line);
        let theirs = docker.cli().dir(stead.dir()).args(stead_testkit::split(line)).run();
        let streams = |text: String| text.replace(" in the container", "");
        if ours.code != theirs.code || streams(ours.text()) != streams(theirs.text()) || essence(&ours.stderr) != essence(&theirs.stderr) {
            wrong.push(format!("{line}\n-- docker: {theirs}\n-- stead: {ours}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), BEHAVES.len(), wrong.join("\n"));
}

/// What of an error a script could hold on to: without the daemon's envelope, runc's chain of causes, and the hint to read the help.
fn essence(stderr: &str) -> String {
    let mut text = String::new();
    for line in stderr.lines() {
        let line = line.trim();
        if line.is_empty()
            || line.starts_with("Run '")
            || line.starts_with("See '")
            || line.starts_with("Usage:")
            || line.contains("is not a docker command")
        {
            continue;
        }
        let mut line = line.replace("Error response from daemon: ", "");
        for prefix in ["docker: ", "stead: ", "Error: "] {
            line = line.strip_prefix(prefix).unwrap_or(&line).to_owned();
        }
        // runc says where it failed in a chain; the last two links are the cause.
        for chain in [
            "failed to create shim task: ",
            "OCI runtime create failed: ",
            "runc create failed: ",
            "unable to start container process: ",
            "failed to create task for container: ",
        ] {
            line = line.replace(chain, "");
        }
        text += line.trim_end_matches(": unknown").trim_end_matches('.');
        text.push('\n');
    }
    text
}

#[test]
fn files_in_volumes_look_alike() {
    let Some((stead, docker)) = pair() else { return };
    let listing = "find . | LC_ALL=C sort | xargs stat -c '%n %f %u %g %s'";
    for (name, run) in [
        ("etc", "run --rm -v etc:/etc busybox true"),
        ("tmp", "run --rm -v tmp:/tmp busybox true"),
        ("none", "run --rm -v none:/nowhere busybox true"),
    ] {
        stead.ok(run);
        docker.x(run).ok();
        let see = |dir: std::path::PathBuf| {
            let text = stead_testkit::Command::new("sh").args(["-c", listing]).dir(dir).run().ok().text();
            // A directory's size is the file system's affair.
            // The engine's own files come into a container by mounts; dockerd 20.10 leaves empty stand-ins for them in every root it makes.
            text.lines()
                .filter(|l| !["./hostname ", "./hosts ", "./mtab ", "./resolv.conf "].iter().any(|name| l.starts_with(name)))
                .map(|l| if l.contains(" 4") && l.ends_with(" 4096") { l.trim_end_matches(" 4096").to_owned() } else { l.to_owned() })
                .collect::<Vec<_>>()
        };
        assert_eq!(see(docker.root().join("volumes").join(name).join("_data")), see(stead.data(name)), "{name}");
    }
    both_modes(&stead, &docker);
}

/// Directory modes that keep other users of the host out.
fn both_modes(stead: &Sandbox, _docker: &Dockerd) {
    use std::os::unix::fs::MetadataExt;
    for dir in ["volumes", "containers", "layers"] {
        let mode = stead.root().join(dir).metadata().unwrap().mode() & 0o777;
        assert_eq!(mode & 0o066, 0, "{dir} is {mode:o}: a host user could list or write it");
    }
}
