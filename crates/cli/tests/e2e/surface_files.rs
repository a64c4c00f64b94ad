//! What a container wrote: diff, commit, export.
use crate::scene::{busybox, with};
use serde_json::Value;

#[test]
fn changes_are_told_while_it_runs_and_after() {
    let s = busybox();
    let script = "echo more >>/etc/passwd; mkdir /new; echo x >/new/f; ln -s f /new/l; rm /bin/wc; rm -rf /var/spool /home; chmod 711 /root; echo v >/vol/f; sleep 1000";
    s.ok(&format!("run -d --name dd --network none -v /vol --tmpfs /t busybox sh -c '{script}'"));
    s.eventually("all is done", || s.ok("diff dd").contains("/root"));
    let running = s.ok("diff dd");
    for line in ["C /etc", "C /etc/passwd", "A /new", "A /new/f", "A /new/l", "C /bin", "D /bin/wc", "C /root", "A /vol"] {
        assert!(running.lines().any(|l| l == line), "no {line:?} in\n{running}");
    }
    for hidden in ["/vol/f", "/etc/hosts", "/proc", "/dev", "/sys", "resolv.conf"] {
        assert!(!running.contains(hidden), "{hidden} in\n{running}");
    }
    s.ok("stop -t 0 dd");
    assert_eq!(s.ok("diff dd"), running);
    s.ok("create --name none --network none busybox true");
    assert_eq!(s.ok("diff none"), "");
    s.ok("run --name quiet --network none busybox true");
    assert_eq!(s.ok("diff quiet"), "", "what the engine itself puts there is no change");
    assert_eq!(s.ok("diff --format '{{.Type}}:{{.Path}}' dd").lines().next().unwrap().chars().nth(1), Some(':'));
    s.x("diff nope").exits(1).says("No such container: nope");
}

#[test]
fn a_commit_keeps_what_was_changed() {
    let s = with(&["busybox", "layers"]);
    let script =
        "rm -rf /keep; mkdir -p /keep; echo new >/keep/n; echo x >/added; chmod 4755 /added; rm /bin/wc; echo v >/data/f; sleep 1000";
    s.ok(&format!("run -d --name co --network none --entrypoint '' -u 0 -v vols:/data -e A=1 --label l=1 layers sh -c '{script}'"));
    s.eventually("all is done", || s.x("exec co cat /data/f").code == 0);
    let id = s.ok("commit -a me -m words -c 'CMD [\"cat\", \"/added\"]' -c 'ENV B=2' co mine:1");
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    assert_eq!(s.inspect("co")["State"]["Status"], "running", "unpaused again");
    let image: Value = s.x("image inspect mine:1").ok().json()[0].take();
    assert_eq!((image["Author"].as_str(), image["Comment"].as_str(), image["Id"].as_str()), (Some("me"), Some("words"), Some(id.as_str())));
    let config = &image["Config"];
    assert_eq!((config["Cmd"][0].as_str(), config["Labels"]["l"].as_str()), (Some("cat"), Some("1")));
    let env: Vec<&str> = config["Env"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(env.contains(&"A=1") && env.contains(&"B=2"), "{env:?}");
    assert_eq!(s.ok("run --rm --network none mine:1"), "x");
    let seen = s.ok("run --rm --network none mine:1 sh -c 'ls /keep /bin/wc 2>&1; stat -c %a /added; ls /data'");
    assert_eq!(seen, "ls: /bin/wc: No such file or directory\n/keep:\nn\n4755");
    // What was thrown away below a directory made anew stays away, in an archive too.
    let tar = s.dir().join("saved.tar");
    s.cli().args(["save", "-o"]).arg(&tar).arg("mine:1").run().ok();
    s.ok("rm -f co");
    s.ok("rmi mine:1");
    s.cli().args(["load", "-q", "-i"]).arg(&tar).run().ok();
    assert_eq!(s.ok("run --rm --network none mine:1 ls /keep"), "n");
    s.x("commit nope x").exits(1).says("No such container: nope");
    s.ok("create --name cc --network none busybox true");
    s.x("commit cc BAD").exits(1).says("invalid reference format");
    s.x("commit -c 'RUN x' cc").exits(1).says("RUN is not a valid change command");
    assert_eq!(s.x("images -q").ok().lines().len(), 3, "nothing is made of what is refused");
}

#[test]
fn a_commit_of_nothing_and_of_what_is_paused() {
    let s = busybox();
    s.ok("run -d --name pp --network none busybox sh -c 'echo 1 >/f; sleep 1000'");
    s.eventually("it wrote", || s.ok("diff pp") == "A /f");
    s.ok("pause pp");
    s.ok("commit pp one");
    assert_eq!(s.inspect("pp")["State"]["Status"], "paused", "it was paused before");
    s.ok("unpause pp");
    s.ok("commit --pause=false pp two");
    s.ok("run --name qq --network none busybox true");
    s.ok("commit qq three");
    let layers = |name: &str| s.x(&format!("image inspect {name}")).ok().json()[0]["RootFS"]["Layers"].as_array().unwrap().len();
    assert_eq!((layers("two"), layers("three")), (layers("busybox") + 1, layers("busybox")));
    assert_eq!(s.ok("run --rm --network none two cat /f"), "1");
}

#[test]
fn an_export_is_the_whole_tree_without_volumes() {
    let s = busybox();
    s.ok("run -d --name ex --network none -v data:/data busybox sh -c 'echo in >/data/f; echo out >/f; ln /f /g; rm /bin/wc; sleep 1000'");
    s.eventually("it wrote", || s.ok("diff ex").contains("D /bin/wc"));
    for state in ["running", "stopped"] {
        let tar = s.dir().join(format!("{state}.tar"));
        s.cli().args(["export", "-o"]).arg(&tar).arg("ex").run().ok();
        let names = stead_testkit::Command::new("tar").args(["-tf"]).arg(&tar).run().ok().lines();
        for name in ["bin/", "bin/sh", "etc/passwd", "f", "g", "data/", "tmp/"] {
            assert!(names.iter().any(|n| n == name), "{state}: no {name} in {names:?}");
        }
        assert!(
            !names.iter().any(|n| n == "data/f" || n == "bin/wc" || n.starts_with("./") || n.starts_with("proc/1")),
            "{state}: {names:?}"
        );
        s.x("stop -t 0 ex").ok();
    }
    let stopped = s.dir().join("stopped.tar");
    s.cli().args(["import"]).arg(&stopped).arg("flat:1").run().ok();
    assert_eq!(s.ok("run --rm --network none flat:1 cat /g"), "out");
    let piped = s.x("export ex").ok().stdout;
    assert_eq!(piped.len() % 512, 0);
    assert!(piped.len() > 100_000);
    s.ok("start ex");
    s.ok("stop -t 0 ex");
    // A reader that does not read keeps nobody from starting it.
    let mut slow = s.cli().args(["export", "ex"]).spawn();
    s.ok("start ex");
    slow.kill().unwrap();
    slow.wait().unwrap();
    s.x("export -o /nope/x ex").exits(1).says("failed to export container");
    s.x("export nope").exits(1).says("No such container: nope");
}
