//! Output to several clients, input from one, terminals.

use std::time::Duration;

use stead_monitor::Stdin;
use stead_monitor::protocol::{Attach, Credit, DATA_MAX, Kind, STDIN_CREDIT};

use crate::Test;
use crate::bench::{ALL, Bench, follow, until};

pub(crate) const TESTS: &[Test] = &[
    ("streams::not_a_byte_is_lost", not_a_byte_is_lost),
    ("streams::a_slow_client_holds_and_a_dead_one_does_not", a_slow_client_holds_and_a_dead_one_does_not),
    ("streams::everybody_gets_everything", everybody_gets_everything),
    ("streams::input_flows_and_ends", input_flows_and_ends),
    ("streams::input_that_stays_open", input_that_stays_open),
    ("streams::a_client_that_breaks_the_rules_is_dropped", a_client_that_breaks_the_rules_is_dropped),
    ("streams::a_terminal_has_a_size_and_one_stream", a_terminal_has_a_size_and_one_stream),
    ("streams::the_log_before_and_the_stream_after_an_attach_fit", the_log_before_and_the_stream_after_an_attach_fit),
];

const MANY: usize = 300_000;

fn numbers(count: usize) -> Vec<u8> {
    (1..=count).flat_map(|n| format!("{n}\n").into_bytes()).collect()
}

fn not_a_byte_is_lost() {
    let bench = Bench::new(&format!("seq 1 {MANY}; echo oops >&2; exit 4"));
    let mut client = bench.spawn();
    client.attach(ALL).unwrap();
    client.start().unwrap();
    let got = follow(&mut client);
    assert!(got.stdout == numbers(MANY), "{} bytes", got.stdout.len());
    assert_eq!(got.stderr, b"oops\n");
    assert_eq!(got.exit.unwrap().exit_code, 4);
    let log = bench.log();
    assert!(log.replace("oops\n", "").as_bytes() == numbers(MANY));
}

fn a_slow_client_holds_and_a_dead_one_does_not() {
    let bench = Bench::new(&format!("seq 1 {MANY}; exit 0"));
    let mut slow = bench.spawn();
    slow.attach(ALL).unwrap();
    slow.start().unwrap();
    let mut dead = bench.connect();
    dead.attach(ALL).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(bench.exit().is_none(), "the container runs ahead of a client that does not read");
    let held = bench.log().len();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(bench.log().len(), held);
    drop(dead);
    let got = follow(&mut slow);
    assert!(got.stdout == numbers(MANY));
}

fn everybody_gets_everything() {
    let bench = Bench::new("read x; seq 1 50000; exit 0").with(|config| config.stdin = Stdin::Open);
    let mut first = bench.spawn();
    first.attach(Attach { stdin: true, ..ALL }).unwrap();
    first.start().unwrap();
    let followers: Vec<_> = (0..5)
        .map(|_| {
            let mut client = bench.connect();
            client.attach(ALL).unwrap();
            client.attached().unwrap();
            std::thread::spawn(move || follow(&mut client))
        })
        .collect();
    first.send_stdin(b"go\n").unwrap();
    assert!(follow(&mut first).stdout == numbers(50_000));
    for follower in followers {
        assert!(follower.join().unwrap().stdout == numbers(50_000));
    }
}

/// Sends everything within the credit, reading what comes meanwhile.
fn converse(client: &mut stead_monitor::Client, input: &[u8]) -> Vec<u8> {
    let (mut credit, mut sent, mut closed) = (STDIN_CREDIT, 0, false);
    let mut output = Vec::new();
    loop {
        while credit > 0 && sent < input.len() {
            let count = credit.min(DATA_MAX).min(input.len() - sent);
            client.send_stdin(&input[sent..sent + count]).unwrap();
            (credit, sent) = (credit - count, sent + count);
        }
        if sent == input.len() && !closed {
            client.close_stdin().unwrap();
            closed = true;
        }
        let Some(frame) = client.next_frame().unwrap() else { return output };
        match frame.kind {
            Kind::Stdout => output.extend(frame.payload),
            Kind::Credit => credit += serde_json::from_slice::<Credit>(&frame.payload).unwrap().bytes,
            Kind::Exited => return output,
            _ => {}
        }
    }
}

