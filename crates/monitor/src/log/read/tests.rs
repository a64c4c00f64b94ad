//! Reading back what the writer wrote, whole, torn, rotated and while it grows.

use std::io::Write;

use stead_base::time::Time;

use super::*;
use crate::config::LogConfig;
use crate::log::rotate::{Writer, numbered};
use crate::testdir::TestDir;

const ID: &str = "c0ffee";

fn at(second: u64) -> Time {
    Time::from_nanos(1_700_000_000_000_000_000 + i128::from(second) * 1_000_000_000)
}

fn writer(dir: &TestDir, max_size: Option<u64>, max_file: u32) -> Writer {
    let config = LogConfig { max_size, max_file, ..LogConfig::default() };
    Writer::open(&chain::live_path(dir.path(), ID), &config).unwrap()
}

fn add(writer: &mut Writer, range: std::ops::Range<u64>) {
    for n in range {
        let stream = if n % 5 == 4 { Stream::Stderr } else { Stream::Stdout };
        writer.add(stream, n.to_string().as_bytes(), true, at(n)).unwrap();
    }
    writer.flush().unwrap();
}

fn texts(dir: &TestDir, query: LogQuery) -> Vec<u64> {
    read(dir.path(), ID, query).unwrap().map(|entry| entry.unwrap().text.trim().parse().unwrap()).collect()
}

#[test]
fn a_container_that_never_ran_has_an_empty_log() {
    let dir = TestDir::new("never");
    assert!(texts(&dir, LogQuery::default()).is_empty());
    assert!(texts(&dir, LogQuery { tail: Some(3), ..LogQuery::default() }).is_empty());
}

#[test]
fn the_last_lines_of_many_files() {
    let dir = TestDir::new("tail");
    add(&mut writer(&dir, Some(1000), 50), 0..200);
    assert!(numbered(&chain::live_path(dir.path(), ID), 5).exists());
    assert_eq!(texts(&dir, LogQuery::default()), (0..200).collect::<Vec<_>>());
    for count in [0, 1, 2, 13, 77, 199, 200, 1000] {
        let want: Vec<u64> = (200 - u64::try_from(count).unwrap().min(200)..200).collect();
        assert_eq!(texts(&dir, LogQuery { tail: Some(count), ..LogQuery::default() }), want, "tail {count}");
    }
}

#[test]
fn the_last_lines_of_one_large_file() {
    let dir = TestDir::new("large");
    add(&mut writer(&dir, None, 1), 0..20_000);
    for count in [0, 1, 5, 900, 19_999, 20_000, 30_000] {
        let got = texts(&dir, LogQuery { tail: Some(count), ..LogQuery::default() });
        assert_eq!(got.len(), count.min(20_000));
        assert!(got.is_empty() || got.last() == Some(&19_999));
    }
}

#[test]
fn spans_and_streams() {
    let dir = TestDir::new("span");
    add(&mut writer(&dir, None, 1), 0..20);
    let span = LogQuery { since: Some(at(5)), until: Some(at(8)), ..LogQuery::default() };
    assert_eq!(texts(&dir, span), [5, 6, 7, 8]);
    assert_eq!(texts(&dir, LogQuery { stdout: false, ..LogQuery::default() }), [4, 9, 14, 19]);
    // Docker counts the tail first.
    let both = LogQuery { tail: Some(3), since: Some(at(18)), ..LogQuery::default() };
    assert_eq!(texts(&dir, both), [18, 19]);
}

#[test]
fn torn_and_foreign_lines_are_skipped() {
    let dir = TestDir::new("torn");
    let path = chain::live_path(dir.path(), ID);
    add(&mut writer(&dir, None, 1), 0..2);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"\0\0\0\0\n{\"log\":\"to\nnot json at all\n").unwrap();
    file.write_all(&vec![b'x'; LINE_BYTES_MAX * 2]).unwrap();
    file.write_all(b"\n{\"log\":\"half").unwrap();
    drop(file);
    add(&mut writer(&dir, None, 1), 2..4);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"log\":\"unfinished").unwrap();
    assert_eq!(texts(&dir, LogQuery::default()), [0, 1, 2, 3]);
    assert_eq!(texts(&dir, LogQuery { tail: Some(1), ..LogQuery::default() }), [3]);
}

#[test]
fn reading_stops_where_a_client_was_attached() {
    let dir = TestDir::new("upto");
    let mut writer = writer(&dir, Some(600), 9);
    add(&mut writer, 0..12);
    let (log_inode, log_offset) = writer.position();
    add(&mut writer, 12..40);
    let up_to = Some(Attached { log_inode, log_offset, tty: false });
    assert_eq!(texts(&dir, LogQuery { up_to, ..LogQuery::default() }), (0..12).collect::<Vec<_>>());
}

#[test]
fn a_rotation_between_reads_loses_nothing() {
    let dir = TestDir::new("between");
    let mut writer = writer(&dir, Some(500), 1000);
    add(&mut writer, 0..3);
    let mut reader = Reader::open(&chain::live_path(dir.path(), ID), LogQuery::default()).unwrap();
    let mut got = Vec::new();
    for round in 1..=40u64 {
        while let Some(Some(entry)) = reader.line().unwrap() {
            got.push(entry.text.trim().parse::<u64>().unwrap());
        }
        add(&mut writer, round * 3..round * 3 + 3);
        let current = reader.links.front().map(|link| (link.inode, link.offset));
        while reader.links.len() > 1 || reader.rotated(current).unwrap() {
            while let Some(Some(entry)) = reader.line().unwrap() {
                got.push(entry.text.trim().parse::<u64>().unwrap());
            }
            if reader.links.len() > 1 {
                reader.leave_file();
            } else {
                break;
            }
        }
    }
    while let Some(Some(entry)) = reader.line().unwrap() {
        got.push(entry.text.trim().parse::<u64>().unwrap());
    }
    assert_eq!(got, (0..got.len() as u64).collect::<Vec<_>>());
    assert!(got.len() >= 120, "{}", got.len());
}
