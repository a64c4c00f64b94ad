//! The columns of `ps`, by its names for them.

use std::collections::BTreeMap;

use stead_base::time::Time;
use stead_runtime::process_list::ProcessInfo;

/// Ticks of /proc in a second, on every architecture.
const HERTZ: u64 = 100;
/// Longest user name that ps shows; a longer one is shown by its number.
const NAME_MAX: usize = 8;

/// One column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// What stands above it.
    pub(super) title: String,
    show: fn(&ProcessInfo, &Machine) -> String,
}

/// What the columns need to know of the machine.
#[derive(Debug)]
pub(super) struct Machine {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
    now: Time,
    uptime_ticks: u64,
    memory: u64,
}

impl Machine {
    pub(super) fn read() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let uptime = text("/proc/uptime");
        let hundredths = uptime.split_whitespace().next().unwrap_or("0").replace('.', "");
        let memory = text("/proc/meminfo");
        let kilobytes = memory.lines().find_map(|l| l.strip_prefix("MemTotal:")).and_then(|l| l.split_whitespace().next()?.parse().ok());
        Self {
            users: names(&text("/etc/passwd")),
            groups: names(&text("/etc/group")),
            now: Time::now(),
            uptime_ticks: hundredths.parse().unwrap_or(0),
            memory: kilobytes.unwrap_or(1u64).saturating_mul(1024).max(1),
        }
    }

    /// Ticks since the process began.
    fn age(&self, process: &ProcessInfo) -> u64 {
        self.uptime_ticks.saturating_sub(process.started)
    }
}

/// Lines of `name:x:id:…`.
fn names(text: &str) -> BTreeMap<u32, String> {
    let line = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
    };
    // The first name of an id wins, as for getpwuid.
    let mut found = BTreeMap::new();
    for (id, name) in text.lines().filter_map(line) {
        found.entry(id).or_insert(name);
    }
    found
}

impl Column {
    pub(super) fn show(&self, process: &ProcessInfo, machine: &Machine) -> String {
        (self.show)(process, machine)
    }
}

type Show = fn(&ProcessInfo, &Machine) -> String;

fn name_of(names: &BTreeMap<u32, String>, id: u32) -> String {
    names.get(&id).filter(|name| name.len() <= NAME_MAX).cloned().unwrap_or_else(|| id.to_string())
}

fn user(p: &ProcessInfo, m: &Machine) -> String {
    name_of(&m.users, p.uid)
}

fn cpu_time(ticks: u64) -> String {
    let seconds = ticks / HERTZ;
    let (days, hours, minutes, rest) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if days > 0 { format!("{days}-{hours:02}:{minutes:02}:{rest:02}") } else { format!("{hours:02}:{minutes:02}:{rest:02}") }
}

/// `1:02` as `ps u` has it.
fn short_time(ticks: u64) -> String {
    format!("{}:{:02}", ticks / HERTZ / 60, ticks / HERTZ % 60)
}

fn elapsed(seconds: u64) -> String {
    let (days, hours, minutes, rest) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes:02}:{rest:02}"),
        (0, _) => format!("{hours:02}:{minutes:02}:{rest:02}"),
        _ => format!("{days}-{hours:02}:{minutes:02}:{rest:02}"),
    }
}

/// Time of day for today's, the date for older ones.
fn start(p: &ProcessInfo, m: &Machine) -> String {
    let nanos = i128::from(m.age(p)) * 10_000_000;
    let began = Time::from_nanos(m.now.nanos() - nanos);
    let (now, began) = (m.now.table(), began.table());
    let part = |text: &str, from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    if part(&now, 0, 10) == part(&began, 0, 10) {
        return part(&began, 11, 16);
    }
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = part(&began, 5, 7).parse::<usize>().ok().and_then(|n| MONTHS.get(n.checked_sub(1)?)).unwrap_or(&"???");
    format!("{month}{}", part(&began, 8, 10))
}

/// Tenths of a percent of one CPU over its life.
fn permille(p: &ProcessInfo, m: &Machine) -> u64 {
    p.ticks.saturating_mul(1000) / m.age(p).max(1)
}

fn decimal(permille: u64) -> String {
    format!("{}.{}", permille / 10, permille % 10)
}

/// `pts/0`, `tty1`, `?`.
fn tty(p: &ProcessInfo, _: &Machine) -> String {
    let (major, minor) = ((p.tty >> 8) & 0xfff, (p.tty & 0xff) | ((p.tty >> 12) & 0xfff00));
    match major {
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        4 if minor < 64 => format!("tty{minor}"),
        4 => format!("ttyS{}", minor - 64),
        _ => "?".to_owned(),
    }
}

fn stat(p: &ProcessInfo, _: &Machine) -> String {
    let mut text = p.state.to_string();
    for (holds, letter) in [(p.nice < 0, '<'), (p.nice > 0, 'N'), (p.sid == p.pid, 's'), (p.threads > 1, 'l')] {
        if holds {
            text.push(letter);
        }
    }
    text
}

