//! Docker's credential helpers: `docker-credential-NAME`, looked for in fixed directories of the host and nowhere else.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use super::access::Login;
use super::{Error, Result};

/// Where helpers are looked for. Not the PATH: a container's files or a user's directory must not become a program of root.
const DIRECTORIES: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
/// Longest answer of a helper.
const ANSWER_MAX: u64 = 1 << 20;
/// What every helper says when it has nothing.
const NOTHING: &str = "credentials not found";
/// The user name that marks a refresh token.
const TOKEN_USER: &str = "<token>";

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entry {
    #[serde(rename = "ServerURL")]
    server_url: String,
    username: String,
    secret: String,
}

/// The login for a registry.
pub(crate) fn get(name: &str, key: &str) -> Result<Option<Login>> {
    let answer = match run(name, "get", key.as_bytes()) {
        Err(Error::Helper(said)) if said.contains(NOTHING) => return Ok(None),
        other => other?,
    };
    let entry: Entry = serde_json::from_slice(&answer).map_err(|e| Error::Helper(format!("docker-credential-{name}: {e}")))?;
    if entry.username.is_empty() {
        return Ok(None);
    }
    Ok(Some(if entry.username == TOKEN_USER {
        Login { token: entry.secret, ..Login::default() }
    } else {
        Login { user: entry.username, password: entry.secret, ..Login::default() }
    }))
}

/// Gives a login to the helper.
pub(crate) fn store(name: &str, key: &str, login: &Login) -> Result<()> {
    let (username, secret) =
        if login.token.is_empty() { (login.user.clone(), login.password.clone()) } else { (TOKEN_USER.to_owned(), login.token.clone()) };
    let entry = Entry { server_url: key.to_owned(), username, secret };
    let json = serde_json::to_vec(&entry).map_err(|e| Error::Helper(e.to_string()))?;
    run(name, "store", &json).map(drop)
}

/// Makes the helper forget a login; one it never had is forgotten already.
pub(crate) fn erase(name: &str, key: &str) -> Result<()> {
    match run(name, "erase", key.as_bytes()) {
        Err(Error::Helper(said)) if said.contains(NOTHING) => Ok(()),
        other => other.map(drop),
    }
}

fn run(name: &str, verb: &str, input: &[u8]) -> Result<Vec<u8>> {
    let program = find(name)?;
    let failed = |e: std::io::Error| Error::Helper(format!("{}: {e}", program.display()));
    let mut command = stead_sys::process::command(&program);
    command.arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(failed)?;
    let fed = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input));
    let mut answer = Vec::new();
    let read = child.stdout.take().map_or(Ok(0), |stdout| stdout.take(ANSWER_MAX).read_to_end(&mut answer));
    let status = child.wait().map_err(failed)?;
    // A helper may answer without reading its input; what counts is how it ends.
    if status.success() {
        fed.and(read.map(drop)).map_err(failed)?;
        return Ok(answer);
    }
    let said: String = String::from_utf8_lossy(&answer).chars().filter(|c| !c.is_control()).take(300).collect();
    Err(Error::Helper(format!("{status}, out: `{said}`")))
}

fn find(name: &str) -> Result<PathBuf> {
    let plain = !name.is_empty() && !name.starts_with('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !plain {
        return Err(Error::Helper(format!("{name:?} is not the name of a credential helper")));
    }
    let program = format!("docker-credential-{name}");
    let found = DIRECTORIES.iter().map(|dir| Path::new(dir).join(&program)).find(|path| path.is_file());
    found.ok_or_else(|| Error::Helper(format!("{program}: executable file not found in {}", DIRECTORIES.join(":"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        for bad in ["", "../x", "a/b", ".x", "a b"] {
            assert!(find(bad).unwrap_err().to_string().contains("is not the name"), "{bad}");
        }
        assert!(get("nosuch-helper-here", "reg:5000").unwrap_err().to_string().contains("executable file not found"));
    }
}
