//! The log of a living container.

use stead_monitor::log::{LogQuery, read};
use stead_monitor::{LogConfig, LogDriver, RestartPolicy};

use crate::Test;
use crate::bench::{ALL, Bench, follow, log_config, until};

pub(crate) const TESTS: &[Test] = &[
    ("logs::following_sees_everything_over_rotations_to_the_end", following_sees_everything_over_rotations_to_the_end),
    ("logs::following_goes_on_over_restarts", following_goes_on_over_restarts),
    ("logs::one_file_that_is_emptied_under_a_follower", one_file_that_is_emptied_under_a_follower),
    ("logs::the_driver_none_keeps_nothing", the_driver_none_keeps_nothing),
    ("logs::the_last_words_need_no_newline", the_last_words_need_no_newline),
];

fn following_sees_everything_over_rotations_to_the_end() {
    let bench = Bench::new("i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo $i; done").with(|config| config.log = log_config(10_000, 200));
    bench.start();
    let query = LogQuery { follow: Some(bench.connect()), ..LogQuery::default() };
    let reader = read(&bench.root().container(bench.id()), bench.id(), query).unwrap();
    let got: Vec<u32> = reader.map(|entry| entry.unwrap().text.trim().parse().unwrap()).collect();
    assert!(got == (1..=5000).collect::<Vec<_>>(), "{} lines", got.len());
    assert_eq!(bench.exit().unwrap().exit_code, 0);
}

fn following_goes_on_over_restarts() {
    let bench = Bench::new("echo a life; sleep 0.05; exit 1").with(|config| config.restart = RestartPolicy::OnFailure { max_retries: 2 });
    bench.start();
    let query = LogQuery { follow: Some(bench.connect()), tail: Some(0), ..LogQuery::default() };
    let reader = read(&bench.root().container(bench.id()), bench.id(), query).unwrap();
    let lives = reader.map(|entry| entry.unwrap()).filter(|entry| entry.text == "a life\n").count();
    assert!((2..=3).contains(&lives), "{lives}");
}

fn one_file_that_is_emptied_under_a_follower() {
    let bench = Bench::new("seq 1 5000; sleep 0.3; echo end").with(|config| config.log = log_config(20_000, 1));
    bench.start();
    let query = LogQuery { follow: Some(bench.connect()), ..LogQuery::default() };
    let reader = read(&bench.root().container(bench.id()), bench.id(), query).unwrap();
    let got: Vec<String> = reader.map(|entry| entry.unwrap().text).collect();
    assert_eq!(got.last().map(String::as_str), Some("end\n"));
    assert!(std::fs::metadata(bench.root().log(bench.id())).unwrap().len() < 40_000);
}

fn the_driver_none_keeps_nothing() {
    let bench = Bench::new("echo seen").with(|config| config.log = LogConfig { driver: LogDriver::None, ..LogConfig::default() });
    let mut client = bench.spawn();
    client.attach(ALL).unwrap();
    client.start().unwrap();
    assert_eq!(follow(&mut client).stdout, b"seen\n");
    assert!(!bench.root().log(bench.id()).exists());
}

fn the_last_words_need_no_newline() {
    let bench = Bench::new("printf 'no newline'; exit 0");
    bench.start();
    until("the end", || bench.exit().is_some());
    assert_eq!(bench.log(), "no newline");
}
