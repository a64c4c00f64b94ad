//! The processes of a container as /proc tells them: what `ps` would print, without running anything.

use crate::cgroup::{self, CgroupError};
use crate::spec::Plan;

/// Longest command line that is read.
const COMMAND_MAX: usize = 32 * 1024;
/// Most processes that are looked at.
const PROCESSES_MAX: usize = 100_000;

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcessInfo {
    /// As the host numbers it.
    pub pid: i32,
    /// Parent.
    pub ppid: i32,
    /// Process group.
    pub pgid: i32,
    /// Session.
    pub sid: i32,
    /// Number of its terminal; 0 for none.
    pub tty: u64,
    /// The letter of its state: `R`, `S`, `Z`, …
    pub state: char,
    /// Effective user.
    pub uid: u32,
    /// Real user.
    pub ruid: u32,
    /// Effective group.
    pub gid: u32,
    /// Name of its program.
    pub comm: String,
    /// Command line; the name in brackets where there is none.
    pub args: String,
    /// CPU time in ticks of a hundredth of a second.
    pub ticks: u64,
    /// When it began, in ticks since boot.
    pub started: u64,
    /// Niceness.
    pub nice: i64,
    /// The kernel's priority.
    pub priority: i64,
    /// Threads.
    pub threads: u64,
    /// Bytes of address space.
    pub vsize: u64,
    /// Bytes in memory.
    pub rss: u64,
    /// CPU it ran on last.
    pub cpu: u64,
}

/// The processes of a container, by id. One that ends meanwhile is left out.
///
/// # Errors
/// Its control group is gone.
pub fn list(plan: &Plan) -> Result<Vec<ProcessInfo>, CgroupError> {
    Ok(cgroup::processes(plan)?.into_iter().take(PROCESSES_MAX).filter_map(read).collect())
}

fn read(pid: i32) -> Option<ProcessInfo> {
    let text = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).ok();
    let stat = String::from_utf8_lossy(&text("stat")?).into_owned();
    let status = String::from_utf8_lossy(&text("status")?).into_owned();
    let mut process = parse_stat(pid, &stat)?;
    (process.ruid, process.uid) = pair(&status, "Uid:");
    process.gid = pair(&status, "Gid:").1;
    let mut line = text("cmdline").unwrap_or_default();
    line.truncate(COMMAND_MAX);
    process.args = match printable(&line) {
        empty if empty.is_empty() => format!("[{}]", process.comm),
        args => args,
    };
    Some(process)
}

/// Real and effective of a line of four ids.
fn pair(status: &str, key: &str) -> (u32, u32) {
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    let mut ids = line.split_whitespace().map(|id| id.parse().unwrap_or(0));
    (ids.next().unwrap_or(0), ids.next().unwrap_or(0))
}

/// Arguments joined by spaces. What could steer a terminal becomes `?`, as ps has it.
fn printable(line: &[u8]) -> String {
    let end = line.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let spaced: Vec<u8> = line[..end].iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
    String::from_utf8_lossy(&spaced).chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn parse_stat(pid: i32, stat: &str) -> Option<ProcessInfo> {
    // The name in the second field may hold anything, a parenthesis too.
    let (front, back) = stat.rsplit_once(')')?;
    let comm = printable(front.split_once('(')?.1.as_bytes());
    let fields: Vec<&str> = back.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<i64>().ok()).unwrap_or(0);
    let count = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let small = |at: usize| i32::try_from(number(at)).unwrap_or(0);
    Some(ProcessInfo {
        pid,
        comm,
        state: fields.first()?.chars().next()?,
        ppid: small(1),
        pgid: small(2),
        sid: small(3),
        tty: u64::try_from(number(4)).unwrap_or(0),
        ticks: count(11) + count(12),
        priority: number(15),
        nice: number(16),
        threads: count(17),
        started: count(19),
        vsize: count(20),
        rss: count(21) * 4096,
        cpu: count(36),
        ..ProcessInfo::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "12 (a) (b) S 1 12 12 0 -1 4194560 1 0 0 0 7 5 0 0 20 0 3 0 4711 8192 2 18446744073709551615 0 0";
        let process = parse_stat(12, stat).unwrap();
        assert_eq!((process.comm.as_str(), process.state, process.ppid), ("a) (b", 'S', 1));
        assert_eq!((process.ticks, process.threads, process.started, process.vsize, process.rss), (12, 3, 4711, 8192, 8192));
        assert!(parse_stat(1, "nonsense").is_none());
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(printable(b"sh\0-c\0echo \x1b[2J\0"), "sh -c echo ?[2J");
        assert_eq!(printable(b""), "");
    }

    #[test]
    fn our_own_process_is_told_right() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let process = read(pid).unwrap();
        assert_eq!((process.pid, process.uid), (pid, rustix_uid()));
        assert!(process.threads >= 1 && process.rss > 0 && !process.args.is_empty());
    }

    fn rustix_uid() -> u32 {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata("/proc/self").unwrap().uid()
    }
}
