//! The manual: `--help` of every command, in Docker's layout, with prose and examples of our own.

use std::fmt::Write as _;

use super::{Act, Command, Flag, Kind};

/// Width of help where no terminal says otherwise, as Docker's.
pub(crate) const WIDTH_DEFAULT: usize = 80;

/// Commands shown first, because they are the ones people type.
const COMMON: [&str; 8] = ["run", "exec", "ps", "pull", "images", "cp", "version", "info"];

/// The manual of one command, called by `path`, for a terminal `width` columns wide.
pub(crate) fn page(command: &Command, path: &str, width: usize) -> String {
    let mut out = format!("{}\n\n{}\n", usage_line(path, command.usage), command.about);
    if !command.long.is_empty() {
        push(&mut out, format_args!("\n{}\n", prose(command.long, width)));
    }
    if !command.also.is_empty() {
        push(&mut out, format_args!("\nAliases:\n  {}\n", command.also.join(", ")));
    }
    if let Act::Group(children) = command.act {
        push(&mut out, format_args!("\nCommands:\n{}", listing(children.iter().copied())));
    }
    let flags: Vec<&Flag> = command.all_flags().collect();
    if flags.iter().any(|f| !f.hidden) {
        push(&mut out, format_args!("\nOptions:\n{}", options(&flags, width)));
    }
    if !command.examples.is_empty() {
        out.push_str("\nExamples:\n");
        for (what, line) in command.examples {
            push(&mut out, format_args!("  # {what}\n  {line}\n"));
        }
    }
    if matches!(command.act, Act::Group(_)) {
        push(&mut out, format_args!("\nRun '{path} COMMAND --help' for more information on a command.\n"));
    }
    out
}

/// The manual of the program itself.
pub(crate) fn front_page(root: &Command, width: usize) -> String {
    let Act::Group(children) = root.act else { return String::new() };
    let mut out = format!("{}\n\n{}\n", usage_line("stead", root.usage), root.about);
    push(&mut out, format_args!("\n{}\n", prose(root.long, width)));
    let common = COMMON.iter().filter_map(|name| root.child(name));
    push(&mut out, format_args!("\nCommon Commands:\n{}", listing(common)));
    let is_group = |c: &Command| matches!(c.act, Act::Group(_)) && c.name != "completion";
    let groups = children.iter().copied().filter(|c| is_group(c));
    push(&mut out, format_args!("\nManagement Commands:\n{}", listing(groups)));
    let rest = children.iter().copied().filter(|c| !is_group(c) && !COMMON.contains(&c.name));
    push(&mut out, format_args!("\nCommands:\n{}", listing(rest)));
    let flags: Vec<&Flag> = root.all_flags().collect();
    push(&mut out, format_args!("\nGlobal Options:\n{}", options(&flags, width)));
    for (at, (what, line)) in root.examples.iter().enumerate() {
        push(&mut out, format_args!("{}  # {what}\n  {line}\n", if at == 0 { "\nExamples:\n" } else { "" }));
    }
    out.push_str("\nRun 'stead COMMAND --help' for more information on a command.\n");
    out
}

/// `Usage:  stead run [OPTIONS] IMAGE [COMMAND] [ARG...]`.
pub(crate) fn usage_line(path: &str, usage: &str) -> String {
    let gap = if usage.is_empty() { "" } else { " " };
    format!("Usage:  {path}{gap}{usage}")
}

fn listing<'a>(commands: impl Iterator<Item = &'a Command>) -> String {
    let mut commands: Vec<&Command> = commands.collect();
    commands.sort_by_key(|c| c.name);
    let widest = commands.iter().map(|c| c.name.len()).max().unwrap_or(0).max(11);
    commands.iter().map(|c| format!("  {:widest$} {}\n", c.name, c.about)).collect()
}

/// The table of flags, sorted by name and wrapped as pflag wraps it.
fn options(flags: &[&Flag], width: usize) -> String {
    let mut shown: Vec<&Flag> = flags.iter().copied().filter(|f| !f.hidden).collect();
    shown.sort_by_key(|f| f.long);
    let heads: Vec<String> = shown.iter().map(|f| head(f)).collect();
    let column = heads.iter().map(String::len).max().unwrap_or(0) + 3;
    let mut out = String::new();
    for (flag, head) in shown.iter().zip(&heads) {
        let default = if flag.default.is_empty() { String::new() } else { format!(" (default {})", flag.default) };
        let text = wrapped(&format!("{}{default}", flag.help), column, width.saturating_sub(1));
        push(&mut out, format_args!("{head:column$}{text}\n"));
    }
    out
}

fn head(flag: &Flag) -> String {
    let short = flag.short.map_or_else(|| "      ".to_owned(), |s| format!("  -{s}, "));
    let kind = match flag.kind {
        Kind::Bool => String::new(),
        Kind::Value(name, _) => format!(" {name}"),
    };
    format!("{short}--{}{kind}", flag.long)
}

/// Paragraphs, parted by empty lines and filled to the width.
fn prose(text: &str, width: usize) -> String {
    let filled: Vec<String> = text.split("\n\n").map(|p| wrapped(&p.replace('\n', " "), 0, width.saturating_sub(1))).collect();
    filled.join("\n\n")
}

/// Words broken so that nothing passes column `width` when the text starts at column `indent`; lines of the text itself are kept.
fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent).max(24);
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.trim_end().is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() || (word.is_empty() && lines.is_empty()) {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join(&format!("\n{:indent$}", ""))
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    out.write_fmt(text).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Arity, list, switch, text};

    #[test]
    fn a_page_looks_like_dockers() {
        static COMMAND: Command = Command {
            name: "sample",
            usage: "[OPTIONS] IMAGE",
            about: "Does a thing",
            also: &["stead sample", "stead x sample"],
            flags: &[&[
                text("pull", None, "Pull image before running, which is a text long enough that it must be wrapped here").or("\"missing\""),
                switch("tty", Some('t'), "Allocate a pseudo-TTY"),
                list("label-file", None, "x").hidden(),
            ]],
            examples: &[("Try it", "stead sample redis")],
            arity: Arity::Any,
            act: Act::Run(|_, _| Ok(0)),
            ..Command::NEW
        };
        let want = "Usage:  stead sample [OPTIONS] IMAGE\n\nDoes a thing\n\nAliases:\n  stead sample, stead x sample\n\nOptions:\n      \
                    --pull string   Pull image before running, which is a text long enough\n                      that it must be wrapped here \
                    (default \"missing\")\n  -t, --tty           Allocate a pseudo-TTY\n\nExamples:\n  # Try it\n  stead sample redis\n";
        assert_eq!(page(&COMMAND, "stead sample", WIDTH_DEFAULT), want);
    }

    #[test]
    fn narrow_terminals_still_get_words() {
        assert_eq!(wrapped("one two three four five six seven", 30, 20), format!("one two three four five\n{:30}six seven", ""));
    }
}
