//! What was asked of exec sessions, kept in the container's run directory between the request that makes one and the request that starts it.
//!
//! Three files a session, `ID.json` (what was asked), `ID.started` and `ID.exit`: each is written once, and nobody has to know who else is at work.

use std::path::PathBuf;
use std::time::Duration;

use stead_base::layout::RunRoot;
use stead_sys::durable;

/// So many sessions are kept without a look at their age.
const KEPT: usize = 32;
/// How long one is kept that has ended or was never started, as in Docker.
const AGE: Duration = Duration::from_secs(300);

fn file(run_root: &RunRoot, container: &str, exec: &str, what: &str) -> PathBuf {
    run_root.execs(container).join(format!("{exec}.{what}"))
}

/// Keeps what was asked.
///
/// # Errors
/// The file cannot be written.
pub fn save(run_root: &RunRoot, container: &str, exec: &str, asked: &[u8]) -> stead_sys::Result<()> {
    for dir in [run_root.container(container), run_root.execs(container)] {
        crate::tolerate(durable::make_dir(&dir, 0o711));
    }
    durable::replace_unflushed(&file(run_root, container, exec, "json"), asked, 0o600)
}

/// What was asked, if that session was made.
#[must_use]
pub fn load(run_root: &RunRoot, container: &str, exec: &str) -> Option<Vec<u8>> {
    std::fs::read(file(run_root, container, exec, "json")).ok()
}

/// Takes the right to start a session. False when somebody has it already.
///
/// # Errors
/// The mark cannot be written.
pub fn claim(run_root: &RunRoot, container: &str, exec: &str) -> stead_sys::Result<bool> {
    use std::fs::OpenOptions;
    let path = file(run_root, container, exec, "started");
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(_mark) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(stead_sys::Error::new("create", path, error)),
    }
}

/// Whether it was started.
#[must_use]
pub fn is_started(run_root: &RunRoot, container: &str, exec: &str) -> bool {
    file(run_root, container, exec, "started").exists()
}

/// Notes how a session ended, if it is one of ours.
pub fn finish(run_root: &RunRoot, container: &str, exec: &str, exit_code: i32) {
    if file(run_root, container, exec, "json").exists() {
        let path = file(run_root, container, exec, "exit");
        crate::tolerate(durable::replace_unflushed(&path, exit_code.to_string().as_bytes(), 0o600));
    }
}

/// How it ended, if it has.
#[must_use]
pub fn exit_code(run_root: &RunRoot, container: &str, exec: &str) -> Option<i32> {
    std::fs::read_to_string(file(run_root, container, exec, "exit")).ok()?.trim().parse().ok()
}

/// The sessions of a container.
#[must_use]
pub fn list(run_root: &RunRoot, container: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(run_root.execs(container)) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect()
}

/// Forgets old sessions once there are many. Those for which `runs` holds stay.
pub fn tidy(run_root: &RunRoot, container: &str, runs: impl Fn(&str) -> bool) {
    let all = list(run_root, container);
    if all.len() <= KEPT {
        return;
    }
    for exec in all.iter().filter(|exec| !runs(exec)) {
        let newest = ["exit", "started", "json"].iter().find_map(|what| file(run_root, container, exec, what).metadata().ok());
        let age = newest.and_then(|meta| meta.modified().ok()).and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > AGE) {
            for what in ["json", "started", "exit"] {
                crate::tolerate(rustix::fs::unlink(file(run_root, container, exec, what)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn a_session_is_started_once_and_remembers_its_end() {
        let dir = TestDir::new("asked");
        let run_root = RunRoot::new(dir.path());
        std::fs::create_dir(run_root.containers()).unwrap();
        save(&run_root, "c", "e", b"{}").unwrap();
        assert_eq!(load(&run_root, "c", "e").unwrap(), b"{}");
        assert_eq!((load(&run_root, "c", "x"), load(&run_root, "d", "e")), (None, None));
        assert!(!is_started(&run_root, "c", "e"));
        assert!(claim(&run_root, "c", "e").unwrap() && !claim(&run_root, "c", "e").unwrap());
        assert!(is_started(&run_root, "c", "e"));
        finish(&run_root, "c", "e", 3);
        finish(&run_root, "c", "unknown", 3);
        assert_eq!((exit_code(&run_root, "c", "e"), exit_code(&run_root, "c", "unknown")), (Some(3), None));
        assert_eq!(list(&run_root, "c"), ["e"]);
    }
}
