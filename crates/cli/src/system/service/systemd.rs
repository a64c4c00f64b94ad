//! Systemd on this machine: whether it is there, and asking it.

use std::path::{Path, PathBuf};

use crate::command::Matches;
use crate::context::absolute;
use crate::failure::Failure;

/// Where an administrator's units lie.
const DIR: &str = "/etc/systemd/system";

/// Where the units go, and whether a running systemd reads them there.
#[derive(Debug)]
pub(super) struct Place {
    /// The directory.
    pub(super) dir: PathBuf,
    /// Whether systemd runs this machine and reads that directory.
    pub(super) is_live: bool,
}

/// Reads `--dir`.
///
/// # Errors
/// Without `--dir` on a machine without systemd.
pub(super) fn place(matches: &Matches) -> Result<Place, Failure> {
    // What sd_booted(3) looks at.
    let runs = Path::new("/run/systemd/system").is_dir();
    match matches.filled("dir") {
        Some(dir) => {
            let dir = absolute(Path::new(dir))?;
            let is_live = runs && dir == Path::new(DIR);
            Ok(Place { dir, is_live })
        }
        None if runs || Path::new(DIR).is_dir() => Ok(Place { dir: DIR.into(), is_live: runs }),
        None => Err(Failure::error(format_args!("there is no systemd here: {DIR} does not exist")).with_hint(
            "let whatever starts this machine run `stead start --all --filter restart-policy=always --filter restart-policy=unless-stopped` once and `stead serve`",
        )),
    }
}

/// Runs systemctl.
///
/// # Errors
/// What it said.
pub(super) fn systemctl(words: &[&str]) -> Result<String, Failure> {
    let shown = format!("systemctl {}", words.join(" "));
    let output = stead_sys::process::command("systemctl")
        .args(words)
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| Failure::error(format_args!("{shown}: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        return Ok(text);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failure::error(format_args!("{shown}: {}", if said.is_empty() { &text } else { &said })))
}

/// What `is-enabled` or `is-active` answers; they fail for every answer but one.
pub(super) fn ask(question: &str, unit: &str) -> String {
    let output = stead_sys::process::command("systemctl").args([question, unit]).stdin(std::process::Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { "unknown".to_owned() } else { text }
}
