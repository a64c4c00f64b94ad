//! `volume diff`: what is different between a snapshot and the present, or another snapshot. Two trees are walked side by side, and what comes
//! out is told at once; nothing is kept in memory.

use std::path::PathBuf;

use stead_base::time::Time;
use stead_mount::names::split_snapshot;

use super::manifest::{Entry, FILE, Kind, Meta, Stamp, order};
use super::method::Method;
use super::side::{Look, Shown, Side, absolute};
use crate::error::disk;
use crate::{Error, Result, Volumes};

/// A snapshot that is so young may have been taken in the moment in which a file was changed, by the coarse clock of the kernel.
const STEP_MS: u32 = 2000;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It is only in the later tree.
    Added,
    /// It is in both, and not the same.
    Changed,
    /// It is only in the earlier tree.
    Deleted,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// From the root of the volume, which is `/`. Any bytes.
    pub path: Vec<u8>,
    /// What happened.
    pub happened: Happened,
    /// `file`, `directory`, `symlink`, `fifo`, `socket`, `block` or `character`; where it is still there, what it is now.
    pub kind: &'static str,
    /// Of what changed: any of `kind`, `content`, `mode`, `owner`, `mtime`, `xattrs`, `target`, `device`.
    pub what: Vec<&'static str>,
    /// Bytes of a file, before and after; 0 where there is none.
    pub size: (u64, u64),
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffRequest {
    /// The volume.
    pub volume: String,
    /// The earlier snapshot; `None`: the newest one.
    pub from: Option<String>,
    /// The later snapshot; `None`: the present.
    pub to: Option<String>,
}

impl DiffRequest {
    /// `VOL[@A] [@B]` as it is typed: `data`, `data@a`, `data@a @b`, `data@a data@b`, `data@a b`.
    #[must_use]
    pub fn parse(first: &str, second: Option<&str>) -> Self {
        let (volume, from) = split_snapshot(first);
        let to = second.map(|second| split_snapshot(second).1.unwrap_or(second).to_owned());
        Self { volume: volume.to_owned(), from: from.map(str::to_owned), to }
    }
}

impl Volumes {
    /// Tells every difference, directories before what is in them.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoSnapshot`]; a tree can not be read; `tell` fails.
    pub fn diff<E: From<Error>>(&self, request: &DiffRequest, tell: &mut dyn FnMut(Difference) -> Result<(), E>) -> Result<(), E> {
        let volume = &request.volume;
        let failed = |e| E::from(disk("diff", volume)(e));
        let from = match &request.from {
            Some(name) => self.snapshot(volume, name)?,
            None => {
                let newest = self.snapshot_list(volume)?.pop();
                newest.ok_or_else(|| Error::NoSnapshot { volume: volume.clone(), snapshot: "(any)".to_owned() })?
            }
        };
        let reference = |name: Option<&str>| name.map_or_else(|| volume.clone(), |name| format!("{volume}@{name}"));
        let a = self.hold(&reference(Some(&from.name)))?;
        let b = self.hold(&reference(request.to.as_deref()))?;
        let manifest = |name: &str| -> PathBuf { self.snapshot_home(volume, name).join(FILE) };
        let to = request.to.as_deref().map(|name| self.snapshot(volume, name)).transpose()?;
        let mut compare = Compare {
            a: Side::new(a.root(), Some(&manifest(&from.name))),
            b: Side::new(b.root(), to.as_ref().map(|to| manifest(&to.name)).as_deref()),
            look: Look::default(),
            // Subvolumes keep inode numbers and all times, so that these prove what a manifest proves elsewhere.
            settled: (from.method == Method::Subvolume).then(|| stamp(from.created_at).minus_ms(STEP_MS)),
        };
        let (mut left, mut right) = (compare.a.next().map_err(failed)?, compare.b.next().map_err(failed)?);
        loop {
            let ordering = match (&left, &right) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(a), Some(b)) => order(&a.seen.path, &b.seen.path),
            };
            if ordering.is_lt()
                && let Some(gone) = left.take()
            {
                tell(difference(&gone, Happened::Deleted, (gone.seen.meta.size, 0), Vec::new()))?;
            } else if ordering.is_gt()
                && let Some(new) = right.take()
            {
                tell(difference(&new, Happened::Added, (0, new.seen.meta.size), Vec::new()))?;
            } else if let (Some(a), Some(b)) = (left.take(), right.take()) {
                let what = match compare.compare(&a, &b) {
                    // It vanished while we looked, or was replaced: what it is instead is not known any more.
                    Err(e) if e.io_kind() == std::io::ErrorKind::NotFound => vec!["content"],
                    what => what.map_err(failed)?,
                };
                if !what.is_empty() {
                    tell(difference(&b, Happened::Changed, (a.seen.meta.size, b.seen.meta.size), what))?;
                }
            }
            if left.is_none() && !ordering.is_gt() {
                left = compare.a.next().map_err(failed)?;
            }
            if right.is_none() && !ordering.is_lt() {
                right = compare.b.next().map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// A time as file systems have it.
pub(crate) fn stamp(time: Time) -> Stamp {
    let nanos = time.nanos();
    let seconds = nanos.div_euclid(1_000_000_000);
    Stamp(i64::try_from(seconds).unwrap_or(0), u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0))
}

fn difference(one: &Shown, happened: Happened, size: (u64, u64), what: Vec<&'static str>) -> Difference {
    Difference { path: absolute(&one.seen.path), happened, kind: one.seen.meta.kind.word(), what, size }
}

struct Compare<'a> {
    a: Side<'a>,
    b: Side<'a>,
    look: Look,
    /// Before this, a change time that is the same proves the same content, because the earlier side is a subvolume's snapshot.
    settled: Option<Stamp>,
}

