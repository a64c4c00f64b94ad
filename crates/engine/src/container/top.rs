//! `top`: the processes of a container in the columns that `ps` would print.

mod columns;

use serde::Serialize;
use stead_base::Kind;
use stead_runtime::process_list;

use super::pause::not_running;
use crate::{Engine, Failure, Result};
use columns::{Column, Machine};

/// Processes as a table, in the JSON of Docker's `GET /containers/{id}/top`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Processes {
    /// A row for each process.
    pub processes: Vec<Vec<String>>,
    /// Titles of the columns.
    pub titles: Vec<String>,
}

impl Engine {
    /// Lists the processes of a running container. `arguments` are those of `ps`; `-ef` when empty. Nothing is executed for it.
    ///
    /// # Errors
    /// It does not run; arguments that are not understood or that leave the process ids out.
    pub fn container_top(&self, typed: &str, arguments: &str) -> Result<Processes> {
        let columns = parse(arguments)?;
        let container = self.container(typed)?;
        match self.now(&container.id).status {
            "running" | "paused" => {}
            "restarting" => {
                let text = format!("Container {} is restarting, wait until the container is running", container.id);
                return Err(Failure::new(Kind::Conflict, text));
            }
            _ => return Err(not_running(&container.id)),
        }
        let plan = stead_runtime::spec::read(&self.run_root, &container.id).ok_or_else(|| not_running(&container.id))?;
        let processes = process_list::list(&plan).map_err(|_gone| not_running(&container.id))?;
        let machine = Machine::read();
        self.emit_container(&container, "top", &[]);
        Ok(Processes {
            processes: processes.iter().map(|process| columns.iter().map(|column| column.show(process, &machine)).collect()).collect(),
            titles: columns.iter().map(|column| column.title.clone()).collect(),
        })
    }
}

/// What `ps` makes of its arguments: `-ef`, `aux`, `-o pid,args`, and what is made of these.
fn parse(arguments: &str) -> Result<Vec<Column>> {
    let refuse = |why: String| Failure::new(Kind::Internal, format!("ps: {why}"));
    let mut chosen = Vec::new();
    let mut layout = "-o";
    let mut words = arguments.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let (list, rest) = match word.strip_suffix('o').filter(|flags| !flags.starts_with("--")) {
            Some(flags) => (words.next(), flags),
            None if word == "--format" => (words.next(), ""),
            None => split(word),
        };
        match rest {
            "" => {}
            flags if flags.chars().all(|c| "eAadxgrwTNHL-".contains(c)) => {}
            flags if flags.contains('f') || flags.contains('F') => layout = "-f",
            flags if flags.contains('u') => layout = "u",
            flags if flags.contains('l') => layout = "-l",
            flags if flags.contains('j') => layout = "-j",
            flags => return Err(refuse(format!("error: unsupported option {flags:?}"))),
        }
        for name in list.unwrap_or_default().split(',').filter(|name| !name.is_empty()) {
            chosen.push(column(name, &refuse)?);
        }
    }
    if arguments.trim().is_empty() {
        layout = "-f";
    }
    if chosen.is_empty() {
        chosen = columns::layout(layout);
    }
    if !chosen.iter().any(|column| column.title == "PID") {
        return Err(Failure::new(Kind::Internal, "Couldn't find PID field in ps output"));
    }
    Ok(chosen)
}

/// The list that is glued to an `o`, and the flags before it.
fn split(word: &str) -> (Option<&str>, &str) {
    if let Some(list) = word.strip_prefix("--format=") {
        return (Some(list), "");
    }
    match word.split_once('o') {
        Some((flags, list)) if !word.starts_with("--") && !list.is_empty() => (Some(list), flags),
        _ => (None, word),
    }
}

/// `name` or `name=TITLE`.
fn column(text: &str, refuse: &dyn Fn(String) -> Failure) -> Result<Column> {
    let (name, title) = text.split_once('=').map_or((text, None), |(name, title)| (name, Some(title)));
    if let Some(title) = title.filter(|title| title.starts_with("PID") && name != "pid") {
        return Err(Failure::invalid(format!("specifying \"{name}={title}\" is not allowed")));
    }
    let mut found = columns::named(name).ok_or_else(|| refuse(format!("error: unknown user-defined format specifier {name:?}")))?;
    if let Some(title) = title {
        title.clone_into(&mut found.title);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(arguments: &str) -> Vec<String> {
        parse(arguments).unwrap().into_iter().map(|c| c.title).collect()
    }

    #[test]
    fn arguments_of_ps_choose_the_columns() {
        let full = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
        for same in ["", "-ef", "-f", "-e -f", "ef"] {
            assert_eq!(titles(same), full, "{same}");
        }
        let user = ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"];
        assert_eq!(titles("aux"), user);
        assert_eq!(titles("-aux"), user);
        for same in ["-o pid,args", "-eo pid,args", "-o pid -o args", "-opid,args", "o pid,args", "--format pid,args"] {
            assert_eq!(titles(same), ["PID", "COMMAND"], "{same}");
        }
        assert_eq!(titles("-o pid=ID,pid"), ["ID", "PID"]);
        assert_eq!(titles("-e"), ["PID", "TTY", "TIME", "CMD"]);
    }

    #[test]
    fn what_ps_would_refuse_is_refused() {
        assert_eq!(parse("-o comm").unwrap_err().message, "Couldn't find PID field in ps output");
        assert!(parse("-o pid,bogus").unwrap_err().message.starts_with("ps: error:"));
        assert!(parse("-o comm=PID,pid").unwrap_err().message.contains("is not allowed"));
        assert!(parse("-Z").unwrap_err().message.contains("unsupported option"));
    }
}
