//! The journal as a whole: many writers, readers that wait, and everything that can be wrong with its files.

use std::io::Write;
use std::time::{Duration, Instant};

use stead_base::layout::Root;
use stead_base::time::Time;

use crate::segment::{self, SEGMENT_MAX, SEGMENTS};
use crate::testdir::TestDir;
use crate::{Draft, Event, Flush, Follower, append, read};

struct Bench {
    _dir: TestDir,
    root: Root,
}

impl Bench {
    fn new() -> Self {
        let dir = TestDir::new();
        let root = Root::new(dir.path());
        Self { _dir: dir, root }
    }

    fn say(&self, id: &str) -> Event {
        append(&self.root, Draft { kind: "volume".into(), action: "create".into(), id: id.into(), ..Draft::default() }, Flush::No).unwrap()
    }

    fn ids(&self) -> Vec<String> {
        read(&self.root, None, None).map(|event| event.unwrap().id).collect()
    }

    /// Bytes behind everybody's back into the newest segment.
    fn scribble(&self, bytes: &[u8]) {
        let newest = *segment::all(&self.root.events()).unwrap().last().unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).open(segment::path(&self.root.events(), newest)).unwrap();
        file.write_all(bytes).unwrap();
    }

    fn big(&self, id: &str) {
        let attributes = [("filler".to_owned(), "x".repeat(200 << 10))].into();
        let draft = Draft { kind: "volume".into(), action: "create".into(), id: id.into(), attributes };
        append(&self.root, draft, Flush::Yes).unwrap();
    }
}

const SOON: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(10);

#[test]
fn what_was_said_is_read_in_order_and_by_time() {
    let bench = Bench::new();
    assert_eq!(read(&bench.root, None, None).count(), 0, "no journal, no events");
    let events: Vec<Event> = ["a", "b", "c"].map(|id| bench.say(id)).into();
    let all: Vec<Event> = read(&bench.root, None, None).map(|event| event.unwrap()).collect();
    assert_eq!(all, events);
    let between = |since, until| read(&bench.root, since, until).map(|event| event.unwrap().id).collect::<String>();
    assert_eq!(between(Some(events[1].time), None), "bc");
    assert_eq!(between(None, Some(events[1].time)), "ab");
    assert_eq!(between(Some(events[1].time), Some(events[1].time)), "b");
}

#[test]
fn many_writers_lose_nothing_and_times_rise() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for writer in 0..16 {
            let bench = &bench;
            scope.spawn(move || (0..40).for_each(|n| drop(bench.say(&format!("{writer}-{n}")))));
        }
    });
    let events: Vec<Event> = read(&bench.root, None, None).map(|event| event.unwrap()).collect();
    assert_eq!(events.len(), 640);
    assert!(events.windows(2).all(|pair| pair[0].time < pair[1].time));
    for writer in 0..16 {
        let own: Vec<&str> = events.iter().map(|event| event.id.as_str()).filter(|id| id.starts_with(&format!("{writer}-"))).collect();
        assert_eq!(own, (0..40).map(|n| format!("{writer}-{n}")).collect::<Vec<_>>(), "each writer's own order");
    }
}

#[test]
fn a_torn_line_costs_nobody_else_anything() {
    let bench = Bench::new();
    bench.say("a");
    bench.scribble(b"{\"kind\":\"volume\",\"action\":\"cre");
    bench.say("b");
    bench.scribble(b"\0\0\0\0\0\0\0\0");
    bench.say("c");
    bench.scribble(b"\xff\xfe garbage\n[]\n\n{\"kind\":1}\n");
    bench.say("d");
    bench.scribble(&vec![b'x'; 1 << 20]);
    bench.say("e");
    bench.scribble(b"{\"kind\":\"volume\",\"action\":\"create\",\"id\":\"unfinished\"");
    assert_eq!(bench.ids(), ["a", "b", "c", "d", "e"]);
    bench.scribble(b",\"time\":1}\n");
    assert_eq!(bench.ids().last().unwrap(), "unfinished");
}

#[test]
fn zeros_before_a_line_are_passed_over() {
    let bench = Bench::new();
    bench.say("a");
    bench.scribble(b"\0\0\0{\"kind\":\"volume\",\"action\":\"create\",\"id\":\"b\",\"time\":7}\n");
    assert_eq!(bench.ids(), ["a", "b"]);
}

