//! Labels of SELinux, where the kernel has it: on most machines none of this does anything.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::io::Errno;

use crate::xattr::{self, Place};
use crate::{Error, Result, owner, tree};

/// What files of containers are called.
const CONTAINER_FILE: &str = "container_file_t";
/// The file system by which the kernel shows that SELinux is loaded.
const MAGIC: u64 = 0xf97c_ff8c;

/// Whether SELinux is loaded.
#[must_use]
pub fn is_enabled() -> bool {
    rustix::fs::statfs("/sys/fs/selinux").is_ok_and(|seen| seen.f_type.cast_unsigned() == MAGIC)
}

/// The context of this process, e.g. `system_u:system_r:container_runtime_t:s0:c1,c2`; none where there is none.
#[must_use]
pub fn own_context() -> Option<String> {
    let text = std::fs::read_to_string("/proc/self/attr/current").ok()?;
    let text = text.trim_end_matches(['\0', '\n']).to_owned();
    text.contains(':').then_some(text)
}

/// The label for files: everybody's without categories, or one container's with the categories of its process.
#[must_use]
pub fn file_label(process: Option<&str>, private: bool) -> String {
    let level = process.and_then(|context| context.splitn(4, ':').nth(3));
    // Of a range only the low end is a file's.
    let low = level.and_then(|range| range.split('-').next()).filter(|low| private && low.contains(':'));
    format!("system_u:object_r:{CONTAINER_FILE}:{}", low.unwrap_or("s0"))
}

/// Labels what a handle leads to and everything below it: links themselves, never what they lead to, and never across a mount.
/// A file system that keeps no labels is left as it is.
///
/// # Errors
/// The first refusal of the kernel.
pub fn label_tree(handle: BorrowedFd<'_>, label: &str, subject: &Path) -> Result<()> {
    let value = format!("{label}\0");
    let put = |place: Place<'_>, shown: &Path| match xattr::set(place, c"security.selinux", value.as_bytes()) {
        Ok(()) | Err(Errno::NOTSUP | Errno::NOENT) => Ok(()),
        Err(e) => Err(Error::new("setxattr", shown, e)),
    };
    let stat = rustix::fs::fstat(handle).map_err(|e| Error::new("stat", subject, e))?;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() {
        let root = owner::open_root(handle, subject)?;
        put(Place::File(root.as_fd()), subject)?;
        tree::walk(&root, &mut |visit| {
            let shown = subject.join(visit.path);
            // A link has no handle by which attributes are set, and nothing can be mounted on it.
            if rustix::fs::FileType::from_raw_mode(visit.stat.st_mode).is_symlink() {
                return put(Place::Name(visit.dir, visit.name), &shown);
            }
            owner::hold(visit, subject)?.map_or(Ok(()), |entry| put(Place::Handle(entry.as_fd()), &shown))
        })
    } else {
        put(Place::Handle(handle), subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_says_whose_the_files_are() {
        let process = Some("system_u:system_r:container_t:s0:c12,c345");
        assert_eq!(file_label(process, true), "system_u:object_r:container_file_t:s0:c12,c345");
        assert_eq!(file_label(process, false), "system_u:object_r:container_file_t:s0");
        let wide = Some("unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023");
        assert_eq!(file_label(wide, true), "system_u:object_r:container_file_t:s0");
        assert_eq!(file_label(None, true), "system_u:object_r:container_file_t:s0");
    }
}
