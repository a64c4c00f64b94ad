//! Copying a tree whole and in parallel: content, holes, hard links, owners, modes, attributes, times, special files.
//!
//! The source is read without crossing its mount and without following symbolic links; the destination must be empty and private
//! (nobody else changes it). Work is handed out by directory and by batches of files, so that one huge directory keeps all threads
//! busy; waiting work is kept as paths, so that depth and width cost no descriptors.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{self, AtFlags, FileType, Mode, Stat};

use crate::tree::{Entry, entries, open_below};
use crate::{Error, Result, durable, tree};

mod attributes;
mod content;
mod entry;

use entry::Worker;

/// Names handed to a thread at a time.
const BATCH: usize = 64;
/// More threads than this only fight over the directory locks and the journal.
const THREADS_MAX: usize = 8;
/// So many batches may wait before no further directory is opened: each may hold two descriptors.
const BATCHES_WAITING: usize = 128;
/// Up to this many entries it is quicker to sync each than the whole file system.
const SYNC_EACH_MAX: u64 = 8;

/// How to copy.
#[derive(Debug, Clone, Copy, Default)]
pub struct CopyOptions {
    /// Threads; 0 means as many as there are processors, at least two.
    pub threads: usize,
    /// Whether the copy must be on the disk when the call returns.
    pub durable: bool,
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyStats {
    /// Everything but directories; a further hard link to the same file counts too.
    pub files: u64,
    /// Directories, the root not counted.
    pub directories: u64,
    /// Apparent size of the regular files.
    pub bytes: u64,
}

/// Copies everything below `src` into the empty directory `dst`, and the attributes of `src` itself to `dst`.
/// Neither descriptor may be `O_PATH`; `dst` is also what write-back errors are reported to.
///
/// # Errors
/// The first failure, with its path relative to the root; `dst` then holds a part that the caller removes.
pub fn copy_tree(src: BorrowedFd<'_>, dst: BorrowedFd<'_>, options: &CopyOptions) -> Result<CopyStats> {
    copy_tree_watched(src, dst, options, &AtomicU64::new(0))
}

/// As [`copy_tree`], and adds the bytes that were copied to `copied` as it goes on, for whoever waits.
///
/// # Errors
/// As [`copy_tree`].
pub fn copy_tree_watched(src: BorrowedFd<'_>, dst: BorrowedFd<'_>, options: &CopyOptions, copied: &AtomicU64) -> Result<CopyStats> {
    let root = fs::fstat(src).map_err(|e| Error::new("stat", ".", e))?;
    let job = Job::new(src, dst, attributes::Creation::look(dst)?, copied);
    job.state().directories.push(PathBuf::new());
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(2, usize::from).clamp(2, THREADS_MAX),
        n => n,
    };
    let mut stats = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| job.work())).collect();
        let mut stats = job.work();
        for other in others {
            // A panic of a worker is a defect; it is passed on.
            let part = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            stats = stats.plus(part);
        }
        stats
    });
    if let Some(error) = job.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    stats.files += job.make_links()?;
    job.finish_directories(&root)?;
    if options.durable {
        if stats.files + stats.directories <= SYNC_EACH_MAX {
            tree::sync_tree(dst)?;
        } else {
            durable::sync_fs(dst, Path::new("."))?;
        }
    }
    Ok(stats)
}

/// Gives `dst` the owner, mode, extended attributes and times of `src`; both are directories. Not durable by itself.
///
/// # Errors
/// The first refusal.
pub fn copy_attributes(src: BorrowedFd<'_>, dst: BorrowedFd<'_>, shown: &Path) -> Result<()> {
    let stat = fs::fstat(src).map_err(|e| Error::new("stat", shown, e))?;
    attributes::set_all(src, dst, &stat, &mut crate::xattr::Scratch::default(), shown)
}

impl CopyStats {
    fn plus(self, other: Self) -> Self {
        Self { files: self.files + other.files, directories: self.directories + other.directories, bytes: self.bytes + other.bytes }
    }
}

