//! The JSON of inspect, field by field and in order.

use super::*;
use crate::parse::short::{linux_anonymous, linux_raw, linux_spec};
use crate::request::TmpfsOptions;
use crate::validate::{Found, Probe};

struct Everything;

impl Probe for Everything {
    fn look(&self, _path: &str) -> Result<Option<Found>, String> {
        Ok(Some(Found::Directory))
    }
}

fn shown(point: &MountPoint) -> String {
    serde_json::to_string(&inspect(point)).unwrap()
}

fn request(kind: MountType, source: &str) -> MountRequest {
    MountRequest { kind, source: source.into(), target: "/app".into(), ..MountRequest::default() }
}

#[test]
fn each_kind_shows_as_docker_shows_it() {
    let bind = linux_spec(&request(MountType::Bind, "/h/target"), &Everything).unwrap();
    assert_eq!(shown(&bind), r#"{"Type":"bind","Source":"/h/target","Destination":"/app","Mode":"","RW":true,"Propagation":"rprivate"}"#);
    let tmpfs = linux_spec(&request(MountType::Tmpfs, ""), &Everything).unwrap();
    assert_eq!(shown(&tmpfs), r#"{"Type":"tmpfs","Source":"","Destination":"/app","Mode":"","RW":true,"Propagation":""}"#);
    let mut volume = linux_spec(&request(MountType::Volume, "vol"), &Everything).unwrap();
    volume.set_volume("vol", "local", "/r/volumes/vol/_data");
    assert_eq!(
        shown(&volume),
        r#"{"Type":"volume","Name":"vol","Source":"/r/volumes/vol/_data","Destination":"/app","Driver":"local","Mode":"z","RW":true,"Propagation":""}"#
    );
    let mut anonymous = linux_anonymous("/data", "").unwrap();
    anonymous.set_volume("abc", "local", "/r/volumes/abc/_data");
    assert_eq!(
        shown(&anonymous),
        r#"{"Type":"volume","Name":"abc","Source":"/r/volumes/abc/_data","Destination":"/data","Driver":"local","Mode":"","RW":true,"Propagation":""}"#
    );
    let image = linux_spec(&request(MountType::Image, "nginx:latest"), &Everything).unwrap();
    assert!(shown(&image).contains(r#""RW":false"#) && shown(&image).contains(r#""Name":"nginx:latest""#));
}

#[test]
fn windows_has_neither_mode_nor_propagation() {
    let point = linux_raw("/h:/app:ro,z,rshared", "").unwrap();
    assert_eq!((linux(&point).mode.as_str(), linux(&point).propagation), ("ro,z,rshared", Propagation::RShared));
    let there = windows(&point);
    assert_eq!((there.mode.as_str(), there.propagation, there.rw), ("", Propagation::Unset, false));
}

#[test]
fn both_ways_of_asking_for_a_tmpfs_show_alike() {
    let by_flag = BTreeMap::from([("/app".to_owned(), String::new())]);
    assert_eq!(tmpfs(&by_flag, &[]), by_flag);
    assert_eq!(tmpfs(&BTreeMap::new(), &[request(MountType::Tmpfs, "")]), by_flag);
    let mut sized = request(MountType::Tmpfs, "");
    sized.tmpfs_options = Some(TmpfsOptions { size_bytes: 1 << 20, ..TmpfsOptions::default() });
    assert_eq!(
        tmpfs(&BTreeMap::new(), &[sized, request(MountType::Bind, "/x")]),
        BTreeMap::from([("/app".to_owned(), "size=1m".to_owned())])
    );
}

#[test]
fn records_survive_a_round_trip() {
    let mut point = linux_raw("vol:/x:ro,nocopy", "").unwrap();
    point.set_volume("vol", "local", "/p");
    let json = serde_json::to_string(&point).unwrap();
    assert_eq!(serde_json::from_str::<MountPoint>(&json).unwrap(), point);
}
