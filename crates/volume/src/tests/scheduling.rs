//! When a schedule ran last.

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
