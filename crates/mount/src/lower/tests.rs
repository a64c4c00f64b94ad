//! What the runtime is given for each way of asking.

use super::*;
use crate::parse::short::{linux_raw, linux_spec};
use crate::request::{ImageOptions, MountRequest, TmpfsOptions, VolumeOptions};
use crate::validate::{Found, Probe};
use crate::value::TmpfsSpec;

struct Everything;

impl Probe for Everything {
    fn look(&self, _path: &str) -> Result<Option<Found>, String> {
        Ok(Some(Found::Directory))
    }
}

fn layers(_point: &MountPoint) -> Vec<PathBuf> {
    vec!["/l/2".into(), "/l/1".into()]
}

fn raw(spec: &str) -> Mount {
    let mut point = linux_raw(spec, "").unwrap();
    if point.kind == MountType::Volume {
        let name = point.name.clone();
        point.set_volume(&name, "local", "/v/_data");
    }
    lower(&point, &layers).unwrap()
}

fn bind(read_only: bool, options: BindOptions) -> Result<Mount, String> {
    let request = MountRequest {
        kind: MountType::Bind,
        source: "/s".into(),
        target: "/t".into(),
        read_only,
        bind_options: Some(options),
        ..MountRequest::default()
    };
    lower(&linux_spec(&request, &Everything).unwrap(), &layers).map_err(|e| e.to_string())
}

#[test]
fn binds_are_recursive_private_and_made_when_missing() {
    let mount = raw("/s:/t");
    assert_eq!(mount.source, Source::Path("/s".into()));
    assert_eq!((mount.attr.ro, mount.recursive, mount.propagation, mount.create_source), (Ro::No, true, Propagation::RPrivate, true));
    assert_eq!(raw("/s:/t:ro,shared").attr.ro, Ro::Recursive);
    assert_eq!(raw("/s:/t:ro,shared").propagation, Propagation::Shared);
    assert!(!raw("/s:/t:shared").propagation_fallback);
    assert!(!bind(false, BindOptions::default()).unwrap().create_source);
    assert!(bind(false, BindOptions { create_mountpoint: true, ..BindOptions::default() }).unwrap().create_source);
}

#[test]
fn volumes_are_directories_of_the_engine() {
    let mount = raw("vol:/t:ro");
    assert_eq!(mount.source, Source::Dir { path: "/v/_data".into(), subpath: None });
    assert_eq!((mount.attr.ro, mount.recursive, mount.create_source), (Ro::Recursive, true, false));
    let request = MountRequest {
        source: "vol".into(),
        target: "/t".into(),
        volume_options: Some(VolumeOptions { subpath: "a/b".into(), ..VolumeOptions::default() }),
        ..MountRequest::default()
    };
    let mut point = linux_spec(&request, &Everything).unwrap();
    assert!(matches!(lower(&point, &layers), Err(LowerError::Unresolved(_))));
    point.set_volume("vol", "local", "/v/_data");
    assert_eq!(lower(&point, &layers).unwrap().source, Source::Dir { path: "/v/_data".into(), subpath: Some("a/b".into()) });
}

#[test]
fn images_are_always_read_only() {
    let request = MountRequest {
        kind: MountType::Image,
        source: "nginx".into(),
        target: "/t".into(),
        image_options: Some(ImageOptions { subpath: "usr".into() }),
        ..MountRequest::default()
    };
    let mount = lower(&linux_spec(&request, &Everything).unwrap(), &layers).unwrap();
    assert_eq!(mount.source, Source::Image { lower: vec!["/l/2".into(), "/l/1".into()], subpath: Some("usr".into()) });
    assert_eq!(mount.attr.ro, Ro::Recursive);
}

#[test]
fn bind_recursive_has_four_ways_and_contradictions() {
    let options = |non_recursive, read_only_non_recursive, read_only_force_recursive| BindOptions {
        non_recursive,
        read_only_non_recursive,
        read_only_force_recursive,
        ..BindOptions::default()
    };
    let mount = bind(true, options(true, false, false)).unwrap();
    assert_eq!((mount.recursive, mount.attr.ro), (false, Ro::Recursive));
    assert_eq!(bind(true, options(false, true, false)).unwrap().attr.ro, Ro::Shallow);
    assert_eq!(bind(true, options(false, false, true)).unwrap().attr.ro, Ro::ForceRecursive);
    for (read_only, writable, force, text) in [
        (false, true, false, "!ReadOnly && BindOptions.ReadOnlyNonRecursive"),
        (false, false, true, "!ReadOnly && BindOptions.ReadOnlyForceRecursive"),
        (true, true, true, "BindOptions.ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive"),
    ] {
        assert_eq!(bind(read_only, options(false, writable, force)).unwrap_err(), format!("mount options conflict: {text}"));
    }
}

