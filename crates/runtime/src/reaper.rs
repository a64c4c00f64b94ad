//! `--init`: a small pid 1 that forwards signals to the program and reaps what the program leaves behind. A closure of the forked
//! monitor, not a file: nothing has to be in the image and nothing can be replaced there.

use std::os::fd::AsFd;

use stead_sys::process::{self, NamespaceFlags};
use stead_sys::{signal, tty};

use crate::confine::{Confinement, Ready};
use crate::launch::LaunchError;
use crate::report::Reporter;

const SIGCHLD: i32 = 17;
const SIGTTIN: i32 = 21;
const SIGTTOU: i32 = 22;

/// Starts the program as a child and stays. Returns the code to exit with.
pub(crate) fn run(confinement: &Confinement, ready: &Ready, reporter: Reporter, terminal: bool) -> i32 {
    signal::block_all();
    let child = match process::spawn(NamespaceFlags::empty(), None, || become_program(confinement, ready, &reporter, terminal)) {
        Ok(child) => child,
        Err(error) => return fail(&reporter, &error.into()),
    };
    process::set_name(c"stead-init");
    // Same confinement as the program: what reaches this process must gain nothing.
    if let Err(error) = confinement.seal() {
        return fail(&reporter, &error);
    }
    drop(reporter);
    let pid = child.pid;
    drop(child);
    if process::close_from(3).is_err() {
        return 125;
    }
    // SIGCHLD of a child that ended before the first wait is pending, since all signals were blocked before it was made.
    loop {
        match signal::wait_any() {
            Some(SIGCHLD) => {
                while let Ok(Some((ended, exit))) = process::reap_any() {
                    if ended == pid {
                        return exit.status();
                    }
                }
            }
            // Our own attempts to use the terminal, not meant for the program.
            Some(SIGTTIN | SIGTTOU) | None => {}
            // A program that has just ended needs no signal.
            Some(number) => drop(signal::kill(pid, number)),
        }
    }
}

fn become_program(confinement: &Confinement, ready: &Ready, reporter: &Reporter, terminal: bool) -> i32 {
    if terminal {
        // The program leads the foreground, so that the terminal's own signals reach it once and not through us again.
        if let Err(error) = tty::lead_foreground(std::io::stdin().as_fd()) {
            return fail(reporter, &error.into());
        }
    }
    if let Err(error) = confinement.seal() {
        return fail(reporter, &error);
    }
    fail(reporter, &ready.execute())
}

fn fail(reporter: &Reporter, error: &LaunchError) -> i32 {
    reporter.fail(error);
    error.kind.exit_code()
}
