//! Defaults, collisions and refusals of tmpfs options.

use proptest::prelude::{ProptestConfig, proptest};

use super::*;

fn read(user: &str) -> Options {
    options(user).unwrap_or_else(|error| panic!("{user}: {error}"))
}

#[test]
fn the_value_is_cut_at_its_first_colon() {
    assert_eq!(tmpfs("/app"), ("/app".into(), String::new()));
    assert_eq!(tmpfs("/app:size=1m,exec"), ("/app".into(), "size=1m,exec".into()));
    assert_eq!(tmpfs("/app:mpol=bind:0"), ("/app".into(), "mpol=bind:0".into()));
    assert_eq!(tmpfs(""), (String::new(), String::new()));
}

#[test]
fn only_the_path_is_checked_at_create() {
    assert_eq!(check_target("/app"), Ok(()));
    assert_eq!(check_target("/").unwrap_err().to_string(), "invalid specification: destination can't be '/'");
    assert_eq!(check_target("/a/..").unwrap_err().to_string(), "invalid specification: destination can't be '/'");
    assert_eq!(check_target("app").unwrap_err().to_string(), "invalid mount path: 'app' mount path must be absolute");
    assert_eq!(check_target("").unwrap_err().to_string(), "invalid mount path: '' mount path must be absolute");
}

#[test]
fn nothing_said_is_safe() {
    let merged = read("");
    assert!(merged.attr.noexec && merged.attr.nosuid && merged.attr.nodev);
    assert_eq!((merged.attr.ro, merged.propagation, &merged.spec), (Ro::No, Propagation::RPrivate, &TmpfsSpec::default()));
    assert_eq!(read("defaults"), merged);
}

#[test]
fn the_later_of_two_words_of_one_class_counts() {
    assert!(!read("exec").attr.noexec);
    assert!(read("exec,noexec").attr.noexec);
    assert!(!read("noexec,exec").attr.noexec);
    assert_eq!(read("ro,rw").attr.ro, Ro::No);
    assert_eq!(read("rw,ro").attr.ro, Ro::Shallow);
    assert_eq!(read("size=1m,size=2m").spec.size.as_deref(), Some("2m"));
    assert_eq!(read("shared,rslave").propagation, Propagation::RSlave);
    assert_eq!(read("noatime,strictatime").attr.atime, Atime::Strictatime);
    assert_eq!(read("strictatime,noatime").attr.atime, Atime::Noatime);
    assert_eq!(read("noatime,atime").attr.atime, Atime::Inherit);
}

#[test]
fn every_value_is_kept() {
    let spec = read("size=50%,mode=1770,uid=1,gid=2,nr_inodes=10k,nr_blocks=0x10,mpol=interleave:0-1,noswap,sync,dirsync").spec;
    let wanted = TmpfsSpec {
        size: Some("50%".into()),
        mode: Some(0o1770),
        uid: Some(1),
        gid: Some(2),
        nr_inodes: Some("10k".into()),
        nr_blocks: Some("0x10".into()),
        mpol: Some("interleave:0-1".into()),
        noswap: true,
        sync: true,
        dirsync: true,
        copy_up: false,
    };
    assert_eq!(spec, wanted);
}

#[test]
fn what_does_not_exist_or_cannot_apply_is_named() {
    for bad in [
        "bogus",
        "size",
        "=",
        "=1",
        "bogus=1",
        "size=",
        "size=abc",
        "size=1x",
        "size=-1",
        "mode=9",
        "mode=77777",
        "uid=-1",
        "uid=x",
        "nr_inodes=5%",
        "mpol=a b",
        "bind",
        "rbind",
        "remount",
        "huge=always",
        "SIZE=1m",
        " exec",
    ] {
        assert_eq!(options(bad).unwrap_err().to_string(), format!("invalid tmpfs option \"{bad}\""));
    }
    assert_eq!(options("exec,,ro").unwrap_err().to_string(), "invalid tmpfs option \"\"");
    assert_eq!(options("bogus,exec").unwrap_err().to_string(), "invalid tmpfs option \"bogus\"");
}

#[test]
fn requests_become_options_with_the_largest_even_suffix() {
    let text = |size_bytes, mode, read_only| {
        request_options(Some(&TmpfsOptions { size_bytes, mode, ..TmpfsOptions::default() }), read_only).unwrap()
    };
    assert_eq!(text(2 << 20, 0o700, true), "ro,mode=700,size=2m");
    assert_eq!(text(3 << 30, 0, false), "size=3g");
    assert_eq!(text(1536, 0, false), "size=1536");
    assert_eq!(text(10 << 10, 0o1777, false), "mode=1777,size=10k");
    assert_eq!(text(0, 0, false), "");
    assert_eq!(request_options(None, true), Ok("ro".into()));
    let with = |options: Vec<Vec<&str>>| {
        let options = options.into_iter().map(|option| option.into_iter().map(str::to_owned).collect()).collect();
        request_options(Some(&TmpfsOptions { options, no_swap: true, ..TmpfsOptions::default() }), false).map_err(|e| e.to_string())
    };
    assert_eq!(with(vec![vec!["exec"], vec!["noexec"]]), Ok("exec,noexec,noswap".into()));
    assert_eq!(with(vec![vec!["suid"]]), Err("invalid option: suid".into()));
    assert_eq!(with(vec![vec![]]), Err("invalid option array length".into()));
    assert_eq!(with(vec![vec!["exec", "a", "b"]]), Err("invalid option array length".into()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_options_make_it_panic(user in ".{0,40}") {
        drop(options(&user));
        drop(check_target(&user));
    }

    #[test]
    fn the_default_flags_give_way_only_to_their_opposites(user in "((ro|rw|size=1m|mode=700|noatime|sync),?){0,6}") {
        if let Ok(merged) = options(user.trim_end_matches(',')) {
            assert!(merged.attr.noexec && merged.attr.nosuid && merged.attr.nodev);
        }
    }
}
