//! Precedence and duplicates.

use super::*;
use crate::request::{BindOptions, VolumeOptions};
use crate::validate::Found;

struct Everything;

impl Probe for Everything {
    fn look(&self, path: &str) -> Result<Option<Found>, String> {
        if path.contains("denied") {
            return Err("permission denied".to_owned());
        }
        Ok((!path.contains("missing")).then_some(Found::Directory))
    }
}

/// Owns what [`Inputs`] borrows.
#[derive(Default)]
struct Asked {
    previous: Vec<MountPoint>,
    volumes_from: Vec<(VolumesFrom, Vec<MountPoint>)>,
    binds: Vec<String>,
    mounts: Vec<MountRequest>,
    tmpfs: BTreeMap<String, String>,
    anonymous: Vec<String>,
    driver: &'static str,
}

impl Asked {
    fn binds(binds: &[&str]) -> Self {
        Self { binds: binds.iter().map(|bind| (*bind).to_owned()).collect(), ..Self::default() }
    }

    fn merge(&self) -> Result<Vec<MountPoint>, String> {
        let inputs = Inputs {
            previous: &self.previous,
            volumes_from: &self.volumes_from,
            binds: &self.binds,
            mounts: &self.mounts,
            tmpfs: &self.tmpfs,
            anonymous: &self.anonymous,
            volume_driver: self.driver,
            data_root: Path::new("/var/lib/stead"),
        };
        merge(&inputs, &Everything).map_err(|error| error.to_string())
    }

    fn lines(&self) -> Vec<String> {
        let line = |point: MountPoint| {
            let from = if point.source.is_empty() { point.name } else { point.source };
            format!("{} {from}:{} {}", point.kind, point.destination, if point.rw { "rw" } else { "ro" })
        };
        self.merge().unwrap().into_iter().map(line).collect()
    }
}

fn request(kind: MountType, source: &str, target: &str) -> MountRequest {
    MountRequest { kind, source: source.to_owned(), target: target.to_owned(), ..MountRequest::default() }
}

fn from(read_only: bool, points: &[MountPoint]) -> (VolumesFrom, Vec<MountPoint>) {
    (VolumesFrom { container: "c".to_owned(), read_only }, points.to_vec())
}

#[test]
fn the_stronger_way_of_asking_wins() {
    let mut asked =
        Asked { previous: Asked::binds(&["prev:/a", "prev:/b", "prev:/c", "prev:/d", "prev:/e"]).merge().unwrap(), ..Asked::default() };
    asked.volumes_from = vec![
        from(false, &Asked::binds(&["one:/b", "one:/c", "one:/d", "one:/f"]).merge().unwrap()),
        from(true, &Asked::binds(&["two:/f"]).merge().unwrap()),
    ];
    asked.binds = vec!["/host:/c".into()];
    asked.mounts = vec![request(MountType::Volume, "mnt", "/d")];
    asked.anonymous = vec!["/e".into(), "/f".into(), "/g".into()];
    assert_eq!(
        asked.lines(),
        [
            "volume prev:/a rw",
            "volume one:/b rw",
            "bind /host:/c rw",
            "volume mnt:/d rw",
            "volume prev:/e rw",
            "volume two:/f ro",
            "volume :/g rw"
        ]
    );
}

#[test]
fn two_mounts_of_ones_own_at_one_path_are_an_error() {
    let duplicate = Err("Duplicate mount point: /x".to_owned());
    assert_eq!(Asked::binds(&["/tmp:/x", "/tmp:/x/"]).merge(), duplicate);
    assert_eq!(Asked::binds(&["v1:/x", "v2:/y/../x"]).merge(), duplicate);
    let mut asked = Asked::binds(&["v1:/x"]);
    asked.mounts = vec![request(MountType::Tmpfs, "", "/x")];
    assert_eq!(asked.merge(), duplicate);
    let mut asked =
        Asked { mounts: vec![request(MountType::Tmpfs, "", "/x"), request(MountType::Volume, "v1", "/x/")], ..Asked::default() };
    assert_eq!(asked.merge(), duplicate);
    asked = Asked::binds(&["v1:/x"]);
    asked.tmpfs = BTreeMap::from([("/x/".to_owned(), String::new())]);
    assert_eq!(asked.merge(), duplicate);
}

#[test]
fn some_overlaps_are_allowed() {
    let mut asked = Asked { mounts: vec![request(MountType::Volume, "v1", "/x"), request(MountType::Tmpfs, "", "/y")], ..Asked::default() };
    asked.tmpfs = BTreeMap::from([("/x".to_owned(), String::new()), ("/y".to_owned(), String::new())]);
    asked.anonymous = vec!["/x".into(), "/y/".into()];
    assert_eq!(asked.lines(), ["volume v1:/x rw", "tmpfs :/y rw"]);
    let repeated = Asked { anonymous: vec!["/v".into(), "/v/".into(), "/v/.".into()], ..Asked::default() };
    assert_eq!(repeated.lines(), ["volume :/v rw"]);
}

