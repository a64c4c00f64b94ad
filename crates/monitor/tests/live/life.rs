//! Birth, end, stop, restart, and who is told when.

use std::time::{Duration, Instant};

use stead_monitor::protocol::Condition;
use stead_monitor::{Client, RestartPolicy, Status};

use crate::Test;
use crate::bench::{ALL, Bench, follow, until};

pub(crate) const TESTS: &[Test] = &[
    ("life::exit_codes_are_on_disk_when_told", exit_codes_are_on_disk_when_told),
    ("life::a_program_that_is_not_there", a_program_that_is_not_there),
    ("life::a_prepared_monitor_leaves_with_its_clients", a_prepared_monitor_leaves_with_its_clients),
    ("life::one_monitor_a_container", one_monitor_a_container),
    ("life::a_start_right_after_a_wait", a_start_right_after_a_wait),
    ("life::stop_asks_and_then_insists", stop_asks_and_then_insists),
    ("life::on_failure_gives_up_and_counts", on_failure_gives_up_and_counts),
    ("life::a_stop_while_it_waits_for_the_next_life", a_stop_while_it_waits_for_the_next_life),
    ("life::waits_for_the_next_and_for_the_last_end", waits_for_the_next_and_for_the_last_end),
    ("life::who_claims_the_clean_up_and_goes_leaves_it", who_claims_the_clean_up_and_goes_leaves_it),
    ("life::pause_and_go_on", pause_and_go_on),
    ("life::memory_is_small", memory_is_small),
    ("life::a_monitor_is_quick", a_monitor_is_quick),
];

fn exit_codes_are_on_disk_when_told() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$; sleep 1; exit 3", 3)] {
        let bench = Bench::new(script);
        let mut client = bench.start();
        // The wait may come after the end: the monitor of a finished container may be gone, its exit is not.
        let told = client.wait(Condition::NotRunning).ok().flatten();
        let exit = bench.exit().unwrap();
        assert_eq!(exit.exit_code, code, "{script}");
        assert!(told.is_none_or(|told| told == exit));
        assert!(exit.started_at.unwrap() <= exit.finished_at && exit.pid > 0);
        bench.until_gone();
        assert!(matches!(Client::connect(&bench.run_root(), bench.id()), Err(stead_monitor::Error::NotRunning(_))));
    }
}

fn a_program_that_is_not_there() {
    let bench = Bench::new("");
    let mut client = bench.spawn_args(&["/no/such/program"]);
    let error = client.start().unwrap_err();
    assert_eq!(error.exit_code(), Some(127), "{error}");
    let exit = bench.exit().unwrap();
    assert_eq!((exit.exit_code, exit.started_at), (127, None));
    assert!(exit.error.contains("/no/such/program"), "{}", exit.error);
    assert_eq!(bench.state(), None);
    bench.spawn().start().unwrap();
}

fn a_prepared_monitor_leaves_with_its_clients() {
    let bench = Bench::new("exit 0");
    let mut client = bench.spawn();
    client.attach(ALL).unwrap();
    client.attached().unwrap();
    assert_eq!(bench.state().unwrap().status, Status::Created);
    drop(client);
    bench.until_gone();
    assert_eq!(bench.exit(), None);
    assert!(!bench.run_root().monitor_socket(bench.id()).exists());
}

fn one_monitor_a_container() {
    let bench = Bench::new("sleep 100");
    let _first = bench.start();
    let error = bench.spawn().start().unwrap_err();
    assert_eq!(error.kind(), stead_base::Kind::Conflict);
    assert!(error.to_string().ends_with("is already running"), "{error}");
    let again = bench.connect().start().unwrap_err();
    assert_eq!(again.kind(), stead_base::Kind::Conflict);
    assert_eq!(bench.state().unwrap().status, Status::Running);
}

fn a_start_right_after_a_wait() {
    let bench = Bench::new("sleep 0.01; exit 5");
    for _ in 0..20 {
        let mut client = bench.start();
        assert_eq!(client.wait(Condition::NotRunning).unwrap().unwrap().exit_code, 5);
    }
}

fn stop_asks_and_then_insists() {
    let bench = Bench::new("trap 'exit 44' TERM; echo ready; while :; do sleep 0.01; done");
    bench.start();
    until("the trap", || bench.log() == "ready\n");
    assert_eq!(bench.connect().stop(None, None).unwrap().unwrap().exit_code, 44);
    let bench = Bench::new("trap '' TERM; echo ready; while :; do sleep 1; done");
    bench.start();
    until("the trap", || bench.log() == "ready\n");
    let begin = Instant::now();
    let exit = bench.connect().stop(None, Some(1)).unwrap().unwrap();
    assert_eq!((exit.exit_code, exit.stopped_by_hand), (137, true));
    assert!(begin.elapsed() >= Duration::from_secs(1));
    assert_eq!(bench.exit(), Some(exit));
}