#[test]
fn both_ways_of_asking_for_a_tmpfs_give_the_same() {
    let request = MountRequest {
        kind: MountType::Tmpfs,
        target: "/t/".into(),
        read_only: true,
        tmpfs_options: Some(TmpfsOptions { size_bytes: 2 << 20, mode: 0o700, no_swap: true, ..TmpfsOptions::default() }),
        ..MountRequest::default()
    };
    let mount = lower(&linux_spec(&request, &Everything).unwrap(), &layers).unwrap();
    assert_eq!(mount, lower_tmpfs("/t", "ro,size=2m,mode=700,noswap").unwrap());
    let spec = TmpfsSpec { size: Some("2m".into()), mode: Some(0o700), noswap: true, ..TmpfsSpec::default() };
    assert_eq!(mount.source, Source::Tmpfs(spec));
    let attr = Attr { ro: Ro::Shallow, nosuid: true, nodev: true, noexec: true, ..Attr::default() };
    assert_eq!(mount.attr, attr);
}

#[test]
fn a_tmpfs_flag_hides_a_volume_and_carries_a_tmpfs_mount() {
    let tmpfs = BTreeMap::from([("/x/".to_owned(), "size=1m".to_owned()), ("/y".to_owned(), String::new())]);
    let memory = MountRequest { kind: MountType::Tmpfs, target: "/y".into(), read_only: true, ..MountRequest::default() };
    let mut volume = linux_raw("vol:/x", "").unwrap();
    volume.set_volume("vol", "local", "/v");
    let points = [volume, linux_spec(&memory, &Everything).unwrap(), linux_raw("/s:/a/b", "").unwrap()];
    let mounts = lower_all(&points, &tmpfs, &layers).unwrap();
    let shown: Vec<(String, Ro)> = mounts.iter().map(|mount| (mount.target.display().to_string(), mount.attr.ro)).collect();
    assert_eq!(shown, [("/x".into(), Ro::No), ("/y".into(), Ro::No), ("/y".into(), Ro::Shallow), ("/a/b".into(), Ro::No)]);
    let bad = BTreeMap::from([("/x".to_owned(), "bogus".to_owned())]);
    assert_eq!(lower_all(&[], &bad, &layers).unwrap_err().to_string(), "invalid tmpfs option \"bogus\"");
}

#[test]
fn inherited_read_only_is_no_contradiction() {
    let mut point = linux_raw("/s:/t", "").unwrap();
    point.rw = false;
    assert_eq!(lower(&point, &layers).unwrap().attr.ro, Ro::Recursive);
}

#[test]
fn mounts_survive_the_plan_file() {
    for mount in
        [raw("/s:/t:ro,rslave"), raw("vol:/x"), lower_tmpfs("/t", "size=1m,uid=3").unwrap(), Mount::rootfs(vec!["/l".into()], None, None)]
    {
        let json = serde_json::to_string(&mount).unwrap();
        assert_eq!(serde_json::from_str::<Mount>(&json).unwrap(), mount);
    }
}

#[test]
fn what_docker_does_not_have_becomes_part_of_the_mount() {
    let lowered = |raw: &str| lower(&linux_raw(raw, "").unwrap(), &|_| Vec::new()).unwrap();
    let mount = lowered("/s:/d:ro,idmap,noexec,suid,O");
    assert_eq!(mount.idmap, Some(crate::IdMapping::match_user()));
    assert!(mount.attr.noexec && mount.attr.suid && !mount.attr.nosuid && !mount.attr.nodev && mount.attr.ro == Ro::Recursive);
    assert_eq!(mount.over, Some(Over::Throwaway(PathBuf::new())));
    let named = lowered("/s:/d:O,upperdir=/u,workdir=/w").over;
    assert_eq!(named, Some(Over::Named { upper: "/u".into(), work: "/w".into() }));
    assert_eq!(lowered("/s:/d:overlay=changes").over, Some(Over::Kept(PathBuf::new())));
}

#[test]
fn labels_come_from_either_word_and_never_to_a_snapshot() {
    let relabel = |raw: &str| {
        let mut point = linux_raw(raw, "").unwrap();
        point.source = "/somewhere".into();
        lower(&point, &|_| Vec::new()).unwrap().relabel
    };
    for (raw, wanted) in [
        ("/s:/d", None),
        ("/s:/d:z", Some(Relabel::Shared)),
        ("/s:/d:Z,ro", Some(Relabel::Private)),
        ("/s:/d:relabel=private", Some(Relabel::Private)),
        ("vol:/d:relabel=shared", Some(Relabel::Shared)),
        ("vol:/d:Z", Some(Relabel::Private)),
        ("vol@snap:/d:Z", None),
        ("vol@snap:/d", None),
    ] {
        assert_eq!(relabel(raw), wanted, "{raw}");
    }
}

#[test]
fn a_plan_of_an_older_version_has_none_of_it() {
    let old = r#"{"source":{"Path":"/s"},"target":"/d","attr":{"ro":"No","noexec":true},"recursive":true}"#;
    let mount: Mount = serde_json::from_str(old).unwrap();
    assert!(mount.idmap.is_none() && mount.over.is_none() && mount.relabel.is_none() && !mount.chown && !mount.attr.suid);
    let again: Mount = serde_json::from_str(&serde_json::to_string(&mount).unwrap()).unwrap();
    assert_eq!(again, mount);
}