#[test]
fn inheriting_never_widens_access_nor_copies_nor_shares_memory() {
    let mut theirs = Asked::binds(&["v1:/a:ro,z", "v2:/b"]);
    theirs.mounts = vec![request(MountType::Tmpfs, "", "/secret")];
    let theirs = theirs.merge().unwrap();
    assert!(theirs[0].copy_data);
    let asked = Asked { volumes_from: vec![from(false, &theirs)], ..Asked::default() };
    let points = asked.merge().unwrap();
    assert_eq!(asked.lines(), ["volume v1:/a ro", "volume v2:/b rw"]);
    assert!(points.iter().all(|point| !point.copy_data && point.mode.is_empty() && point.origin == Origin::VolumesFrom));
    let asked = Asked { volumes_from: vec![from(true, &theirs)], ..Asked::default() };
    assert_eq!(asked.lines(), ["volume v1:/a ro", "volume v2:/b ro"]);
}

#[test]
fn an_inherited_volume_with_a_name_stays_named() {
    let theirs = Asked::binds(&["v1:/a"]).merge().unwrap();
    let anonymous = Asked { anonymous: vec!["/b".into()], ..Asked::default() }.merge().unwrap();
    let asked = Asked { volumes_from: vec![from(false, &theirs), from(false, &anonymous)], ..Asked::default() };
    let flags: Vec<bool> = asked.merge().unwrap().iter().map(MountPoint::is_anonymous_volume).collect();
    assert_eq!(flags, [false, true]);
}

#[test]
fn the_list_is_in_depth_order() {
    let asked = Asked::binds(&["v1:/a/b/c", "v2:/z", "v3:/a", "v4:/a/b", "v5:/b/c"]);
    let targets: Vec<String> = asked.merge().unwrap().into_iter().map(|point| point.destination).collect();
    assert_eq!(targets, ["/a", "/z", "/a/b", "/b/c", "/a/b/c"]);
}

#[test]
fn bind_sources_are_looked_at_only_for_mounts() {
    assert!(Asked::binds(&["/missing:/x"]).merge().is_ok());
    let mut asked = Asked { mounts: vec![request(MountType::Bind, "/missing", "/x")], ..Asked::default() };
    assert_eq!(asked.merge().unwrap_err(), "invalid mount config for type \"bind\": bind source path does not exist: /missing");
    asked.mounts[0].bind_options = Some(BindOptions { create_mountpoint: true, ..BindOptions::default() });
    assert!(!asked.merge().unwrap()[0].skip_source_creation);
    asked.mounts = vec![request(MountType::Bind, "/denied", "/x")];
    assert_eq!(asked.merge().unwrap_err(), "invalid mount config for type \"bind\": stat /denied: permission denied");
    asked.mounts = vec![request(MountType::Bind, "/there", "/x")];
    assert!(asked.merge().unwrap()[0].skip_source_creation);
}

#[test]
fn every_field_is_checked_in_dockers_words() {
    let error = |request: MountRequest| Asked { mounts: vec![request], ..Asked::default() }.merge().unwrap_err();
    let with_subpath = |source: &str, subpath: &str| MountRequest {
        volume_options: Some(VolumeOptions { subpath: subpath.into(), ..VolumeOptions::default() }),
        ..request(MountType::Volume, source, "/x")
    };
    for (request, kind, fault) in [
        (request(MountType::Volume, "v1", ""), "volume", "field Target must not be empty"),
        (request(MountType::Volume, "v1", "/"), "volume", "invalid specification: destination can't be '/'"),
        (request(MountType::Volume, "v1", "x"), "volume", "invalid mount path: 'x' mount path must be absolute"),
        (request(MountType::Bind, "", "/x"), "bind", "field Source must not be empty"),
        (request(MountType::Bind, "rel", "/x"), "bind", "invalid mount path: 'rel' mount path must be absolute"),
        (request(MountType::Image, "", "/x"), "image", "field Source must not be empty"),
        (request(MountType::Tmpfs, "s", "/x"), "tmpfs", "field Source must not be specified"),
        (request(MountType::Npipe, "s", "/x"), "npipe", "mount type unknown"),
        (request(MountType::Cluster, "s", "/x"), "cluster", "mount type unknown"),
        (request(MountType::from("foo"), "s", "/x"), "foo", "mount type unknown"),
        (with_subpath("", "a"), "volume", "must not set Subpath when using anonymous volumes"),
        (with_subpath("v1", "/a"), "volume", "subpath must be a relative path within the volume"),
        (with_subpath("v1", "a/../../b"), "volume", "subpath must be a relative path within the volume"),
        (MountRequest { kind: MountType::Bind, ..with_subpath("/s", "a") }, "bind", "field VolumeOptions must not be specified"),
        (MountRequest { kind: MountType::Tmpfs, ..with_subpath("", "a") }, "tmpfs", "field VolumeOptions must not be specified"),
        (
            MountRequest {
                bind_options: Some(BindOptions { propagation: "foo".into(), ..BindOptions::default() }),
                ..request(MountType::Bind, "/s", "/x")
            },
            "bind",
            "invalid propagation mode: foo",
        ),
    ] {
        assert_eq!(error(request), format!("invalid mount config for type \"{kind}\": {fault}"));
    }
}

