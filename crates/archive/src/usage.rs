//! How much lies below a path of a root: like `du`, hard links counted once, mounts not crossed.

use std::collections::{BTreeMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags, Stat};
use rustix::io::Errno;
use stead_sys::tree;

use crate::copy::paths;
use crate::write::Follow;
use crate::{Error, Result, scope, stat};

/// What one directory (or file) takes, everything below it included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// Its path below the one asked for; empty for that itself.
    pub path: PathBuf,
    /// Bytes on the disk.
    pub allocated: u64,
    /// Sum of the sizes of regular files.
    pub size: u64,
    /// Everything but directories.
    pub files: u64,
    /// Directories, itself included.
    pub directories: u64,
}

impl Used {
    fn add(&mut self, stat: &Stat, is_known: bool) {
        let kind = scope::type_of(stat);
        if !is_known {
            self.allocated += u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
            if kind == FileType::RegularFile {
                self.size += u64::try_from(stat.st_size).unwrap_or(0);
            }
        }
        if kind == FileType::Directory { self.directories += 1 } else { self.files += 1 }
    }
}

/// What the path takes, and every directory at most `depth` below it, by path. A file that grows or goes meanwhile is counted as it was seen.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NoDirectory`]; something cannot be read.
pub fn usage(root: BorrowedFd<'_>, path: &Path, depth: usize) -> Result<Vec<Used>> {
    let text = path.to_string_lossy();
    let inside = paths::preserve_trailing(&paths::clean(&format!("/{text}")), &text);
    let handle = scope::open(root, Path::new(&inside), OFlags::PATH, Follow::InRoot).map_err(|error| stat::missing(error, path))?;
    let failed = |errno: Errno| Error::Sys(stead_sys::Error::new("read", path, errno));
    let found = rustix::fs::fstat(&handle).map_err(failed)?;
    let mut all = BTreeMap::from([(PathBuf::new(), Used::default())]);
    let top = all.entry(PathBuf::new()).or_default();
    top.add(&found, false);
    if scope::type_of(&found) == FileType::Directory && !scope::is_kernel_fs(&handle).map_err(failed)? {
        let dir = scope::reopen(handle.as_fd(), OFlags::RDONLY | OFlags::DIRECTORY).map_err(failed)?;
        let mut linked = HashSet::new();
        tree::walk(&dir, &mut |visit| {
            let is_dir = scope::type_of(&visit.stat) == FileType::Directory;
            let is_known = !is_dir && visit.stat.st_nlink > 1 && !linked.insert((visit.stat.st_dev, visit.stat.st_ino));
            let mut at = PathBuf::new();
            all.entry(at.clone()).or_default().add(&visit.stat, is_known);
            let parts: Vec<_> = visit.path.components().collect();
            let above = if is_dir { parts.len() } else { parts.len().saturating_sub(1) };
            for part in parts.into_iter().take(above.min(depth)) {
                at.push(part);
                all.entry(at.clone()).or_insert_with(|| Used { path: at.clone(), ..Used::default() }).add(&visit.stat, is_known);
            }
            Ok(())
        })?;
    }
    Ok(all.into_values().collect())
}
