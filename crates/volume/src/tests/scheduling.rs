//! When a schedule ran last; groups.

use stead_base::time::Time;

use super::*;

#[test]
fn a_run_of_the_future_is_none() {
    let s = Sandbox::new();
    let v = s.volumes();
    let volume = v.create(named("data")).unwrap().volume;
    let after = |seconds: i64| Time::from_nanos(volume.created_at.nanos() + i128::from(seconds) * 1_000_000_000);
    let now = after(7200);
    assert_eq!(v.last_run(&volume, &[], now), volume.created_at);
    v.note_run("data", after(3600)).unwrap();
    assert_eq!(v.last_run(&volume, &[], now), after(3600));
    // The clock was years ahead for a while.
    v.note_run("data", after(400_000_000)).unwrap();
    let request = SnapshotRequest { volume: "data".to_owned(), why: Why::Schedule, ..SnapshotRequest::default() };
    let mut taken = v.snapshot_begin(&request).unwrap().publish().unwrap();
    taken.created_at = after(400_000_000);
    assert_eq!(v.last_run(&volume, std::slice::from_ref(&taken), now), volume.created_at);
    taken.created_at = after(5000);
    assert_eq!(v.last_run(&volume, &[taken], now), after(5000));
    assert_eq!(v.last_run(&volume, &[], Time::from_nanos(7)), Time::from_nanos(0), "before it was made");
}

#[test]
fn names_that_share_a_lock_are_in_one_group() {
    let s = Sandbox::new();
    let v = s.volumes();
    let name = |end: &str| format!("{}{end}", "n".repeat(210));
    let all = ["a", "b"].map(name);
    for name in &all {
        v.create(named(name)).unwrap();
    }
    let request = SnapshotRequest { name: Some("one".to_owned()), ..SnapshotRequest::default() };
    let mut group = v.group_begin(&all, &request).unwrap();
    group.take().unwrap();
    assert_eq!(group.publish().unwrap().len(), 2);
    assert!(all.iter().all(|name| v.snapshot(name, "one").is_ok()));
    // None where one of them cannot be, and no lock stays.
    v.snapshot_remove(&all[0], "one").unwrap();
    assert!(matches!(v.group_begin(&all, &request).unwrap_err(), Error::SnapshotExists { .. }));
    assert!(v.snapshot(&all[0], "one").is_err());
    v.remove(&all[0], false).unwrap();
}