const COLUMNS: &[(&[&str], &str, Show)] = &[
    (&["pid", "tgid"], "PID", |p, _| p.pid.to_string()),
    (&["ppid"], "PPID", |p, _| p.ppid.to_string()),
    (&["pgid", "pgrp"], "PGID", |p, _| p.pgid.to_string()),
    (&["sid", "sess", "session"], "SID", |p, _| p.sid.to_string()),
    (&["user", "euser", "uname"], "USER", user),
    (&["ruser"], "RUSER", |p, m| name_of(&m.users, p.ruid)),
    (&["uid", "euid"], "UID", |p, _| p.uid.to_string()),
    (&["ruid"], "RUID", |p, _| p.ruid.to_string()),
    (&["gid", "egid"], "GID", |p, _| p.gid.to_string()),
    (&["group", "egroup"], "GROUP", |p, m| name_of(&m.groups, p.gid)),
    (&["comm", "ucmd", "ucomm"], "COMMAND", |p, _| p.comm.clone()),
    (&["args", "command"], "COMMAND", |p, _| p.args.clone()),
    (&["cmd"], "CMD", |p, _| p.args.clone()),
    (&["s", "state"], "S", |p, _| p.state.to_string()),
    (&["stat"], "STAT", stat),
    (&["tty", "tt", "tname"], "TTY", tty),
    (&["time", "cputime"], "TIME", |p, _| cpu_time(p.ticks)),
    (&["etime"], "ELAPSED", |p, m| elapsed(m.age(p) / HERTZ)),
    (&["etimes"], "ELAPSED", |p, m| (m.age(p) / HERTZ).to_string()),
    (&["stime", "start", "start_time", "bsdstart"], "STIME", start),
    (&["pcpu", "%cpu"], "%CPU", |p, m| decimal(permille(p, m))),
    (&["c"], "C", |p, m| (permille(p, m) / 10).min(99).to_string()),
    (&["pmem", "%mem"], "%MEM", |p, m| decimal(p.rss.saturating_mul(1000) / m.memory)),
    (&["rss", "rssize", "rsz"], "RSS", |p, _| (p.rss / 1024).to_string()),
    (&["vsz", "vsize"], "VSZ", |p, _| (p.vsize / 1024).to_string()),
    (&["sz"], "SZ", |p, _| (p.vsize / 4096).to_string()),
    (&["nlwp", "thcount"], "NLWP", |p, _| p.threads.to_string()),
    (&["ni", "nice"], "NI", |p, _| p.nice.to_string()),
    (&["pri"], "PRI", |p, _| (39 - p.priority).to_string()),
    (&["psr"], "PSR", |p, _| p.cpu.to_string()),
    (&["bsdtime"], "TIME", |p, _| short_time(p.ticks)),
];

/// The column ps calls so.
pub(super) fn named(name: &str) -> Option<Column> {
    let (_, title, show) = COLUMNS.iter().find(|(names, _, _)| names.contains(&name))?;
    Some(Column { title: (*title).to_owned(), show: *show })
}

/// A set of columns that has a flag of its own.
pub(super) fn layout(flag: &str) -> Vec<Column> {
    let wanted: &[(&str, &str)] = match flag {
        "-f" => &[
            ("user", "UID"),
            ("pid", "PID"),
            ("ppid", "PPID"),
            ("c", "C"),
            ("stime", "STIME"),
            ("tty", "TTY"),
            ("time", "TIME"),
            ("args", "CMD"),
        ],
        "u" => &[
            ("user", "USER"),
            ("pid", "PID"),
            ("%cpu", "%CPU"),
            ("%mem", "%MEM"),
            ("vsz", "VSZ"),
            ("rss", "RSS"),
            ("tty", "TTY"),
            ("stat", "STAT"),
            ("stime", "START"),
            ("bsdtime", "TIME"),
            ("args", "COMMAND"),
        ],
        "-l" => &[
            ("s", "S"),
            ("uid", "UID"),
            ("pid", "PID"),
            ("ppid", "PPID"),
            ("c", "C"),
            ("pri", "PRI"),
            ("ni", "NI"),
            ("sz", "SZ"),
            ("tty", "TTY"),
            ("time", "TIME"),
            ("comm", "CMD"),
        ],
        "-j" => &[("pid", "PID"), ("pgid", "PGID"), ("sid", "SID"), ("tty", "TTY"), ("time", "TIME"), ("comm", "CMD")],
        _ => &[("pid", "PID"), ("tty", "TTY"), ("time", "TIME"), ("comm", "CMD")],
    };
    let column = |(name, title): &(&str, &str)| named(name).map(|column| Column { title: (*title).to_owned(), ..column });
    wanted.iter().filter_map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_terminals_are_said_as_ps_says_them() {
        assert_eq!(cpu_time(12_345), "00:02:03");
        assert_eq!(cpu_time(86400 * 100 * 2), "2-00:00:00");
        assert_eq!(elapsed(3723), "01:02:03");
        let on = |tty| ProcessInfo { tty, ..ProcessInfo::default() };
        let machine = Machine::read();
        assert_eq!(tty(&on(136 << 8 | 5), &machine), "pts/5");
        assert_eq!(tty(&on(4 << 8 | 1), &machine), "tty1");
        assert_eq!(tty(&on(0), &machine), "?");
        assert_eq!(names("root:x:0:0\nalso:x:0:0\nbad\n"), BTreeMap::from([(0, "root".to_owned())]));
    }
}
