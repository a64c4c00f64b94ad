//! The words Docker does not have, in `-v` and in `--mount`, also where they are hostile.

use std::path::Path;

use super::*;
use crate::parse::{Mode, long, short, volumes_from};
use crate::request::MountRequest;

fn mounted(options: &str) -> Result<MountRequest, String> {
    long(&format!("type=bind,src=/s,dst=/d,{options}"), Path::new("/cwd")).map_err(|e| e.to_string())
}

fn extras(options: &str) -> Extras {
    mounted(options).unwrap().bind_options.unwrap().extras
}

fn ranges(list: &[(u32, u32, u32)]) -> Vec<IdRange> {
    list.iter().map(|(on_disk, shown, count)| IdRange { on_disk: *on_disk, shown: *shown, count: *count }).collect()
}

#[test]
fn idmap_in_every_spelling() {
    for auto in ["idmap", "idmap=auto", "IDMAP=auto", "bind-idmap", "bind-idmap=match-user", "idmap=match-user"] {
        assert_eq!(extras(auto).id_mapping, Some(IdMapping::match_user()), "{auto}");
    }
    let user = Some(IdMapping { user: "app:www".into(), ..IdMapping::match_user() });
    assert_eq!(extras("bind-idmap=match-user:app:www").id_mapping, user);
    for maps in ["idmap=uids=1000:0:1;gids=1000:0:1", "idmap=uids=1000-0-1;gids=1000-0-1", "idmap=gids=@1000-0-1;uids=@1000-0-1"] {
        let one = ranges(&[(1000, 0, 1)]);
        assert_eq!(extras(maps).id_mapping, Some(IdMapping { uids: one.clone(), gids: one, ..IdMapping::default() }), "{maps}");
    }
    let several = Some(IdMapping { uids: ranges(&[(0, 1, 10), (10, 11, 10)]), gids: ranges(&[(0, 100, 10)]), ..IdMapping::default() });
    assert_eq!(extras("idmap=uids=0-1-10#10-11-10;gids=0-100-10").id_mapping, several);
    assert_eq!(extras("\"idmap=uids=0:1:10,10:11:10;gids=0:100:10\"").id_mapping, several);
}

#[test]
fn the_same_words_follow_a_volume() {
    let words = "ro,nocopy,idmap=uids=1000-0-1#5-6-7,noexec,nosuid,nodev,O,upperdir=/u,workdir=/w,relabel=private";
    let mode = Mode::parse(words).unwrap();
    assert_eq!(mode.extras.id_mapping.as_ref().unwrap().uids, ranges(&[(1000, 0, 1), (5, 6, 7)]));
    assert_eq!(mode.extras.flags, ["noexec", "nosuid", "nodev"]);
    assert_eq!(mode.extras.overlay, Some(OverlayOptions { upper_dir: "/u".into(), work_dir: "/w".into(), volume: String::new() }));
    assert_eq!((mode.read_only, mode.nocopy, mode.extras.relabel.as_str()), (true, true, "private"));
    let point = short::linux_raw("data:/d:U,nosuid", "").unwrap();
    assert_eq!(point.mode, "U,nosuid");
    assert!(point.spec.extras().unwrap().chown && point.spec.extras().unwrap().has_flag("nosuid"));
    let point = short::linux_raw("/src:/d:idmap", "").unwrap();
    assert_eq!(point.spec.extras().unwrap().id_mapping, Some(IdMapping::match_user()));
    assert_eq!(short::linux_raw("/src:/d:O,overlay=v1", "").unwrap_err().to_string(), "invalid mode: O,overlay=v1");
    assert_eq!(short::linux_raw("/src:/d:overlay=changes", "").unwrap().overlay_volume(), Some("changes"));
    let long = long("type=volume,src=v,dst=/d,overlay=changes,volume-nocopy", Path::new("/")).unwrap();
    assert_eq!(long.volume_options.unwrap().extras.overlay.unwrap().volume, "changes");
}

