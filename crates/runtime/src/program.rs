//! Finding and executing the program: as Go's `exec.LookPath` and runc do, with their words, which people and scripts look for.

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use stead_sys::process;

use crate::launch::{LaunchError, LaunchErrorKind};

const EACCES: i32 = 13;
const ENOENT: i32 = 2;
const ENOTDIR: i32 = 20;
const ENOEXEC: i32 = 8;

/// The file to execute for `name`, looked up with this process's rights in its own root.
pub(crate) fn find(name: &str, path: &str) -> Result<CString, LaunchError> {
    let not_found = |words: String| LaunchError { kind: LaunchErrorKind::NotFound, message: format!("exec: {name:?}: {words}") };
    if name.contains('/') {
        return match judge(Path::new(name)) {
            Ok(found) => Ok(found),
            Err(Unfit::Missing(words)) => Err(not_found(format!("stat {name}: {words}"))),
            Err(Unfit::NotExecutable(words)) => {
                Err(LaunchError { kind: LaunchErrorKind::NotExecutable, message: format!("exec: {name:?}: {words}") })
            }
        };
    }
    if name.is_empty() {
        return Err(not_found("executable file not found in $PATH".to_owned()));
    }
    let found = path.split(':').filter(|dir| dir.starts_with('/')).find_map(|dir| judge(&Path::new(dir).join(name)).ok());
    found.ok_or_else(|| not_found("executable file not found in $PATH".to_owned()))
}

enum Unfit {
    Missing(String),
    NotExecutable(&'static str),
}

fn judge(path: &Path) -> Result<CString, Unfit> {
    let seen = std::fs::metadata(path).map_err(|error| match error.raw_os_error() {
        Some(EACCES) => Unfit::NotExecutable("permission denied"),
        Some(ENOTDIR) => Unfit::Missing("not a directory".to_owned()),
        Some(ENOENT) => Unfit::Missing("no such file or directory".to_owned()),
        _ => Unfit::Missing(error.to_string()),
    })?;
    if seen.is_dir() {
        return Err(Unfit::NotExecutable("is a directory"));
    }
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|_nul| Unfit::Missing("invalid argument".to_owned()))?;
    if process::may_execute(&name) { Ok(name) } else { Err(Unfit::NotExecutable("permission denied")) }
}

/// Executes; returns only why it did not work.
pub(crate) fn execute(program: &CStr, args: &[CString], env: &[CString]) -> LaunchError {
    let error = process::execve(program, args, env);
    let shown = Path::new(OsStr::from_bytes(program.to_bytes())).display().to_string();
    let (kind, words) = match error.raw_os_error() {
        Some(ENOENT) => (LaunchErrorKind::NotFound, "no such file or directory".to_owned()),
        Some(EACCES) => (LaunchErrorKind::NotExecutable, "permission denied".to_owned()),
        Some(ENOEXEC) => (LaunchErrorKind::NotExecutable, "exec format error".to_owned()),
        _ => (LaunchErrorKind::NotExecutable, error.to_string()),
    };
    LaunchError { kind, message: format!("exec {shown}: {words}") }
}

/// The last value of a variable in an environment.
pub(crate) fn variable<'a>(env: &'a [String], key: &str) -> Option<&'a str> {
    env.iter().rev().find_map(|entry| entry.strip_prefix(key)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str, path: &str) -> (i32, String) {
        let error = find(name, path).unwrap_err();
        (error.kind.exit_code(), error.message)
    }

    #[test]
    fn programs_are_found_in_order() {
        assert_eq!(find("sh", "/nosuch:/bin:/usr/bin").unwrap().as_c_str(), c"/bin/sh");
        assert_eq!(find("/bin/sh", "").unwrap().as_c_str(), c"/bin/sh");
    }

    #[test]
    fn refusals_have_runcs_words_and_dockers_codes() {
        assert_eq!(words("nosuch", "/bin"), (127, "exec: \"nosuch\": executable file not found in $PATH".into()));
        assert_eq!(words("/nosuch", "/bin"), (127, "exec: \"/nosuch\": stat /nosuch: no such file or directory".into()));
        assert_eq!(words("/etc/passwd/x", "/bin"), (127, "exec: \"/etc/passwd/x\": stat /etc/passwd/x: not a directory".into()));
        assert_eq!(words("/etc/passwd", "/bin"), (126, "exec: \"/etc/passwd\": permission denied".into()));
        assert_eq!(words("/etc", "/bin"), (126, "exec: \"/etc\": is a directory".into()));
        assert_eq!(words("", "/bin").0, 127);
        assert_eq!(words("sh", "bin:."), (127, "exec: \"sh\": executable file not found in $PATH".into()), "relative parts of PATH are skipped");
    }

    #[test]
    fn the_last_value_of_a_variable_counts() {
        let env = ["A=1".to_owned(), "AB=2".to_owned(), "A=3".to_owned()];
        assert_eq!((variable(&env, "A"), variable(&env, "B")), (Some("3"), None));
    }
}
