//! The monitor with real containers: a busybox root, the real runtime, real kills. Needs root.
//!
//! The program is its own monitor: `spawn` executes `/proc/self/exe monitor`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends the test, which is what a test is for")]
#![expect(clippy::print_stdout, reason = "this is a test's own report")]

mod bench;
mod crash;
mod exec;
mod life;
mod logs;
mod streams;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

type Test = (&'static str, fn());

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == stead_monitor::spawn::ROLE) {
        return ExitCode::from(u8::try_from(stead_monitor::serve::run()).unwrap_or(1));
    }
    let tests: Vec<Test> = [life::TESTS, streams::TESTS, exec::TESTS, logs::TESTS, crash::TESTS].concat();
    if args.iter().any(|arg| arg == "--list") {
        for (name, _) in &tests {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    if let Some(why) = bench::cannot_run() {
        println!("live: skipped, {why}");
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let mut failed = Vec::new();
    for (name, test) in tests {
        if !wanted.is_empty() && !wanted.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        print!("test {name} ... ");
        drop(std::io::stdout().flush());
        let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("{}", if passed { "ok" } else { "FAILED" });
        if !passed {
            failed.push(name);
        }
    }
    println!("live: {} failed {failed:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