#[test]
fn the_journal_stays_small_and_a_follower_misses_nothing() {
    let bench = Bench::new();
    let mut follower = Follower::from_now(&bench.root).unwrap();
    let total = 60;
    std::thread::scope(|scope| {
        scope.spawn(|| (0..total).for_each(|n| bench.big(&n.to_string())));
        for n in 0..total {
            assert_eq!(follower.next(LONG, None).unwrap().map(|event| event.id), Some(n.to_string()));
        }
    });
    let all = segment::all(&bench.root.events()).unwrap();
    assert!(all.len() <= SEGMENTS && all[0] > 1, "{all:?}");
    let size: u64 = all.iter().map(|n| segment::path(&bench.root.events(), *n).metadata().unwrap().len()).sum();
    assert!(size <= SEGMENT_MAX * (u64::try_from(SEGMENTS).unwrap() + 1));
    let ids = bench.ids();
    assert_eq!(ids.last().unwrap(), &(total - 1).to_string());
    assert!(ids.len() > 20 && ids.len() < 60, "the oldest go: {}", ids.len());
}

#[test]
fn a_follower_waits_for_the_first_event_and_for_more() {
    let bench = Bench::new();
    let mut now = Follower::from_now(&bench.root).unwrap();
    let mut start = Follower::from_start(&bench.root).unwrap();
    assert_eq!(now.next(SOON, None).unwrap(), None);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(SOON);
            bench.say("a");
        });
        let began = Instant::now();
        assert_eq!(now.next(LONG, None).unwrap().map(|event| event.id).as_deref(), Some("a"));
        assert!(began.elapsed() < LONG / 2);
    });
    assert_eq!(start.next(SOON, None).unwrap().map(|event| event.id).as_deref(), Some("a"));
    let mut later = Follower::from_now(&bench.root).unwrap();
    bench.say("b");
    assert_eq!(later.next(LONG, None).unwrap().map(|event| event.id).as_deref(), Some("b"));
    assert_eq!(later.next(SOON, None).unwrap(), None);
}

#[test]
fn an_interruption_ends_a_wait() {
    let bench = Bench::new();
    let mut follower = Follower::from_now(&bench.root).unwrap();
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(SOON);
            drop(writer);
        });
        assert_eq!(follower.next(LONG, Some(std::os::fd::AsFd::as_fd(&reader))).unwrap(), None);
    });
    assert!(began.elapsed() < LONG / 2);
}

#[test]
fn half_a_line_is_waited_for() {
    let bench = Bench::new();
    bench.say("a");
    let mut follower = Follower::from_start(&bench.root).unwrap();
    assert!(follower.next(SOON, None).unwrap().is_some());
    bench.scribble(b"{\"kind\":\"volume\",\"action\":\"create\",");
    assert_eq!(follower.next(SOON, None).unwrap(), None);
    bench.scribble(b"\"id\":\"b\",\"time\":9}\n");
    assert_eq!(follower.next(LONG, None).unwrap().map(|event| event.id).as_deref(), Some("b"));
}

#[test]
fn a_journal_deleted_by_hand_begins_anew() {
    let bench = Bench::new();
    (0..15).for_each(|n| bench.big(&n.to_string()));
    let mut follower = Follower::from_now(&bench.root).unwrap();
    assert_eq!(follower.next(SOON, None).unwrap(), None);
    let parent = std::fs::File::open(bench.root.path()).unwrap();
    stead_sys::tree::remove_tree(&parent, std::ffi::OsStr::new("events")).unwrap();
    bench.say("new");
    assert_eq!(follower.next(LONG, None).unwrap().map(|event| event.id).as_deref(), Some("new"));
    bench.say("newer");
    assert_eq!(follower.next(LONG, None).unwrap().map(|event| event.id).as_deref(), Some("newer"));
    assert_eq!(bench.ids(), ["new", "newer"]);
}

#[test]
fn a_holder_of_the_lock_that_sleeps_stops_nobody() {
    let bench = Bench::new();
    bench.say("a");
    let held = std::fs::File::open(segment::path(&bench.root.events(), 1)).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let began = Instant::now();
    bench.say("b");
    assert!(began.elapsed() < LONG);
    assert_eq!(bench.ids(), ["a", "b"]);
}

#[test]
fn a_journal_that_cannot_be_one_is_an_error_and_no_more() {
    let bench = Bench::new();
    let mut file = std::fs::File::create(bench.root.events()).unwrap();
    file.write_all(b"not a directory").unwrap();
    let draft = Draft { kind: "volume".into(), action: "create".into(), ..Draft::default() };
    assert!(append(&bench.root, draft, Flush::Yes).is_err());
    assert!(read(&bench.root, None, None).next().unwrap().is_err());
    assert!(Follower::from_now(&bench.root).is_err());
}

#[test]
fn a_clock_that_was_wrong_is_not_believed_for_ever() {
    let bench = Bench::new();
    bench.say("a");
    bench.scribble(b"{\"kind\":\"volume\",\"action\":\"create\",\"id\":\"future\",\"attributes\":{},\"time\":4000000000000000000}\n");
    let after = bench.say("b");
    assert!(after.time.since(Time::now()).abs() < 10_000_000_000);
}
