//! Whether somebody works on the source now. Asked of /proc alone: taking a lock to find out would be a change.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::Stat;

/// Processes that hold a file open, as `name (pid)`.
pub(crate) fn holders(file: &Stat) -> Vec<String> {
    let mut found = Vec::new();
    for pid in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = pid.path();
        let Some(number) = path.file_name().and_then(|n| n.to_str()).filter(|n| n.bytes().all(|b| b.is_ascii_digit())) else { continue };
        let holds = std::fs::read_dir(path.join("fd")).into_iter().flatten().flatten().any(|fd| {
            // The link is followed by the kernel to the open file itself; a file that is gone is still that file.
            std::fs::metadata(fd.path()).is_ok_and(|m| m.ino() == file.st_ino && m.dev() == file.st_dev)
        });
        if holds {
            found.push(format!("{} (process {number})", name(&path)));
        }
    }
    found
}

/// Whether a process of this number is there.
pub(crate) fn is_alive(pid: i64) -> bool {
    pid > 0 && Path::new(&format!("/proc/{pid}")).exists()
}

fn name(process: &Path) -> String {
    std::fs::read_to_string(process.join("comm")).map(|text| text.trim().to_owned()).unwrap_or_default()
}
