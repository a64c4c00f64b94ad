//! What may be asked together, and what JSON carries it.

use super::*;
use crate::request::{BindOptions, VolumeOptions};

fn maps(uids: &[(u32, u32, u32)]) -> Extras {
    let uids = uids.iter().map(|(on_disk, shown, count)| IdRange { on_disk: *on_disk, shown: *shown, count: *count }).collect();
    Extras { id_mapping: Some(IdMapping { uids, ..IdMapping::default() }), ..Extras::default() }
}

#[test]
fn ranges_obey_the_kernels_rules() {
    assert_eq!(maps(&[(0, 100, 10), (10, 0, 100)]).fault(), None);
    assert_eq!(maps(&[(u32::MAX - 1, 0, 1)]).fault(), None);
    for bad in [
        &[(0, 0, 0)][..],
        &[(u32::MAX, 0, 1)],
        &[(0, u32::MAX, 1)],
        &[(5, 0, u32::MAX)],
        &[(0, 0, 10), (9, 50, 1)],
        &[(0, 0, 10), (50, 9, 1)],
        &[(5, 5, 1), (0, 100, 10)],
    ] {
        assert!(maps(bad).fault().is_some(), "{bad:?}");
    }
    let many: Vec<_> = (0..341).map(|n| (n, n, 1)).collect();
    assert_eq!(maps(&many).fault().unwrap(), "idmap has 341 ranges, the kernel takes 340");
}

#[test]
fn what_contradicts_is_refused() {
    let auto = || Extras { id_mapping: Some(IdMapping::match_user()), ..Extras::default() };
    let overlay = |upper: &str, work: &str, volume: &str| Extras {
        overlay: Some(OverlayOptions { upper_dir: upper.into(), work_dir: work.into(), volume: volume.into() }),
        ..Extras::default()
    };
    for good in [auto(), overlay("", "", ""), overlay("/u", "/w", ""), overlay("", "", "changes"), Extras::default()] {
        assert_eq!(good.fault(), None, "{good:?}");
    }
    let userns = IdMapping { source: "userns".into(), ..IdMapping::default() };
    let both = IdMapping { uids: vec![IdRange { on_disk: 0, shown: 1, count: 1 }], ..IdMapping::match_user() };
    for bad in [
        Extras { chown: true, ..auto() },
        Extras { chown: true, ..overlay("", "", "") },
        overlay("/u", "", ""),
        overlay("", "/w", ""),
        overlay("u", "w", ""),
        overlay("/u\0", "/w", ""),
        overlay("/u", "/w", "v1"),
        overlay("", "", "../v1"),
        Extras { id_mapping: Some(userns), ..Extras::default() },
        Extras { id_mapping: Some(both), ..Extras::default() },
        Extras { id_mapping: Some(IdMapping::default()), ..Extras::default() },
        Extras { id_mapping: Some(IdMapping { user: "a\nb".into(), ..IdMapping::match_user() }), ..Extras::default() },
        Extras { relabel: "z".into(), ..Extras::default() },
        Extras { flags: vec!["noatime".into()], ..Extras::default() },
    ] {
        assert!(bad.fault().is_some(), "{bad:?}");
    }
}

#[test]
fn of_flags_of_one_class_the_last_counts() {
    let extras = Extras { flags: vec!["noexec".into(), "nosuid".into(), "exec".into()], ..Extras::default() };
    assert!(extras.has_flag("nosuid") && extras.has_flag("exec"));
    assert!(!extras.has_flag("noexec") && !extras.has_flag("suid") && !extras.has_flag("nodev") && !extras.has_flag("bogus"));
}

#[test]
fn json_is_dockers_where_nothing_is_asked_and_moby_s_proposal_where_something_is() {
    assert_eq!(serde_json::to_string(&BindOptions::default()).unwrap(), "{}");
    assert_eq!(serde_json::to_string(&VolumeOptions::default()).unwrap(), "{}");
    let text = r#"{"IDMapping":{"Source":"match-user","User":"1000:1000"},"Chown":false,"MountFlags":null}"#;
    let options: BindOptions = serde_json::from_str(text).unwrap();
    let mapping = IdMapping { user: "1000:1000".into(), ..IdMapping::match_user() };
    assert_eq!(options.extras, Extras { id_mapping: Some(mapping), ..Extras::default() });
    assert_eq!(serde_json::to_string(&options).unwrap(), r#"{"IDMapping":{"Source":"match-user","User":"1000:1000"}}"#);
    let text = r#"{"NoCopy":true,"IDMapping":{"UIDMaps":[{"ContainerID":1000,"HostID":0,"Size":1}]},"Overlay":{"Volume":"v"}}"#;
    let options: VolumeOptions = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&options).unwrap(), text);
}
