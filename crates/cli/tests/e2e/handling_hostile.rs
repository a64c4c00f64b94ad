//! Archives that lie and containers that race, against `volume import`, `export`, `cp` and `create --from` (CVE-2023-0778, CVE-2025-9566,
//! CVE-2025-11395): nothing outside the volume is read or changed, and nothing half done stays.
use crate::kill::{at_every_call, ready};
use crate::scene::{beyond_the_peer, names};
use crate::snapshots::{everywhere, sh};
use std::os::unix::fs::symlink;
use stead_testkit::{Canary, Sandbox, Swap, hostile};

fn import(s: &Sandbox, how: &[&str], tar: &[u8]) -> i32 {
    s.cli().args(["volume", "import"]).args(how).args(["data", "-"]).stdin(tar).run().code
}

#[test]
fn no_archive_touches_anything_outside_the_volume() {
    everywhere(|s, fs, _| {
        let canary = Canary::at(&s.mkdir("canary"));
        let outside = canary.path().to_str().unwrap().to_owned();
        let mut accepted = 0;
        for (index, vector) in hostile::vectors(&outside).into_iter().enumerate() {
            s.ok("volume create data");
            symlink(&outside, s.data("data").join("oldlink")).unwrap();
            std::fs::write(s.data("data").join("mine"), "mine").unwrap();
            for how in [&["--merge"][..], &["--replace"]] {
                let code = import(s, how, &vector.tar);
                canary.assert_untouched();
                let there = names(&s.data("data"));
                if code != 0 {
                    assert!(there.contains(&"mine".to_owned()) && there.contains(&"oldlink".to_owned()), "{}: {there:?}", vector.name);
                }
                accepted += usize::from(code == 0);
                // It holds nothing that was outside.
                let found = sh(&s.data("data"), &format!("grep -rl {} . 2>/dev/null || true", canary.secret().trim()));
                assert_eq!(found, "", "{} on {}", vector.name, fs.name());
            }
            let made = s.cli().args(["volume", "create", "--from", "tar:-", "made"]).stdin(vector.tar).run().code == 0;
            assert_eq!(made, s.x("volume inspect made").code == 0, "{}: there or not", vector.name);
            canary.assert_untouched();
            s.ok("volume rm -f --now data made");
            if index % 10 == 0 {
                assert!(names(&s.root().join("volumes/.staging")).is_empty(), "{}", vector.name);
            }
        }
        assert!(accepted >= 20, "harmless ones are accepted: {accepted}");
        s.ok("system check");
    });
}

/// What a container does to its volume while somebody copies: a directory and a link to the machine change places all the time.
#[test]
fn a_racer_in_the_volume_leads_nobody_out_of_it() {
    let Some(s) = beyond_the_peer("volume cp") else { return };
    let canary = Canary::at(&s.mkdir("canary"));
    s.ok("volume create data");
    let data = s.data("data");
    sh(&data, "mkdir -p w/real/sub; echo own >w/real/secret");
    symlink(canary.path(), data.join("w/link")).unwrap();
    let honest = hostile::honest(&[
        ("w/real/sub/", ""),
        ("w/real/secret", "written"),
        ("w/real/hostname", "written"),
        ("w/real/sub/file", "written"),
    ]);
    let swap = Swap::start(&data.join("w/real"), &data.join("w/link"));
    swap.warm_up();
    let mut done = [0; 6];
    for round in 0..25 {
        let runs = [
            s.cli().args(["volume", "cp", "data:/w/real/.", "-"]).run(),
            s.cli().args(["volume", "cp", "-L", "data:/w/real", "-"]).run(),
            s.cli().args(["volume", "export", "data"]).run(),
            s.cli().args(["volume", "cat", "data:/w/real/secret"]).run(),
            s.cli().args(["volume", "cp", "-", "data:/w/real"]).stdin(hostile::honest(&[("secret", "w"), ("sub/file", "w")])).run(),
            s.cli().args(["volume", "import", "--merge", "data", "-"]).stdin(honest.clone()).run(),
        ];
        for (index, out) in runs.iter().enumerate() {
            done[index] += usize::from(out.code == 0);
            assert!(!String::from_utf8_lossy(&out.stdout).contains(canary.secret()), "{index}: the machine's secret came out");
        }
        if round % 5 == 0 {
            canary.assert_untouched();
        }
    }
    let swaps = swap.finish();
    canary.assert_untouched();
    assert!(done.iter().filter(|done| **done > 0).count() >= 4, "the commands work beside it: {done:?}, {swaps} swaps");
}

