//! The `stead` binary: the command line in front of the engine.
//!
//! - Purpose: turn what people type into the engine's requests, and its answers into what people and scripts read.
//! - Door: none; `main` picks a role ([`roles`]) or a command ([`command::tree`]).
//! - Knows: flags, help, formats, the terminal, the environment, exit statuses.
//! - Must not know: records, mounts, cgroups, registries; those are behind the engine.
//! - If we crash here: nothing but this process ends. Containers have their monitors, state is on disk.

mod command;
mod completion;
mod container;
mod context;
mod failure;
mod format;
mod image;
mod inspect;
mod listing;
mod network;
mod output;
mod roles;
mod serve;
mod system;
mod terminal;
mod volume;

use std::process::ExitCode;

use command::help::{WIDTH_DEFAULT, front_page, page};
use command::tree::ROOT;
use command::{Act, Command, Matches, Misuse, Outcome};
use context::Context;
use failure::Failure;

fn main() -> ExitCode {
    // The monitor is chosen before anything else is looked at: it stays, so it must be small.
    if let Some(status) = roles::monitor() {
        return ExitCode::from(status);
    }
    match words().and_then(|words| dispatch(&words)) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            let text = failure.render();
            if !text.is_empty() {
                output::warn(&text);
            }
            ExitCode::from(failure.code())
        }
    }
}

fn words() -> Result<Vec<String>, Failure> {
    let text = |word: std::ffi::OsString| {
        word.into_string().map_err(|word| Failure::plain(failure::EXIT_ENGINE, format!("stead: argument is not UTF-8: {}", word.display())))
    };
    std::env::args_os().skip(1).map(text).collect()
}

fn dispatch(words: &[String]) -> Outcome {
    if words.first().is_some_and(|w| w == completion::ASK) {
        return completion::answer(&words[1..]);
    }
    let globals = match Matches::read(&ROOT, "stead".to_owned(), words) {
        Ok(globals) => globals,
        Err(Misuse::Help) => return front(),
        Err(misuse) => return Err(Failure::misuse("stead", ROOT.usage, &misuse)),
    };
    if globals.on("version") {
        output::line(&system::version_line())?;
        return Ok(0);
    }
    let Some((name, rest)) = globals.args.split_first() else { return front() };
    if name == "help" {
        return help(rest);
    }
    let context = Context::read(&globals)?;
    if let Some(outcome) = roles::play(name, &context, rest) {
        return outcome;
    }
    let child = ROOT.child(name).ok_or_else(|| unknown("stead", name, None))?;
    descend(&context, child, &format!("stead {name}"), rest)
}

/// Goes down the tree to a command that does something.
fn descend(context: &Context, command: &'static Command, path: &str, words: &[String]) -> Outcome {
    match command.act {
        Act::Run(act) => {
            let matches = match Matches::read(command, path.to_owned(), words) {
                Ok(matches) => matches,
                Err(Misuse::Help) => return manual(command, path),
                Err(misuse) => return Err(Failure::misuse(path, command.usage, &misuse)),
            };
            if context.debug {
                output::warn(&format!("debug: {path} on {} and {}", context.root.display(), context.run_root.display()));
            }
            act(context, &matches)
        }
        Act::Group(_) => match words.split_first() {
            None => manual(command, path),
            Some((word, _)) if matches!(word.as_str(), "--help" | "-h") => manual(command, path),
            Some((word, _)) if word.starts_with('-') => {
                let misuse = Misuse::Flag(if word.starts_with("--") {
                    format!("unknown flag: {word}")
                } else {
                    format!("unknown shorthand flag: '{}' in {word}", word.chars().nth(1).unwrap_or('-'))
                });
                Err(Failure::misuse(path, command.usage, &misuse))
            }
            Some((word, rest)) => match command.child(word) {
                Some(child) => descend(context, child, &format!("{path} {word}"), rest),
                None => Err(unknown(path, word, Some(command.usage))),
            },
        },
    }
}

/// `stead help volume create`.
fn help(words: &[String]) -> Outcome {
    let mut command: &'static Command = &ROOT;
    let mut path = "stead".to_owned();
    for word in words {
        command = command.child(word).ok_or_else(|| unknown(&path, word, None))?;
        path.push(' ');
        path.push_str(word);
    }
    if words.is_empty() { front() } else { manual(command, &path) }
}

fn unknown(path: &str, word: &str, usage: Option<&str>) -> Failure {
    let usage = usage.map(|u| format!("\n\nUsage:  {path} {u}")).unwrap_or_default();
    Failure::plain(1, format!("stead: unknown command: {path} {word}{usage}\n\nRun '{path} --help' for more information"))
}

fn front() -> Outcome {
    output::text(&front_page(&ROOT, output::columns().unwrap_or(WIDTH_DEFAULT)))?;
    Ok(0)
}

fn manual(command: &Command, path: &str) -> Outcome {
    output::text(&page(command, path, output::columns().unwrap_or(WIDTH_DEFAULT)))?;
    Ok(0)
}
