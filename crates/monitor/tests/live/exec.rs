//! Processes beside the first one.

use std::fs::File;
use std::io::{Read, Write};

use stead_monitor::Client;
use stead_monitor::client::ExecStreams;
use stead_monitor::protocol::Exec;
use stead_runtime::ExecProcess;

use crate::Test;
use crate::bench::{Bench, until};

pub(crate) const TESTS: &[Test] = &[
    ("exec::codes_and_streams", codes_and_streams),
    ("exec::a_program_that_is_not_there", a_program_that_is_not_there),
    ("exec::a_terminal", a_terminal),
    ("exec::detached_and_abandoned_ones_go_on", detached_and_abandoned_ones_go_on),
    ("exec::many_at_once", many_at_once),
    ("exec::ends_with_the_container", ends_with_the_container),
];

fn request(script: &str, number: u8) -> Exec {
    let process = ExecProcess { args: ["sh", "-c", script].map(str::to_owned).into(), ..ExecProcess::default() };
    Exec { id: format!("{number:064x}"), process, stdin: false, size: None, detach: false }
}

fn run(client: &mut Client, exec: &Exec, input: &[u8]) -> (i32, String, String) {
    let (started, streams) = client.exec(exec).unwrap();
    assert!(started.pid > 0);
    let ExecStreams::Pipes { stdin, stdout, stderr } = streams else { panic!("pipes were expected") };
    if let Some(stdin) = stdin {
        File::from(stdin).write_all(input).unwrap();
    }
    let (mut out, mut err) = (String::new(), String::new());
    File::from(stdout).read_to_string(&mut out).unwrap();
    File::from(stderr).read_to_string(&mut err).unwrap();
    (client.exec_wait().unwrap(), out, err)
}

fn codes_and_streams() {
    let bench = Bench::new("sleep 100");
    bench.start();
    let exec = request("echo out; echo err >&2; exit 9", 1);
    assert_eq!(run(&mut bench.connect(), &exec, b""), (9, "out\n".into(), "err\n".into()));
    let exec = Exec { stdin: true, ..request("cat; exit 0", 2) };
    assert_eq!(run(&mut bench.connect(), &exec, b"hello"), (0, "hello".into(), String::new()));
    assert_eq!(run(&mut bench.connect(), &request("kill -TERM $$", 3), b"").0, 143);
    let report = bench.connect().status().unwrap();
    let codes: Vec<_> = report.execs.iter().map(|exec| exec.exit_code).collect();
    assert_eq!(codes, [Some(9), Some(0), Some(143)]);
}

fn a_program_that_is_not_there() {
    let bench = Bench::new("sleep 100");
    bench.start();
    let mut exec = request("", 1);
    exec.process.args = vec!["/no/such".to_owned()];
    let error = bench.connect().exec(&exec).unwrap_err();
    assert_eq!(error.exit_code(), Some(127), "{error}");
    assert_eq!(run(&mut bench.connect(), &request("exit 1", 2), b"").0, 1);
}

fn a_terminal() {
    let bench = Bench::new("sleep 100");
    bench.start();
    let mut exec = request("stty size; read x; stty size; exit 3", 1);
    (exec.process.tty, exec.stdin, exec.size) = (true, true, Some((21, 77)));
    let mut client = bench.connect();
    let (_, streams) = client.exec(&exec).unwrap();
    let ExecStreams::Terminal(master) = streams else { panic!("a terminal was expected") };
    let mut master = File::from(master);
    let mut text = String::new();
    let mut buffer = [0; 256];
    while !text.contains("21 77") {
        let count = master.read(&mut buffer).unwrap();
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    bench.connect().exec_resize(&exec.id, 22, 78).unwrap();
    until("the new size", || rustix::termios::tcgetwinsize(&master).unwrap().ws_row == 22);
    master.write_all(b"\r").unwrap();
    assert_eq!(client.exec_wait().unwrap(), 3);
    while let Ok(count @ 1..) = master.read(&mut buffer) {
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        if text.contains("22 78") {
            break;
        }
    }
    assert!(text.contains("22 78"), "{text:?}");
}

fn detached_and_abandoned_ones_go_on() {
    let bench = Bench::new("sleep 100");
    bench.start();
    let mark = |name: &str| bench.tree().join("tmp").join(name);
    let detached = Exec { detach: true, ..request("seq 1 50000; echo x > /tmp/detached", 1) };
    let (_, streams) = bench.connect().exec(&detached).unwrap();
    assert!(matches!(streams, ExecStreams::None));
    let (_, streams) = bench.connect().exec(&request("sleep 0.2; seq 1 50000; echo x > /tmp/abandoned", 2)).unwrap();
    drop(streams);
    until("the detached one", || mark("detached").exists());
    until("the abandoned one", || mark("abandoned").exists());
    until("their codes", || bench.connect().status().unwrap().execs.iter().all(|exec| exec.exit_code == Some(0)));
}

fn many_at_once() {
    let bench = Bench::new("sleep 100");
    bench.start();
    let threads: Vec<_> = (0..16u8)
        .map(|number| {
            let mut client = bench.connect();
            std::thread::spawn(move || run(&mut client, &request(&format!("seq 1 1000; exit {number}"), number), b""))
        })
        .collect();
    for (number, thread) in (0..16).zip(threads) {
        let (code, out, _) = thread.join().unwrap();
        assert_eq!((code, out.lines().count()), (number, 1000));
    }
}

fn ends_with_the_container() {
    let bench = Bench::new("sleep 100");
    bench.start();
    let mut client = bench.connect();
    let (_, streams) = client.exec(&request("sleep 50", 1)).unwrap();
    assert_eq!(bench.connect().stop(Some(9), Some(0)).unwrap().unwrap().exit_code, 137);
    assert!(matches!(client.exec_wait(), Ok(137) | Err(stead_monitor::Error::Gone(_))));
    drop(streams);
    bench.until_gone();
}