/// A source directory and its copy, both open.
struct Pair {
    rel: PathBuf,
    src: OwnedFd,
    dst: OwnedFd,
}

/// What waits for a thread.
#[derive(Default)]
struct Waiting {
    directories: Vec<PathBuf>,
    batches: Vec<(Arc<Pair>, Vec<Entry>)>,
    /// Threads that may still add work.
    busy: usize,
}

impl Waiting {
    fn next(&mut self, mine: Option<&Arc<Pair>>) -> Option<Task> {
        // What one reads last lies at the end.
        if let Some((pair, names)) = self.batches.pop_if(|(pair, _)| mine.is_some_and(|mine| Arc::ptr_eq(mine, pair))) {
            return Some(Task::Batch(pair, names));
        }
        if let Some(mine) = mine
            && let Some(at) = self.batches.iter().rposition(|(pair, _)| Arc::ptr_eq(mine, pair))
        {
            let (pair, names) = self.batches.swap_remove(at);
            return Some(Task::Batch(pair, names));
        }
        if self.batches.len() < BATCHES_WAITING
            && let Some(rel) = self.directories.pop()
        {
            return Some(Task::Directory(rel));
        }
        match self.batches.pop() {
            Some((pair, names)) => Some(Task::Batch(pair, names)),
            None => self.directories.pop().map(Task::Directory),
        }
    }
}

enum Task {
    Directory(PathBuf),
    Batch(Arc<Pair>, Vec<Entry>),
}

struct Job<'a> {
    src: BorrowedFd<'a>,
    dst: BorrowedFd<'a>,
    creation: attributes::Creation,
    waiting: Mutex<Waiting>,
    wake: Condvar,
    stop: AtomicBool,
    failure: Mutex<Option<Error>>,
    /// Directories whose attributes are set at the end, because filling them changes their times; parents before children.
    directories: Mutex<Vec<(PathBuf, Stat)>>,
    /// First name of each file that has several.
    linked: Mutex<HashMap<(u64, u64), PathBuf>>,
    /// Further names: (first name, this name).
    links: Mutex<Vec<(PathBuf, PathBuf)>>,
    /// Cleared by the first file that can not be cloned, or copied inside the kernel.
    clone_works: AtomicBool,
    range_works: AtomicBool,
    /// Bytes of content so far.
    copied: &'a AtomicU64,
}

impl<'a> Job<'a> {
    fn new(src: BorrowedFd<'a>, dst: BorrowedFd<'a>, creation: attributes::Creation, copied: &'a AtomicU64) -> Self {
        Self {
            src,
            dst,
            creation,
            waiting: Mutex::default(),
            wake: Condvar::new(),
            stop: AtomicBool::new(false),
            failure: Mutex::default(),
            directories: Mutex::default(),
            linked: Mutex::default(),
            links: Mutex::default(),
            clone_works: AtomicBool::new(true),
            range_works: AtomicBool::new(true),
            copied,
        }
    }

