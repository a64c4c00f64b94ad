//! Checks for people who work on Stead: `cargo run -p xtask` prints what is untidy, `cargo test -p xtask` fails on it.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for developers: it prints, asks cargo, and takes a broken tree as the end"
)]

mod law;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut untidy = false;
    for (name, check) in tidy::CHECKS {
        for finding in check() {
            println!("{name}: {finding}");
            untidy = true;
        }
    }
    if untidy { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
