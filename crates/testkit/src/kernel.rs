//! What the kernel still holds for a test: mounts, cgroups, processes.
use std::fs;
use std::path::{Path, PathBuf};

/// Mount points at or below `dir`, in the order they were mounted.
pub fn mounts_below(dir: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().filter_map(|line| line.split(' ').nth(4)).map(|p| PathBuf::from(unescape(p))).filter(|p| p.starts_with(dir)).collect()
}

fn unescape(field: &str) -> String {
    field.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

/// Unmounts everything at or below `dir`, deepest first; what is busy is detached.
pub fn unmount_below(dir: &Path) {
    // Twice, because a mount may have been stacked on the same place while the list was read.
    for _ in 0..2 {
        let mut mounts = mounts_below(dir);
        mounts.sort_by_key(|p| std::cmp::Reverse(p.components().count()));
        for mount in mounts {
            let plain = rustix::mount::unmount(&mount, rustix::mount::UnmountFlags::NOFOLLOW);
            if plain.is_err() {
                rustix::mount::unmount(&mount, rustix::mount::UnmountFlags::DETACH | rustix::mount::UnmountFlags::NOFOLLOW).ok();
            }
        }
    }
}

/// Every cgroup directory, of any hierarchy, whose name contains `word`.
pub fn cgroup_dirs_of(word: &str) -> Vec<PathBuf> {
    fn walk(dir: &Path, word: &str, depth: usize, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(dir) else { return };
        for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
            if depth < 6 {
                walk(&entry.path(), word, depth + 1, found);
            }
            if entry.file_name().to_string_lossy().contains(word) {
                found.push(entry.path());
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new("/sys/fs/cgroup"), word, 0, &mut found);
    found
}

/// Processes whose command line, working directory or root names `word`: (pid, command line). Never the caller itself.
pub fn processes_naming(word: &str) -> Vec<(i32, String)> {
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(pid) = name.parse::<i32>() else { continue };
        if name == own {
            continue;
        }
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let cwd = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        if line.contains(word) || cwd.to_string_lossy().contains(word) {
            found.push((pid, line));
        }
    }
    found
}