const FILES: [(&str, &str); 4] = [("./", ""), ("one", "1"), ("sub/", ""), ("sub/two", "2")];

fn set_up(s: &Sandbox, content: &str) {
    s.x("volume rm -f --now data").ok();
    s.ok("volume trash empty -f");
    s.ok("volume create data");
    if !content.is_empty() {
        std::fs::write(s.data("data").join(content), content).unwrap();
    }
}

#[test]
fn an_import_is_killed_anywhere() {
    let Some(s) = ready() else { return };
    std::fs::write(s.dir().join("x.tar"), hostile::honest(&FILES)).unwrap();
    let file = s.dir().join("x.tar").display().to_string();
    let command = s.cli().args(["volume", "import", "data", &file]);
    at_every_call(
        &s,
        || set_up(&s, ""),
        &command,
        |code, place| {
            let there = names(&s.data("data"));
            assert!(there == ["one", "sub"] || (there.is_empty() && code != 0), "{place}: {there:?}");
            if there.is_empty() {
                s.ok(&format!("volume import data {file}"));
            }
            assert_eq!(std::fs::read_to_string(s.data("data").join("sub/two")).unwrap(), "2", "{place}");
        },
    );
    // What is replaced is in the volume, or can be had back.
    let command = s.cli().args(["volume", "import", "--replace", "data", &file]);
    at_every_call(
        &s,
        || set_up(&s, "old"),
        &command,
        |code, place| {
            let there = names(&s.data("data"));
            assert!(there == ["one", "sub"] || (there == ["old"] && code != 0), "{place}: {there:?}");
            if there != ["old"] {
                s.ok("system check --repair");
                assert_eq!(s.ok("volume trash ls --format '{{.Name}}'"), "data", "{place}");
                s.ok("volume undelete data before");
                assert_eq!(names(&s.data("before")), ["old"], "{place}");
                s.ok("volume rm --now before");
            }
        },
    );
}

#[test]
fn a_creation_with_content_is_killed_anywhere() {
    let Some(s) = ready() else { return };
    std::fs::write(s.dir().join("x.tar"), hostile::honest(&FILES)).unwrap();
    let from = s.mkdir("from");
    sh(&from, "echo 1 >one; mkdir sub; echo 2 >sub/two");
    for source in [s.dir().join("x.tar"), from] {
        let command = s.cli().args(["volume", "create", "--from"]).arg(&source).arg("data");
        at_every_call(
            &s,
            || drop(s.x("volume rm -f --now data").ok()),
            &command,
            |code, place| {
                let listed = s.ok("volume ls -q -f name=data");
                assert!(code != 0 || listed == "data", "{place}: acknowledged and not there");
                if listed == "data" {
                    assert_eq!(names(&s.data("data")), ["one", "sub"], "{place}: a volume that is there is whole");
                    assert_eq!(names(&s.data("data").join("sub")), ["two"], "{place}");
                }
            },
        );
    }
}

#[test]
fn a_copy_into_a_volume_is_killed_anywhere() {
    let Some(s) = ready() else { return };
    let here = s.mkdir("here");
    sh(&here, "echo new >f; mkdir sub; echo deep >sub/g");
    s.ok("volume create data");
    let command = s.cli().args(["volume", "cp"]).arg(here.join(".")).arg("data:/");
    let before = || {
        sh(&s.data("data"), "rm -rf sub; echo old >f");
    };
    at_every_call(&s, before, &command, |code, place| {
        let f = std::fs::read_to_string(s.data("data").join("f")).unwrap();
        assert!(f == "new\n" || (f == "old\n" && code != 0), "{place}: {f:?}");
        if code == 0 {
            assert_eq!(names(&s.data("data")), ["f", "sub"], "{place}");
            assert_eq!(std::fs::read_to_string(s.data("data").join("sub/g")).unwrap(), "deep\n", "{place}");
        }
        sh(&s.data("data"), "rm -f .stead-cp-*");
    });
}