impl Compare<'_> {
    /// What of an entry is not the same.
    fn compare(&mut self, a: &Shown, b: &Shown) -> stead_sys::Result<Vec<&'static str>> {
        let (old, new) = (&a.seen.meta, &b.seen.meta);
        if old.kind != new.kind {
            return Ok(vec!["kind"]);
        }
        let mut what = Vec::new();
        let proved = self.proved(a, b);
        if old.kind == Kind::File && !proved && (old.size != new.size || self.content_differs(a, b)?) {
            what.push("content");
        }
        // The mode of a symbolic link means nothing.
        if old.mode != new.mode && old.kind != Kind::Symlink {
            what.push("mode");
        }
        if (old.uid, old.gid) != (new.uid, new.gid) {
            what.push("owner");
        }
        if old.mtime != new.mtime {
            what.push("mtime");
        }
        if old.rdev != new.rdev {
            what.push("device");
        }
        if a.seen.target != b.seen.target {
            what.push("target");
        }
        if !proved && self.xattrs_differ(a, b)? {
            what.push("xattrs");
        }
        Ok(what)
    }

    /// Whether nothing was done to it, without reading it.
    fn proved(&self, a: &Shown, b: &Shown) -> bool {
        if !a.seen.meta.same_moment(&b.seen.meta) || !a.seen.same_device || !b.seen.same_device {
            return false;
        }
        match (&a.noted, &b.noted) {
            // The later manifest read it, or took it over from the earlier one.
            (Some(a), _) if a.meta.kind == Kind::File => a.settled,
            (Some(_), _) => false,
            (None, _) => self.settled.is_some_and(|before| a.seen.meta.ctime < before),
        }
    }

    fn content_differs(&mut self, a: &Shown, b: &Shown) -> stead_sys::Result<bool> {
        let of = |look: &mut Look, side: &Side<'_>, one: &Shown| match noted(one).and_then(|entry| entry.hash) {
            Some(hash) => Ok(Some(hash)),
            None => look.content(side.root(), &one.seen, false),
        };
        let (before, after) = (of(&mut self.look, &self.a, a)?, of(&mut self.look, &self.b, b)?);
        Ok(before.is_none() || before != after)
    }

    fn xattrs_differ(&mut self, a: &Shown, b: &Shown) -> stead_sys::Result<bool> {
        let of = |look: &mut Look, side: &Side<'_>, one: &Shown| match noted(one) {
            Some(entry) => Ok(entry.xattrs),
            None => look.xattrs(side.root(), &one.seen),
        };
        Ok(of(&mut self.look, &self.a, a)? != of(&mut self.look, &self.b, b)?)
    }
}

fn noted(one: &Shown) -> Option<&Entry> {
    one.noted.as_ref()
}

impl Kind {
    /// In words.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Block => "block",
            Self::Character => "character",
        }
    }
}

/// Two looks at one entry, for whoever checks a tree against its manifest.
pub(crate) fn metadata_differs(old: &Meta, new: &Meta) -> Vec<&'static str> {
    let mut what = Vec::new();
    let mut check = |differs: bool, word| {
        if differs {
            what.push(word);
        }
    };
    check(old.kind != new.kind, "kind");
    check(old.size != new.size, "size");
    check(old.mode != new.mode && old.kind != Kind::Symlink, "mode");
    check((old.uid, old.gid) != (new.uid, new.gid), "owner");
    check(old.mtime != new.mtime, "mtime");
    check(old.rdev != new.rdev, "device");
    what
}
