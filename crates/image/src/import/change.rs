//! `--change`: one Dockerfile instruction applied to a config (the instructions `docker commit` and `docker import` allow).

use crate::config::{ContainerDefaults, Empty, Healthcheck};
use crate::import::words::{json_list, pairs, split, unquote};

/// A change that is refused, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// An instruction that cannot be applied to an image.
    #[error("{0} is not a valid change command")]
    Command(String),
    /// An instruction without arguments.
    #[error("{0} requires at least one argument")]
    Missing(String),
    /// An instruction with the wrong number of arguments.
    #[error("{0} requires exactly one argument")]
    ExactlyOne(String),
    /// Arguments that do not fit.
    #[error("Syntax error - can't find = in \"{0}\". Must be of the form: name=value")]
    Pair(String),
    /// A port that is none.
    #[error("invalid containerPort: {0}")]
    Port(String),
    /// A duration that is none.
    #[error("time: invalid duration {0:?}")]
    Duration(String),
    /// Anything else, as `INSTRUCTION: text`.
    #[error("{command} {problem}")]
    Refused {
        /// The instruction.
        command: &'static str,
        /// What is wrong with its arguments.
        problem: String,
    },
}

type Result<T, E = ChangeError> = std::result::Result<T, E>;

/// Applies one line.
pub(crate) fn apply(config: &mut ContainerDefaults, line: &str) -> Result<()> {
    let line = line.trim();
    let (command, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let command = command.to_ascii_uppercase();
    let known = [
        "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    ];
    if !known.contains(&command.as_str()) {
        return Err(ChangeError::Command(command));
    }
    if rest.is_empty() && !matches!(command.as_str(), "CMD" | "ENTRYPOINT") {
        let one = matches!(command.as_str(), "USER" | "WORKDIR" | "STOPSIGNAL");
        return Err(if one { ChangeError::ExactlyOne(command) } else { ChangeError::Missing(command) });
    }
    match command.as_str() {
        "CMD" => config.cmd = Some(command_line(config, rest)),
        "ENTRYPOINT" => entrypoint(config, rest),
        "ENV" => env(config, rest)?,
        "EXPOSE" => expose(config, rest)?,
        "HEALTHCHECK" => config.healthcheck = Some(healthcheck(config, rest)?),
        "LABEL" => config.labels.extend(pairs(rest).ok_or_else(|| ChangeError::Pair(rest.to_owned()))?),
        "ONBUILD" => on_build(config, rest)?,
        "STOPSIGNAL" => config.stop_signal = Some(expand(config, &unquote(rest))),
        "USER" => config.user = expand(config, &unquote(rest)),
        "VOLUME" => volumes(config, rest)?,
        _ => workdir(config, rest),
    }
    Ok(())
}

fn command_line(config: &ContainerDefaults, rest: &str) -> Vec<String> {
    match json_list(rest) {
        Some(list) => list,
        None => {
            let shell = config.shell.clone().unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()]);
            if rest.is_empty() { shell } else { shell.into_iter().chain([rest.to_owned()]).collect() }
        }
    }
}

/// An entrypoint makes the command of the base meaningless; a later CMD sets it again.
fn entrypoint(config: &mut ContainerDefaults, rest: &str) {
    let line = command_line(config, rest);
    config.entrypoint = Some(if json_list(rest).is_some_and(|l| l.is_empty()) { Vec::new() } else { line });
}

fn env(config: &mut ContainerDefaults, rest: &str) -> Result<()> {
    for (key, value) in pairs(rest).ok_or_else(|| ChangeError::Pair(rest.to_owned()))? {
        let entry = format!("{key}={}", expand(config, &value));
        match config.env.iter_mut().find(|e| e.split_once('=').is_some_and(|(k, _)| k == key)) {
            Some(old) => *old = entry,
            None => config.env.push(entry),
        }
    }
    Ok(())
}

fn expose(config: &mut ContainerDefaults, rest: &str) -> Result<()> {
    for word in split(rest) {
        let word = expand(config, &unquote(&word));
        let (range, proto) = word.split_once('/').unwrap_or((&word, "tcp"));
        let proto = proto.to_ascii_lowercase();
        if !["tcp", "udp", "sctp"].contains(&proto.as_str()) {
            return Err(ChangeError::Refused { command: "EXPOSE", problem: format!("invalid proto: {proto}") });
        }
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        let port = |text: &str| text.parse::<u16>().map_err(|_number| ChangeError::Port(range.to_owned()));
        for number in port(low)?..=port(high)? {
            config.exposed_ports.insert(format!("{number}/{proto}"), Empty {});
        }
    }
    Ok(())
}

fn volumes(config: &mut ContainerDefaults, rest: &str) -> Result<()> {
    for path in json_list(rest).unwrap_or_else(|| split(rest)) {
        let path = expand(config, &unquote(&path)).trim().to_owned();
        if path.is_empty() {
            return Err(ChangeError::Refused { command: "VOLUME", problem: "specified can not be an empty string".to_owned() });
        }
        config.volumes.insert(path, Empty {});
    }
    Ok(())
}

fn workdir(config: &mut ContainerDefaults, rest: &str) {
    let path = expand(config, &unquote(rest));
    let joined = if path.starts_with('/') { path } else { format!("{}/{path}", config.working_dir) };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    config.working_dir = format!("/{}", parts.join("/"));
}

fn on_build(config: &mut ContainerDefaults, rest: &str) -> Result<()> {
    let trigger = rest.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match trigger.as_str() {
        "ONBUILD" => Err(ChangeError::Refused { command: "ONBUILD", problem: "ONBUILD isn't allowed as an ONBUILD trigger".to_owned() }),
        "MAINTAINER" | "FROM" => {
            Err(ChangeError::Refused { command: "ONBUILD", problem: format!("{trigger} isn't allowed as an ONBUILD trigger") })
        }
        _ => {
            config.on_build.get_or_insert_default().push(rest.to_owned());
            Ok(())
        }
    }
}

