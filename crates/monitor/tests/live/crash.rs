//! Monitors that are killed at any moment: the container dies with them, the next command finds a whole state.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use stead_monitor::{RestartPolicy, Status, left_behind, settle};

use crate::Test;
use crate::bench::{Bench, until};

pub(crate) const TESTS: &[Test] = &[
    ("crash::the_container_dies_with_its_monitor", the_container_dies_with_its_monitor),
    ("crash::a_kill_at_any_moment_leaves_a_whole_state", a_kill_at_any_moment_leaves_a_whole_state),
    ("crash::a_container_that_waited_for_its_next_life", a_container_that_waited_for_its_next_life),
    ("crash::sigterm_ends_without_blame", sigterm_ends_without_blame),
];

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

fn the_container_dies_with_its_monitor() {
    let bench = Bench::new("sleep 100 & sleep 100");
    let mut client = bench.start();
    let state = bench.state().unwrap();
    kill(state.monitor_pid, Signal::KILL);
    bench.until_gone();
    until("the container's end", || !alive(state.pid));
    assert!(matches!(client.wait(stead_monitor::protocol::Condition::NotRunning), Err(stead_monitor::Error::Gone(_))));
    assert_eq!(left_behind(&bench.run_root(), bench.id()).unwrap().pid, state.pid);
    let exit = settle(&bench.root(), &bench.run_root(), bench.id()).unwrap().unwrap();
    assert_eq!((exit.exit_code, exit.pid), (137, state.pid));
    assert_eq!(bench.exit(), Some(exit));
    assert_eq!(left_behind(&bench.run_root(), bench.id()), None);
    assert_eq!(settle(&bench.root(), &bench.run_root(), bench.id()).unwrap(), None);
    bench.start();
    assert_eq!(bench.state().unwrap().status, Status::Running);
}

fn a_kill_at_any_moment_leaves_a_whole_state() {
    let mut ends = [0; 3];
    for round in 0..60u64 {
        let bench = Bench::new("exit 21");
        let mut client = bench.spawn();
        client.attached().unwrap();
        let monitor = bench.state().unwrap().monitor_pid;
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(round * round * 30));
            if alive(monitor) {
                kill(monitor, Signal::KILL);
            }
        });
        let started = client.start().is_ok();
        let told = client.wait(stead_monitor::protocol::Condition::NotRunning).ok().flatten();
        killer.join().unwrap();
        bench.until_gone();
        let settled = settle(&bench.root(), &bench.run_root(), bench.id()).unwrap();
        let exit = bench.exit();
        if let Some(told) = told {
            assert_eq!(exit.as_ref(), Some(&told), "round {round}: what was told is on disk");
            assert_eq!(told.exit_code, 21);
        }
        match (&exit, settled) {
            (Some(exit), None) => {
                assert_eq!(exit.exit_code, 21);
                ends[0] += 1;
            }
            (Some(exit), Some(_)) => {
                assert!(matches!(exit.exit_code, 21 | 137), "round {round}: {exit:?}");
                ends[1] += 1;
            }
            (None, _) => {
                assert!(!started || told_nothing(&bench), "round {round}: a start that was acknowledged is known");
                ends[2] += 1;
            }
        }
        assert_eq!(left_behind(&bench.run_root(), bench.id()), None);
        bench.start();
    }
    print!("{} ended, {} settled, {} never born ... ", ends[0], ends[1], ends[2]);
    assert!(ends[0] > 0 && ends[1] + ends[2] > 0, "the killer was always too late or too early: {ends:?}");
}

/// Without an exit there must be no trace of a life either.
fn told_nothing(bench: &Bench) -> bool {
    left_behind(&bench.run_root(), bench.id()).is_none()
}

fn a_container_that_waited_for_its_next_life() {
    let bench = Bench::new("exit 8").with(|config| config.restart = RestartPolicy::Always);
    bench.start();
    until("a long wait", || bench.state().is_some_and(|state| state.status == Status::Restarting && state.restart_count >= 3));
    kill(bench.state().unwrap().monitor_pid, Signal::KILL);
    bench.until_gone();
    assert_eq!(settle(&bench.root(), &bench.run_root(), bench.id()).unwrap().unwrap().exit_code, 8);
}

fn sigterm_ends_without_blame() {
    let bench =
        Bench::new("trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done").with(|config| config.restart = RestartPolicy::Always);
    bench.start();
    until("the trap", || bench.log() == "ready\n");
    kill(bench.state().unwrap().monitor_pid, Signal::TERM);
    bench.until_gone();
    let exit = bench.exit().unwrap();
    assert_eq!((exit.exit_code, exit.stopped_by_hand), (5, false));
}
