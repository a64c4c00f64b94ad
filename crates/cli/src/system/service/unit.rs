//! The units' text.

use std::path::Path;

use crate::context::Context;
use crate::failure::Failure;

/// The first line of everything we write: only what begins with it is replaced or removed.
pub(super) const MARK: &str = "# Written by `stead system service install`, and removed by `stead system service uninstall`.\n";
/// Restart policies that bring a container back.
const POLICIES: &str = "--filter restart-policy=always --filter restart-policy=unless-stopped";

/// One unit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// Its file name.
    pub(super) name: &'static str,
    /// Its content.
    pub(super) text: String,
}

/// The units that are enabled; the service is started by its socket.
pub(super) const ENABLED: [&str; 3] = ["stead.socket", "stead-restart.service", "stead-run-due.timer"];

/// All units for this engine, with the binary that runs now.
///
/// # Errors
/// The binary has no path, or a path cannot be written into a unit.
pub(super) fn all(context: &Context) -> Result<Vec<Unit>, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::error(format_args!("where this program lies: {error}")))?;
    let engine = format!("{} --root {} --run-root {}", quoted(&program)?, quoted(&context.root)?, quoted(&context.run_root)?);
    let socket = context.run_root.join("stead.sock");
    Ok(vec![
        Unit { name: "stead.socket", text: socket_unit(&plain(&socket)?, group()) },
        Unit { name: "stead.service", text: serve_unit(&engine) },
        Unit { name: "stead-restart.service", text: restart_unit(&engine) },
        Unit { name: "stead-run-due.service", text: run_due_unit(&engine) },
        Unit { name: "stead-run-due.timer", text: run_due_timer() },
    ])
}

fn socket_unit(path: &str, group: &str) -> String {
    format!(
        "{MARK}[Unit]\nDescription=Socket of Stead's Engine API\n\n\
         [Socket]\nListenStream={path}\nSocketMode=0660\nSocketUser=root\nSocketGroup={group}\nDirectoryMode=0711\n\n\
         [Install]\nWantedBy=sockets.target\n"
    )
}

/// Containers that are started through the API live below this service, and outlive it: only the server itself is ever killed.
fn serve_unit(engine: &str) -> String {
    format!(
        "{MARK}[Unit]\nDescription=Stead's Engine API\nRequires=stead.socket\nAfter=stead.socket network-online.target\nWants=network-online.target\n\n\
         [Service]\nExecStart={engine} serve\nRestart=on-failure\nKillMode=process\nDelegate=yes\nTasksMax=infinity\nLimitNOFILE=1048576\nOOMScoreAdjust=-500\n"
    )
}

fn restart_unit(engine: &str) -> String {
    format!(
        "{MARK}[Unit]\nDescription=Containers of Stead whose restart policy brings them back\nAfter=network-online.target local-fs.target\nWants=network-online.target\n\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={engine} start --all {POLICIES}\nKillMode=process\nDelegate=yes\nTasksMax=infinity\nLimitNOFILE=1048576\nTimeoutStartSec=infinity\n\n\
         [Install]\nWantedBy=multi-user.target\n"
    )
}

/// A missed run needs no `Persistent=`: run-due itself makes up for it.
fn run_due_timer() -> String {
    format!(
        "{MARK}[Unit]\nDescription=Snapshots of Stead's volumes by their schedules\n\n\
         [Timer]\nOnCalendar=minutely\nOnBootSec=1min\nAccuracySec=10s\n\n\
         [Install]\nWantedBy=timers.target\n"
    )
}

fn run_due_unit(engine: &str) -> String {
    format!(
        "{MARK}[Unit]\nDescription=Snapshots of Stead's volumes that are due\nAfter=local-fs.target\n\n\
         [Service]\nType=oneshot\nExecStart={engine} system run-due\nIOSchedulingClass=best-effort\nIOSchedulingPriority=6\nNice=5\n"
    )
}

/// `stead` where that group exists, as the API's own socket does it.
fn group() -> &'static str {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    if groups.lines().any(|line| line.starts_with("stead:")) { "stead" } else { "root" }
}

/// A path as one word of a command line in a unit.
fn quoted(path: &Path) -> Result<String, Failure> {
    let escaped = plain(path)?.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$");
    Ok(format!("\"{escaped}\""))
}

/// A path as the value of a setting: only `%` means something there.
fn plain(path: &Path) -> Result<String, Failure> {
    match path.to_str() {
        Some(text) if !text.contains(|c: char| c.is_control()) => Ok(text.replace('%', "%%")),
        _ => Err(Failure::error(format_args!("{}: a unit cannot name this path", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_systemd() {
        assert_eq!(quoted(Path::new("/a b/$x%\"\\")).unwrap(), r#""/a b/$$x%%\"\\""#);
        assert!(quoted(Path::new("/a\nExecStart=/bin/evil")).is_err());
    }

    #[test]
    fn the_server_alone_is_killed() {
        assert!(serve_unit("x").contains("KillMode=process") && restart_unit("x").contains("KillMode=process"));
        assert!(restart_unit("stead").contains("start --all --filter restart-policy=always --filter restart-policy=unless-stopped\n"));
        assert!(socket_unit("/run/stead/stead.sock", "root").contains("SocketMode=0660"));
    }
}