fn healthcheck(config: &ContainerDefaults, rest: &str) -> Result<Healthcheck> {
    let refused = |problem: String| ChangeError::Refused { command: "HEALTHCHECK", problem };
    let mut check = Healthcheck::default();
    let mut left = rest;
    while let Some(option) = left.strip_prefix("--") {
        let (word, after) = option.split_once(char::is_whitespace).unwrap_or((option, ""));
        left = after.trim_start();
        let (name, value) = word.split_once('=').ok_or_else(|| refused(format!("missing a value on flag: {word}")))?;
        let nanos = || {
            let nanos = stead_base::time::parse_go_duration(value).and_then(|n| i64::try_from(n).ok()).filter(|n| *n >= 0);
            nanos.ok_or_else(|| ChangeError::Duration(value.to_owned()))
        };
        match name {
            "interval" => check.interval = nanos()?,
            "timeout" => check.timeout = nanos()?,
            "start-period" => check.start_period = nanos()?,
            "start-interval" => check.start_interval = nanos()?,
            "retries" => {
                let count = value.parse().ok().filter(|n| *n >= 0);
                check.retries = count.ok_or_else(|| refused(format!("--retries must be a number: {value}")))?;
            }
            _ => return Err(refused(format!("unknown flag: {name}"))),
        }
    }
    let (kind, line) = left.split_once(char::is_whitespace).unwrap_or((left, ""));
    match (kind.to_ascii_uppercase().as_str(), line.trim()) {
        ("NONE", "") => check.test = vec!["NONE".to_owned()],
        ("NONE", _) => return Err(refused("NONE takes no arguments".to_owned())),
        ("CMD", "") => return Err(refused("Missing command after HEALTHCHECK CMD".to_owned())),
        ("CMD", line) => {
            check.test = match json_list(line) {
                Some(list) => std::iter::once("CMD".to_owned()).chain(list).collect(),
                None => vec!["CMD-SHELL".to_owned(), expand(config, line)],
            };
        }
        (other, _) => return Err(refused(format!("Unknown type {other:?} in HEALTHCHECK (try CMD)"))),
    }
    Ok(check)
}

/// `$NAME` and `${NAME}` from the variables set so far; what is not set becomes empty, as in a Dockerfile.
fn expand(config: &ContainerDefaults, text: &str) -> String {
    let value = |name: &str| {
        let found = config.env.iter().rev().find_map(|e| e.split_once('=').filter(|(k, _)| *k == name));
        found.map_or("", |(_, v)| v)
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if let Some((name, after)) = rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
            out.push_str(value(name));
            rest = after;
        } else {
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            if end == 0 {
                out.push('$');
            } else {
                out.push_str(value(&rest[..end]));
            }
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[&str]) -> ContainerDefaults {
        let mut config = ContainerDefaults::default();
        for line in lines {
            apply(&mut config, line).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        config
    }

    #[test]
    fn every_instruction_changes_its_field() {
        let c = after(&[
            r#"CMD ["redis-server", "--port"]"#,
            "entrypoint /run me",
            "ENV A=1 B=\"two words\"",
            "ENV A=3",
            "ENV C $A-x",
            "EXPOSE 80 53/udp 8000-8002",
            "LABEL k=v \"a b\"=c",
            "ONBUILD RUN make",
            "USER app:app",
            r#"VOLUME ["/data", "/log"]"#,
            "VOLUME /x /y",
            "WORKDIR /srv",
            "WORKDIR app/../web",
            "STOPSIGNAL SIGQUIT",
            "HEALTHCHECK --interval=5s --retries=3 CMD curl -f localhost",
        ]);
        assert_eq!(c.cmd, Some(vec!["redis-server".into(), "--port".into()]));
        assert_eq!(c.entrypoint, Some(vec!["/bin/sh".into(), "-c".into(), "/run me".into()]));
        assert_eq!(c.env, ["A=3", "B=two words", "C=3-x"]);
        let ports: Vec<_> = c.exposed_ports.keys().map(String::as_str).collect();
        assert_eq!(ports, ["53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"]);
        assert_eq!(c.labels["a b"], "c");
        assert_eq!(c.on_build, Some(vec!["RUN make".into()]));
        assert_eq!((c.user.as_str(), c.working_dir.as_str()), ("app:app", "/srv/web"));
        assert_eq!(c.volumes.len(), 4);
        assert_eq!(c.stop_signal.as_deref(), Some("SIGQUIT"));
        let check = c.healthcheck.unwrap();
        assert_eq!((check.interval, check.retries), (5_000_000_000, 3));
        assert_eq!(check.test, ["CMD-SHELL", "curl -f localhost"]);
    }

    #[test]
    fn what_is_refused_has_dockers_words() {
        let text = |line: &str| apply(&mut ContainerDefaults::default(), line).unwrap_err().to_string();
        assert_eq!(text("RUN make"), "RUN is not a valid change command");
        assert_eq!(text("bogus"), "BOGUS is not a valid change command");
        assert_eq!(text("ENV"), "ENV requires at least one argument");
        assert_eq!(text("USER"), "USER requires exactly one argument");
        assert_eq!(text("EXPOSE x"), "invalid containerPort: x");
        assert!(text("HEALTHCHECK --interval=x CMD a").contains("invalid duration"));
        assert!(text("ONBUILD FROM x").contains("FROM isn't allowed as an ONBUILD trigger"));
        assert!(text("LABEL a=b c").starts_with("Syntax error"));
    }
}
