//! What containers ask to be run around a snapshot, so that their files make sense by themselves: the labels `stead.snapshot.pre` and
//! `stead.snapshot.post`. A value that begins with `[` is a JSON list of words; any other is a line for `/bin/sh -c`. They run inside the container
//! as its user.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::time::Duration;

use stead_base::Kind;
use stead_monitor::client::ExecStreams;

use crate::container::exec::ExecRequest;
use crate::container::record::Container;
use crate::system::config::{Config, HOOK_LIMIT};
use crate::{Engine, Failure, Result};

/// The label of what runs before.
pub const PRE: &str = "stead.snapshot.pre";
/// The label of what runs after, whatever came of the snapshot.
pub const POST: &str = "stead.snapshot.post";
/// How long what a hook said is waited for after its end.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// What a hook said is shown up to here.
const SAID_MAX: u64 = 4 << 10;

impl Engine {
    /// Runs `take` between the hooks of the running containers that may write to one of `volumes`. Answers the failures of hooks after it.
    ///
    /// # Errors
    /// A hook before it failed, and nothing was taken; what `take` says.
    pub(super) fn with_hooks<T>(
        &self,
        volumes: &[&str],
        hook: bool,
        take: impl FnOnce() -> Result<(T, Option<Duration>)>,
    ) -> Result<(T, Option<Duration>, Vec<String>)> {
        if !hook {
            let (taken, pause) = take()?;
            return Ok((taken, pause, Vec::new()));
        }
        let limit = Duration::from_nanos(u64::try_from(Config::read(&self.root)?.age(HOOK_LIMIT)?).unwrap_or(u64::MAX));
        let mut begun: Vec<Container> = Vec::new();
        let mut outcome = Ok(());
        for container in self.running_writers(volumes)? {
            // What was begun and failed has its end too.
            let label = container.config.labels.get(PRE).cloned();
            begun.push(container);
            if let (Some(line), Some(container)) = (label.filter(|line| !line.is_empty()), begun.last()) {
                outcome = self.run_hook(container, PRE, &line, limit);
            }
            if outcome.is_err() {
                break;
            }
        }
        let taken = outcome.and_then(|()| take());
        let mut warnings = Vec::new();
        for container in begun.iter().rev() {
            if let Some(line) = container.config.labels.get(POST).filter(|line| !line.is_empty())
                && let Err(failure) = self.run_hook(container, POST, line, limit)
            {
                warnings.push(failure.message);
            }
        }
        match taken {
            Ok((taken, pause)) => Ok((taken, pause, warnings)),
            Err(failure) if warnings.is_empty() => Err(failure),
            Err(failure) => Err(Failure { message: format!("{}; and after it {}", failure.message, warnings.join("; ")), ..failure }),
        }
    }

    fn run_hook(&self, container: &Container, label: &str, line: &str, limit: Duration) -> Result<()> {
        let failed = |why: String| {
            Failure::new(Kind::Unavailable, format!("hook {label} of container {}: {why}", container.name))
                .with_hint("nothing is left half done; the snapshot is taken without hooks where --hook is left out")
        };
        let request = ExecRequest { cmd: words(line).map_err(failed)?, ..ExecRequest::default() };
        let (mut client, exec) = self.container_exec(&container.id, request).map_err(|failure| failed(failure.message))?;
        let (started, streams) = client.exec(&exec).map_err(|error| failed(error.to_string()))?;
        let ExecStreams::Pipes { stdout, stderr, .. } = streams else { return Err(failed("it has no streams".to_owned())) };
        let (end, ended) = mpsc::channel();
        // Both are read to their ends, or a hook that says much would never end.
        let reader = |fd: OwnedFd| {
            let (tell, told) = mpsc::channel();
            std::thread::spawn(move || tell.send(said(fd)));
            told
        };
        let (out, err) = (reader(stdout), reader(stderr));
        std::thread::spawn(move || end.send(client.exec_wait()));
        let code = match ended.recv_timeout(limit) {
            Ok(code) => code.map_err(|error| failed(error.to_string()))?,
            Err(_late) => {
                stead_monitor::kill_session(started.pid);
                let limit = stead_base::time::go_duration(i128::try_from(limit.as_nanos()).unwrap_or(i128::MAX));
                return Err(failed(format!("{line:?} had not ended after {limit} and was killed")));
            }
        };
        if code == 0 {
            return Ok(());
        }
        // A child of its may keep them open for ever; what the hook itself said is there in a moment.
        let text =
            [err, out].into_iter().filter_map(|told| told.recv_timeout(LAST_WORDS).ok()).find(|text| !text.is_empty()).unwrap_or_default();
        Err(failed(format!("{line:?} ended with {code}{}{text}", if text.is_empty() { "" } else { ": " })))
    }
}

/// The beginning of what a stream brings, in one line; the rest is read away.
fn said(fd: OwnedFd) -> String {
    let mut file = std::fs::File::from(fd);
    let mut bytes = Vec::new();
    drop(file.by_ref().take(SAID_MAX).read_to_end(&mut bytes));
    drop(std::io::copy(&mut file, &mut std::io::sink()));
    let text = String::from_utf8_lossy(&bytes);
    let shown: Vec<String> = text.lines().map(|line| line.chars().filter(|c| !c.is_control()).collect()).collect();
    shown.join(" | ").trim().to_owned()
}

fn words(line: &str) -> std::result::Result<Vec<String>, String> {
    if !line.trim_start().starts_with('[') {
        return Ok(vec!["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()]);
    }
    let words: Vec<String> = serde_json::from_str(line).map_err(|_json| format!("{line:?} is no JSON list of words"))?;
    if words.is_empty() { Err("an empty list runs nothing".to_owned()) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_a_line_or_a_list_of_words() {
        assert_eq!(words("redis-cli save").unwrap(), ["/bin/sh", "-c", "redis-cli save"]);
        assert_eq!(words(r#"["redis-cli","save"]"#).unwrap(), ["redis-cli", "save"]);
        for bad in ["[", "[]", "[1]", "[\"a\"] x"] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }
}