#[test]
fn wrong_and_hostile_modes_have_dockers_words() {
    let long = format!("idmap=uids={}", "9".repeat(70_000));
    for bad in [
        "idmap=",
        "idmap=me",
        "idmap=uids",
        "idmap=uids=",
        "idmap=uids=1",
        "idmap=uids=1-2",
        "idmap=uids=1-2-3-4",
        "idmap=uids=-1-2-3",
        "idmap=uids=+1-2-3",
        "idmap=uids=1-2- 3",
        "idmap=uids=4294967296-0-1",
        "idmap=uids=1-2-3;uids=4-5-6",
        "idmap=uids=1-2-3;",
        "idmap=gids=1-2-3#",
        "idmap=pids=1-2-3",
        "idmap,idmap",
        "IDMAP",
        "u",
        "o",
        "U,U",
        "O,O",
        "U=maybe",
        "upperdir",
        "upperdir=",
        "workdir",
        "relabel",
        "relabel=z",
        "relabel=shared,relabel=private",
        "exec,noexec",
        "noexec=2",
        "nosymfollow",
        "noatime",
        "O=x",
        "overlay=",
        "idmap=uids=1\0-2-3",
        "idmap=auto;",
        "bind-idmap",
        &long,
    ] {
        assert_eq!(short::linux_raw(&format!("/s:/d:{bad}"), "").unwrap_err().to_string(), format!("invalid mode: {bad}"));
    }
    // Found by the rules, not by the grammar.
    for (bad, words) in [
        ("U,idmap", "idmap and U exclude each other: idmap needs no change of the files' owners"),
        ("U,O", "U and O exclude each other: use idmap together with O"),
        ("upperdir=/u", "upperdir and workdir must both be specified"),
        ("idmap=uids=0-0-0", "idmap range 0:0:0 is empty or leaves the ids there are"),
        ("idmap=uids=0-0-5#4-9-1", "idmap ranges 0:0:5 and 4:9:1 overlap"),
    ] {
        let raw = format!("/s:/d:{bad}");
        let wanted = format!("invalid volume specification: '{raw}': invalid mount config for type \"bind\": {words}");
        assert_eq!(short::linux_raw(&raw, "").unwrap_err().to_string(), wanted);
    }
    for bad in ["U", "relabel=shared"] {
        let error = short::linux_raw(&format!("vol@snap:/d:{bad}"), "").unwrap_err().to_string();
        assert!(error.ends_with("a snapshot is nobody's to change: use idmap"), "{error}");
    }
    assert!(short::linux_raw("vol@snap:/d:ro,idmap", "").is_ok());
    for mode in ["idmap", "U", "O", "noexec", "upperdir=/u,workdir=/w"] {
        assert_eq!(volumes_from(&format!("c:{mode}")).unwrap_err().to_string(), format!("invalid mode: {mode}"));
    }
    // A target that looks like one of our words is no mode.
    assert!(short::linux_raw("/s:U", "").unwrap_err().to_string().contains("mount path must be absolute"));
}

#[test]
fn wrong_mount_options_are_named() {
    for (bad, words) in [
        ("idmap=me", "invalid value for idmap: me"),
        ("idmap=", "invalid value for 'idmap': value is empty"),
        ("relabel=none", "invalid value for relabel: none"),
        ("noexec=maybe", "invalid value for noexec: maybe"),
        ("upperdir", "invalid value for upperdir: "),
        ("nosymfollow", "invalid field 'nosymfollow' must be a key=value pair"),
        ("idmaps=auto", "unexpected key 'idmaps' in 'idmaps=auto'"),
    ] {
        assert_eq!(mounted(bad).unwrap_err(), words, "{bad}");
    }
    let of_type = |kind: &str, options: &str| long(&format!("type={kind},dst=/d,{options}"), Path::new("/")).map_err(|e| e.to_string());
    assert_eq!(of_type("tmpfs", "idmap").unwrap_err(), "option 'idmap' cannot be used with mount type 'tmpfs'");
    assert_eq!(of_type("image", "src=i,noexec").unwrap_err(), "option 'noexec' cannot be used with mount type 'image'");
    assert_eq!(of_type("tmpfs", "exec").unwrap().tmpfs_options.unwrap().options, [["exec"]]);
}

#[test]
fn a_switch_may_be_turned_off() {
    assert!(!extras("U=false").chown && extras("chown=true").chown && extras("U").chown);
    assert_eq!(extras("noexec=false").flags, ["exec"]);
    assert_eq!(extras("overlay=false").overlay, None);
    assert_eq!(extras("overlay=true").overlay, Some(OverlayOptions::default()));
}

#[test]
fn a_tmpfs_has_an_owner_and_a_beginning() {
    let request = long("type=tmpfs,dst=/d,tmpfs-uid=999,tmpfs-gid=998,tmpfs-copyup", Path::new("/")).unwrap();
    let options = request.tmpfs_options.unwrap();
    assert_eq!((options.uid, options.gid, options.copy_up), (Some(999), Some(998), true));
    for bad in ["tmpfs-uid=-1", "tmpfs-uid=root", "tmpfs-gid=4294967295", "tmpfs-gid=4294967296", "tmpfs-uid=0x1"] {
        let (key, value) = bad.split_once('=').unwrap();
        let error = long(&format!("type=tmpfs,dst=/d,{bad}"), Path::new("/")).unwrap_err().to_string();
        assert_eq!(error, format!("invalid value for {key}: {value}"));
    }
    let spec = crate::parse::tmpfs::options("uid=5,tmpcopyup").unwrap().spec;
    assert_eq!((spec.uid, spec.copy_up), (Some(5), true));
    assert!(!crate::parse::tmpfs::options("tmpcopyup,notmpcopyup").unwrap().spec.copy_up);
}
