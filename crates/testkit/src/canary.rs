//! F-CANARY: a tree on the host that nothing may touch. Its picture is taken before and compared after.
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// Where the hostile images' symlinks point. Images are built once, so the place is fixed.
pub const CANARY_DIR: &str = "/var/tmp/stead-canary";
static NAMED: Mutex<()> = Mutex::new(());

/// A tree with known content; [`Canary::assert_untouched`] compares names, kinds, modes, owners, times and bytes.
#[derive(Debug)]
pub struct Canary {
    dir: PathBuf,
    before: BTreeMap<PathBuf, String>,
    mounts: Vec<PathBuf>,
}

impl Canary {
    /// A canary in `dir`, which is made (with files in it) when it does not exist.
    pub fn at(dir: &Path) -> Self {
        std::fs::create_dir_all(dir.join("sub")).unwrap();
        for (name, text) in [("hosts", "canary hosts\n"), ("hostname", "canary\n"), ("secret", "canary-secret\n"), ("sub/file", "sub\n")] {
            std::fs::write(dir.join(name), text).unwrap();
        }
        std::fs::write(dir.join("passwd"), "root:x:0:0::/:/bin/sh\ncanary:x:77:77::/:/bin/sh\n").unwrap();
        Self { dir: dir.to_owned(), before: picture(dir), mounts: crate::mounts_below(dir) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Panics when anything about the tree changed, or when something is mounted on it.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!(self.before, picture(&self.dir), "the canary in {} was touched", self.dir.display());
        assert_eq!(self.mounts, crate::mounts_below(&self.dir), "something is mounted on the canary");
    }

    /// The canary's secret text: it must never be seen inside a container.
    pub fn secret(&self) -> &'static str {
        "canary-secret"
    }
}

/// The canary at [`CANARY_DIR`]. One test at a time holds it; it is removed on drop.
#[derive(Debug)]
pub struct NamedCanary {
    canary: Canary,
    _one: MutexGuard<'static, ()>,
}

impl NamedCanary {
    /// Waits for its turn and makes the tree.
    pub fn new() -> Self {
        let one = NAMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::fs::remove_dir_all(CANARY_DIR).ok();
        Self { canary: Canary::at(Path::new(CANARY_DIR)), _one: one }
    }
}

impl Default for NamedCanary {
    fn default() -> Self {
        Self::new()
    }
}

impl std::ops::Deref for NamedCanary {
    type Target = Canary;
    fn deref(&self) -> &Canary {
        &self.canary
    }
}

impl Drop for NamedCanary {
    fn drop(&mut self) {
        crate::unmount_below(Path::new(CANARY_DIR));
        std::fs::remove_dir_all(CANARY_DIR).ok();
    }
}

fn picture(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(path) = todo.pop() {
        let Ok(meta) = path.symlink_metadata() else { continue };
        let mut line =
            format!("{:o} {}:{} ino {} mtime {}.{}", meta.mode(), meta.uid(), meta.gid(), meta.ino(), meta.mtime(), meta.mtime_nsec());
        if meta.is_dir() {
            todo.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        } else if meta.is_file() {
            line += &format!(" {:x}", Sha256::digest(std::fs::read(&path).unwrap()));
        }
        all.insert(path, line);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::Canary;

    #[test]
    fn a_touched_canary_sings() {
        let dir = crate::sandbox::fresh_dir("canary");
        let canary = Canary::at(&dir);
        canary.assert_untouched();
        std::fs::write(dir.join("sub/new"), "").unwrap();
        assert!(std::panic::catch_unwind(|| canary.assert_untouched()).is_err());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