    fn state(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> CopyStats {
        let mut worker = Worker::new(self);
        let mut mine = None;
        while let Some(task) = self.next(mine.as_ref()) {
            let done = match task {
                Task::Directory(rel) => self.directory(&rel, &mut worker).map(|pair| mine = Some(pair)),
                Task::Batch(pair, names) => {
                    let done = worker.batch(&pair, &names);
                    mine = Some(pair);
                    done
                }
            };
            if let Err(e) = done {
                self.fail(e);
            }
            let mut state = self.state();
            state.busy -= 1;
            if state.busy == 0 {
                self.wake.notify_all();
            }
        }
        worker.stats
    }

    /// The next piece of work; `None` when there is none and none can come. A thread stays in its directory, and goes into another before it
    /// helps in one where somebody is at work: two that make files in one directory wait for each other, and for the same part of the disk.
    fn next(&self, mine: Option<&Arc<Pair>>) -> Option<Task> {
        let mut state = self.state();
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            let task = state.next(mine);
            if task.is_some() {
                state.busy += 1;
                return task;
            }
            if state.busy == 0 {
                return None;
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn fail(&self, error: Error) {
        self.stop.store(true, Ordering::Relaxed);
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.wake.notify_all();
    }

    /// Reads one directory, makes its subdirectories, and copies or hands out its files.
    fn directory(&self, rel: &Path, worker: &mut Worker<'_, '_>) -> Result<Arc<Pair>> {
        let shown = |name: &CString| rel.join(OsStr::from_bytes(name.to_bytes()));
        let src = open_below(self.src, rel).map_err(|e| Error::new("open", rel, e))?;
        let dst = open_below(self.dst, rel).map_err(|e| Error::new("open", rel, e))?;
        let pair = Arc::new(Pair { rel: rel.to_path_buf(), src, dst });
        let mut files = Vec::new();
        let mut directories = Vec::new();
        for entry in entries(&pair.src).map_err(|e| Error::new("readdir", rel, e))? {
            let kind = match entry.kind {
                FileType::Unknown => FileType::from_raw_mode(
                    fs::statat(&pair.src, &*entry.name, AtFlags::SYMLINK_NOFOLLOW)
                        .map_err(|e| Error::new("stat", shown(&entry.name), e))?
                        .st_mode,
                ),
                kind => kind,
            };
            if kind == FileType::Directory {
                directories.push(entry.name);
                continue;
            }
            files.push(Entry { name: entry.name, kind });
            if files.len() == BATCH {
                self.state().batches.push((Arc::clone(&pair), std::mem::take(&mut files)));
                self.wake.notify_one();
            }
        }
        for name in directories {
            let path = shown(&name);
            let stat = fs::statat(&pair.src, &*name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| Error::new("stat", &path, e))?;
            fs::mkdirat(&pair.dst, &*name, Mode::RWXU).map_err(|e| Error::new("mkdir", &path, e))?;
            worker.stats.directories += 1;
            self.directories.lock().unwrap_or_else(PoisonError::into_inner).push((path.clone(), stat));
            self.state().directories.push(path);
            self.wake.notify_one();
        }
        worker.batch(&pair, &files)?;
        Ok(pair)
    }

    fn make_links(&self) -> Result<u64> {
        let links = std::mem::take(&mut *self.links.lock().unwrap_or_else(PoisonError::into_inner));
        let mut made = 0;
        for (first, further) in links {
            let failed = |e| Error::new("link", &further, e);
            let (from, to) = (open_parent(self.dst, &first)?, open_parent(self.dst, &further)?);
            let name = |path: &Path| path.file_name().unwrap_or_default().to_owned();
            fs::linkat(&from, name(&first), &to, name(&further), AtFlags::empty()).map_err(failed)?;
            made += 1;
        }
        Ok(made)
    }

    /// Children before parents; nothing is created any more, so the times stay.
    fn finish_directories(&self, root: &Stat) -> Result<()> {
        let mut scratch = crate::xattr::Scratch::default();
        let directories = std::mem::take(&mut *self.directories.lock().unwrap_or_else(PoisonError::into_inner));
        for (rel, stat) in directories.iter().rev() {
            let src = open_below(self.src, rel).map_err(|e| Error::new("open", rel, e))?;
            let dst = open_below(self.dst, rel).map_err(|e| Error::new("open", rel, e))?;
            attributes::set_all(src.as_fd(), dst.as_fd(), stat, &mut scratch, rel)?;
        }
        attributes::set_all(self.src, self.dst, root, &mut scratch, Path::new("."))
    }
}

fn open_parent(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd> {
    let parent = path.parent().unwrap_or(Path::new(""));
    open_below(root, parent).map_err(|e| Error::new("open", parent, e))
}

#[cfg(test)]
mod tests;