fn input_flows_and_ends() {
    let bench = Bench::new("cat").with(|config| config.stdin = Stdin::Once);
    let mut client = bench.spawn();
    client.attach(Attach { stdin: true, ..ALL }).unwrap();
    client.start().unwrap();
    let input = numbers(MANY);
    assert!(converse(&mut client, &input) == input);
    assert_eq!(bench.exit().unwrap().exit_code, 0);
}

fn input_that_stays_open() {
    let bench = Bench::new("while read line; do echo got $line; done; exit 6").with(|config| config.stdin = Stdin::Open);
    bench.start();
    for word in ["one", "two"] {
        let mut client = bench.connect();
        client.attach(Attach { stdin: true, ..ALL }).unwrap();
        client.attached().unwrap();
        client.send_stdin(format!("{word}\n").as_bytes()).unwrap();
        client.close_stdin().unwrap();
        until(word, || bench.log().contains(&format!("got {word}\n")));
    }
    assert!(bench.exit().is_none());
    // With `Once`, going is as good as an end of input.
    let bench = Bench::new("cat; exit 6").with(|config| config.stdin = Stdin::Once);
    let mut client = bench.spawn();
    client.attach(Attach { stdin: true, ..ALL }).unwrap();
    client.start().unwrap();
    drop(client);
    until("the end", || bench.exit().is_some());
    assert_eq!(bench.exit().unwrap().exit_code, 6);
}

fn a_client_that_breaks_the_rules_is_dropped() {
    let bench = Bench::new("sleep 100").with(|config| config.stdin = Stdin::Open);
    bench.start();
    let mut greedy = bench.connect();
    greedy.attach(Attach { stdin: true, ..ALL }).unwrap();
    greedy.attached().unwrap();
    // More than the pipe holds and the credit allows: nobody reads it.
    let refused = (0..64).any(|_| greedy.send_stdin(&[0; DATA_MAX]).is_err());
    assert!(refused || std::iter::from_fn(|| greedy.next_frame().ok().flatten()).count() < 100);
    let mut uninvited = bench.connect();
    uninvited.send_stdin(b"x").unwrap();
    assert!(uninvited.next_frame().unwrap().is_none());
    assert!(bench.connect().status().unwrap().state.pid > 0);
}

fn a_terminal_has_a_size_and_one_stream() {
    let bench = Bench::new("stty size; echo err >&2; read x; stty size; exit 0").with(|config| {
        (config.tty, config.stdin, config.console_size) = (true, Stdin::Open, Some((33, 111)));
    });
    let mut client = bench.spawn();
    client.attach(Attach { stdin: true, ..ALL }).unwrap();
    client.start().unwrap();
    until("the first size", || bench.log().contains("err"));
    client.resize(44, 122).unwrap();
    client.send_stdin(b"\r").unwrap();
    let got = follow(&mut client);
    let text = String::from_utf8(got.stdout).unwrap();
    assert!(text.contains("33 111\r\n") && text.contains("err\r\n") && text.contains("44 122\r\n"), "{text:?}");
    assert!(got.stderr.is_empty());
}

fn the_log_before_and_the_stream_after_an_attach_fit() {
    let bench = Bench::new("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done; sleep 0.2")
        .with(|config| config.log = crate::bench::log_config(20_000, 100));
    bench.start();
    until("some output", || bench.log().len() > 500);
    let mut client = bench.connect();
    client.attach(ALL).unwrap();
    let attached = client.attached().unwrap();
    let query = stead_monitor::log::LogQuery { up_to: Some(attached), ..Default::default() };
    let reader = stead_monitor::log::read(&bench.root().container(bench.id()), bench.id(), query).unwrap();
    let mut all: Vec<u8> = reader.flat_map(|entry| entry.unwrap().text.into_bytes()).collect();
    all.extend(follow(&mut client).stdout);
    assert!(all == numbers(3000), "{} bytes", all.len());
}