fn on_failure_gives_up_and_counts() {
    let bench = Bench::new("echo life; exit 3").with(|config| config.restart = RestartPolicy::OnFailure { max_retries: 2 });
    bench.start();
    bench.until_gone();
    let exit = bench.exit().unwrap();
    assert_eq!((exit.exit_code, exit.restart_count), (3, 2));
    assert_eq!(bench.log(), "life\n".repeat(3));
}

fn a_stop_while_it_waits_for_the_next_life() {
    let bench = Bench::new("exit 1").with(|config| config.restart = RestartPolicy::Always);
    bench.start();
    until("some restarts", || bench.state().is_some_and(|state| state.restart_count >= 4 && state.status == Status::Restarting));
    let exit = bench.connect().stop(None, None).unwrap().unwrap();
    assert_eq!((exit.exit_code, exit.stopped_by_hand), (1, true));
    bench.until_gone();
    assert!(bench.exit().unwrap().stopped_by_hand);
}

fn waits_for_the_next_and_for_the_last_end() {
    let bench = Bench::new("sleep 0.2; exit 9").with(|config| config.restart = RestartPolicy::OnFailure { max_retries: 1 });
    bench.start();
    let mut last = bench.connect();
    let waiting = std::thread::spawn(move || last.wait(Condition::NotRunning).unwrap().unwrap());
    let next = bench.connect().wait(Condition::NextExit).unwrap().unwrap();
    assert_eq!((next.exit_code, next.restart_count), (9, 0));
    let last = waiting.join().unwrap();
    assert_eq!((last.exit_code, last.restart_count), (9, 1));
}

fn who_claims_the_clean_up_and_goes_leaves_it() {
    for (done, cleaned) in [(true, false), (false, true)] {
        let bench = Bench::new("exit 0");
        let mark = bench.tree().join("cleaned");
        let argv = ["/bin/busybox".to_owned(), "touch".to_owned(), mark.display().to_string()];
        let bench = bench.with(|config| (config.auto_remove, config.cleanup_argv) = (true, argv.into()));
        let mut client = bench.spawn();
        client.claim_cleanup().unwrap();
        client.attach(ALL).unwrap();
        client.start().unwrap();
        assert_eq!(follow(&mut client).exit.unwrap().exit_code, 0);
        assert_eq!(bench.exit(), None, "nobody can ask for the exit of a container that is being removed");
        if done {
            client.cleanup_done();
        }
        drop(client);
        if cleaned {
            until("the clean-up", || mark.exists());
        } else {
            std::thread::sleep(Duration::from_millis(100));
            assert!(!mark.exists());
        }
    }
}

fn pause_and_go_on() {
    let bench = Bench::new("while :; do echo tick; sleep 0.01; done");
    bench.start();
    let mut client = bench.connect();
    if client.pause().is_err() {
        // A kernel without a freezer: refused, and the container goes on.
        assert_eq!(bench.state().unwrap().status, Status::Running);
        return;
    }
    assert_eq!(bench.state().unwrap().status, Status::Paused);
    let before = bench.log().len();
    std::thread::sleep(Duration::from_millis(100));
    assert!(bench.log().len() <= before + 10);
    client.unpause().unwrap();
    until("ticks", || bench.log().len() > before + 50);
    client.pause().unwrap();
    assert_eq!(client.stop(Some(9), Some(0)).unwrap().unwrap().exit_code, 137);
}

fn memory_is_small() {
    let bench = Bench::new("seq 1 200000; sleep 100");
    let mut client = bench.spawn();
    client.attach(ALL).unwrap();
    client.start().unwrap();
    let mut bytes = 0;
    while bytes < 1_288_895 {
        bytes += client.next_frame().unwrap().unwrap().payload.len();
    }
    // File pages count as private while a single process maps the program, so several run at once, as in real life.
    let others: Vec<Bench> = (0..2).map(|_| Bench::new("sleep 100")).collect();
    let _others: Vec<Client> = others.iter().map(Bench::start).collect();
    let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", bench.state().unwrap().monitor_pid)).unwrap();
    let private: u64 = rollup
        .lines()
        .filter(|line| line.starts_with("Private_"))
        .map(|line| line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap())
        .sum();
    print!("{private} KiB private ... ");
    assert!(private <= 2048, "{private} KiB");
}

fn a_monitor_is_quick() {
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let bench = Bench::new("exit 0");
            let begin = Instant::now();
            let mut client = bench.spawn();
            client.attach(ALL).unwrap();
            client.attached().unwrap();
            begin.elapsed()
        })
        .collect();
    times.sort();
    print!("ready after {:?} (median) ... ", times[10]);
    // No limit: a machine under load is no defect. The benches compare.
    assert!(times[0] > Duration::ZERO);
}