#[test]
fn binds_around_the_data_root_follow_it() {
    for source in ["/var/lib/stead", "/var/lib/stead/volumes", "/var/lib", "/"] {
        let point = Asked::binds(&[&format!("{source}:/x")]).merge().unwrap().remove(0);
        assert_eq!(point.propagation, Propagation::RSlave, "{source}");
        let shared = Asked::binds(&[&format!("{source}:/x:rshared")]).merge().unwrap().remove(0);
        assert_eq!(shared.propagation, Propagation::RShared);
        assert_eq!(
            Asked::binds(&[&format!("{source}:/x:private")]).merge().unwrap_err(),
            format!(
                "invalid mount config: must use either propagation mode \"rslave\" or \"rshared\" when mount source is within the daemon root, daemon root: \"/var/lib/stead\", bind mount source: \"{source}\", propagation: \"private\""
            )
        );
    }
    for source in ["/var/lib/stead2", "/var/log"] {
        assert_eq!(Asked::binds(&[&format!("{source}:/x")]).merge().unwrap()[0].propagation, Propagation::RPrivate, "{source}");
    }
}

#[test]
fn the_kernels_file_systems_are_refused_before_anything_exists() {
    for path in ["/proc", "/proc/x", "/sys", "/dev"] {
        assert!(Asked { anonymous: vec![path.into()], ..Asked::default() }.merge().is_err(), "VOLUME {path}");
        assert!(Asked::binds(&[&format!("vol:{path}")]).merge().is_err(), "-v vol:{path}");
        assert!(Asked { tmpfs: BTreeMap::from([(path.to_owned(), String::new())]), ..Asked::default() }.merge().is_err(), "--tmpfs {path}");
        assert!(Asked { mounts: vec![request(MountType::Image, "i", path)], ..Asked::default() }.merge().is_err(), "image at {path}");
    }
    assert!(Asked::binds(&["/sys/fs/cgroup:/sys/fs/cgroup:ro", "/dev:/dev"]).merge().is_ok());
}

#[test]
fn the_default_driver_is_for_volumes_without_a_request_of_their_own() {
    let mut asked = Asked::binds(&["v1:/a", "/host:/b"]);
    asked.driver = "nfs";
    asked.mounts = vec![request(MountType::Volume, "v2", "/c")];
    asked.anonymous = vec!["/d".into()];
    let drivers: Vec<String> = asked.merge().unwrap().into_iter().map(|point| point.driver).collect();
    assert_eq!(drivers, ["nfs", "", "", "nfs"]);
}

#[test]
fn tmpfs_paths_are_checked_without_an_envelope() {
    let error = |path: &str| Asked { tmpfs: BTreeMap::from([(path.to_owned(), "bogus".into())]), ..Asked::default() }.merge();
    assert_eq!(error("/"), Err("invalid specification: destination can't be '/'".into()));
    assert_eq!(error("x"), Err("invalid mount path: 'x' mount path must be absolute".into()));
    assert_eq!(error("/x"), Ok(Vec::new()), "options are found at start");
}

#[test]
fn the_engines_own_files_are_given_to_nobody() {
    for source in ["/var/lib/stead", "/var/lib/stead/volumes/v/_data", "/var/lib", "/"] {
        for how in ["U", "idmap", "idmap=uids=0-5-1"] {
            let error = Asked::binds(&[&format!("{source}:/x:{how}")]).merge().unwrap_err();
            let wanted = format!("{source} holds the engine's own files: U and idmap are for volumes by name");
            assert_eq!(error, format!("invalid mount config for type \"bind\": {wanted}"));
        }
        assert!(Asked::binds(&[&format!("{source}:/x:ro,noexec")]).merge().is_ok());
    }
    assert!(Asked::binds(&["/srv:/x:U", "/home/me:/y:idmap"]).merge().is_ok());
}
