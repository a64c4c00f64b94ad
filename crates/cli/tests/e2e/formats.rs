//! What is printed: tables, templates, help, completion, version, info.
use crate::scene::{STEAD, beyond_the_peer, busybox};

#[test]
fn ps_and_images_templates() {
    let s = busybox();
    s.ok("create --name cc -v data:/d busybox sh -c 'echo a very long command line indeed'");
    assert_eq!(s.ok("ps -a --format '{{.Names}}|{{.Mounts}}|{{.State}}'"), "cc|data|created");
    assert_eq!(s.ok("ps -a --format 'table {{.Names}}\\t{{.Image}}'"), "NAMES     IMAGE\ncc        busybox");
    let json: serde_json::Value = serde_json::from_str(&s.ok("ps -a --format '{{json .}}'")).unwrap();
    assert_eq!((json["Names"].as_str(), json["Image"].as_str()), (Some("cc"), Some("busybox")));
    let json: serde_json::Value = serde_json::from_str(&s.ok("ps -a --format json")).unwrap();
    assert_eq!(json["State"], "created");
    assert!(s.ok("images --format '{{.Repository}}:{{.Tag}}'").lines().any(|l| l == "busybox:latest"));
    assert!(s.ok("ps -a").contains("\"sh -c 'echo a very …\""));
    assert!(s.ok("ps -a --no-trunc").contains("a very long command line indeed"));
    let ls: serde_json::Value = serde_json::from_str(&s.ok("volume ls --format json")).unwrap();
    assert_eq!(
        (ls["Name"].as_str(), ls["Driver"].as_str(), ls["Size"].as_str(), ls["Links"].as_str()),
        (Some("data"), Some("local"), Some("N/A"), Some("N/A"))
    );
    assert_eq!(s.ok("ps -a -f volume=data --format '{{.Names}}'"), "cc");
    assert_eq!(s.ok("ps -a -f volume=/d --format '{{.Names}}'"), "cc");
    assert_eq!(s.ok("ps -a -f ancestor=busybox -n 1 --format '{{.Names}}'"), "cc");
}

#[test]
fn version_info_df() {
    let s = busybox();
    s.ok("run --rm -v data:/d busybox sh -c 'head -c 100000 /dev/zero >/d/f'");
    s.x("version").ok().prints("Version");
    s.x("info").ok().prints("Storage Driver").prints(s.root().to_str().unwrap());
    let df = s.ok("system df");
    for row in ["Images", "Containers", "Local Volumes"] {
        assert!(df.contains(row), "{df}");
    }
    assert!(s.ok("system df -v").contains("data"));
}

#[test]
fn help_reads_like_a_manual() {
    let Some(s) = beyond_the_peer("our help") else { return };
    let top = s.ok("--help");
    for verb in ["run", "volume", "image", "container", "system", "exec", "logs", "cp", "--root", "--run-root"] {
        assert!(top.contains(verb), "{verb} in {top}");
    }
    let run = s.ok("run --help");
    for option in [
        "--mount",
        "--volume",
        "--tmpfs",
        "--volumes-from",
        "--volume-driver",
        "--read-only",
        "--restart",
        "--stop-signal",
        "--stop-timeout",
        "--memory",
        "--cpus",
        "--pids-limit",
        "--ulimit",
        "--cap-add",
        "--cap-drop",
        "--privileged",
        "--security-opt",
        "--init",
        "--shm-size",
        "--device",
        "--sysctl",
        "--log-opt",
        "--pull",
        "--cidfile",
        "--network",
        "--runtime",
        "--env-file",
        "--group-add",
        "--entrypoint",
        "--hostname",
        "--label",
        "--workdir",
        "--user",
        "--name",
        "--rm",
        "--interactive",
        "--tty",
        "--detach",
    ] {
        assert!(run.contains(option), "{option} in run --help");
    }
    for verb in ["volume create", "volume prune", "container run", "image import", "system check", "cp", "exec"] {
        s.x(&format!("{verb} --help")).ok().prints("Usage");
    }
}

#[test]
fn completion_scripts() {
    if beyond_the_peer("our completion").is_none() {
        return;
    }
    for shell in ["bash", "zsh", "fish"] {
        stead_testkit::Command::new(STEAD).args(["completion", shell]).run().ok().prints("stead");
    }
}
