//! The last pass: objects get their names, the tree of links is made, and its manifest. The live tree is not looked at any more.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{self, AtFlags, Gid, Mode, Uid};
use rustix::io::Errno;
use stead_sys::xattr::{self, Place};
use stead_sys::{Error, Result};

use super::super::content;
use super::super::manifest::{Digest, Entry, Header, Kind, Writer, order};
use super::super::scan::{Seen, as_path, split, threads};
use super::objects::{Name, digest_of, dress, open_dir, times};
use super::session::{Known, Session, Stats, Taken, identity, lock};

/// Entries a thread links at a time.
const BATCH: usize = 256;

impl Session {
    /// Makes the snapshot: the tree in the empty directory `data`, its manifest in `beside`, both in the area of the objects. When it returns
    /// they are on the disk, and the caller publishes them; then it drops the session.
    ///
    /// # Errors
    /// The first failure; what was made is to be thrown away.
    pub(crate) fn finish(&mut self, taken: Taken, beside: BorrowedFd<'_>, data: BorrowedFd<'_>) -> Result<Stats> {
        let Taken { started, mut seen } = taken;
        seen.sort_by(|(a, _), (b, _)| order(&a.path, &b.path));
        let twins = self.assign(&mut seen)?;
        let fresh: Vec<(Digest, CString)> = lock(&self.fresh).iter().map(|(key, name)| (*key, name.clone())).collect();
        if !fresh.is_empty() || !twins.is_empty() {
            self.objects.flush()?;
        }
        for (key, new) in &fresh {
            self.objects.publish(new, &Name(*key, 0))?;
            lock(&self.fresh).remove(key);
        }
        for (name, new) in &twins {
            self.objects.publish(new, name)?;
        }
        self.make_directories(&seen, data)?;
        self.link_all(&mut seen, data)?;
        dress_directories(&mut seen, data)?;
        let mut manifest = Writer::new(beside, &Header::new(started, "copy"))?;
        for (seen, known) in seen {
            self.count(&seen);
            if let Err(e) = manifest.add(&entry(seen, known)) {
                manifest.abandon();
                return Err(e);
            }
        }
        manifest.finish()?;
        self.objects.flush()?;
        Ok(self.stats)
    }

    /// Decides which of several equal objects stands for which file, so that each stands for one; makes those that are missing, without a
    /// name yet.
    fn assign(&self, seen: &mut [(Seen, Option<Known>)]) -> Result<Vec<(Name, CString)>> {
        let mut claimed: HashSet<Name> = HashSet::new();
        let mut owners: HashMap<(u64, Vec<u8>), u32> = HashMap::new();
        let mut twins = Vec::new();
        for (seen, known) in seen.iter_mut() {
            let Some(known) = known else { continue };
            if let Some(variant) = owners.get(&identity(seen)) {
                known.variant = *variant;
                continue;
            }
            let key = known.key();
            let had = known.variant;
            while !claimed.insert(Name(key, known.variant)) {
                known.variant = known.variant.wrapping_add(1);
            }
            owners.insert(identity(seen), known.variant);
            let name = Name(key, known.variant);
            if known.variant != had && !self.objects.has(&name, &known.meta) {
                twins.push((name, self.twin(&Name(key, had), known, seen)?));
            }
        }
        Ok(twins)
    }

    /// A copy of an object, without a name.
    fn twin(&self, of: &Name, known: &Known, seen: &Seen) -> Result<CString> {
        let shown = as_path(&seen.path);
        let fresh = lock(&self.fresh).get(&of.0).cloned();
        let from = match fresh {
            Some(new) if of.1 == 0 => self.objects.read_new(&new)?,
            _ => self.objects.read(of)?,
        };
        let mut attributes = xattr::read_all(Place::File(from.as_fd()), &mut xattr::Scratch::default(), shown)?;
        let new = self.objects.begin()?;
        let copied = content::digest(from.as_fd(), Some(new.fd.as_fd()), known.meta.size, true, &mut content::buffer());
        let hash = copied.map_err(|(e, op)| Error::new(op, shown, e))?;
        if hash != Some(known.hash) {
            self.objects.drop_new(&new.name);
            return Err(Error::new(
                "read",
                shown,
                std::io::Error::other("the stored copy of this file is damaged (`stead volume scrub` tells more)"),
            ));
        }
        new.finish(&known.meta, &mut attributes, shown)?;
        Ok(new.name)
    }

    fn make_directories(&self, seen: &[(Seen, Option<Known>)], data: BorrowedFd<'_>) -> Result<()> {
        let mut parent = Parent::default();
        for (seen, _) in seen.iter().filter(|(seen, _)| seen.meta.kind == Kind::Directory && !seen.path.is_empty()) {
            let (dir, name) = parent.of(data, &seen.path)?;
            fs::mkdirat(dir, name, Mode::RWXU).map_err(|e| Error::new("mkdir", as_path(&seen.path), e))?;
        }
        Ok(())
    }

    /// Everything but directories, on several threads.
    fn link_all(&self, seen: &mut [(Seen, Option<Known>)], data: BorrowedFd<'_>) -> Result<()> {
        let firsts = first_names(seen);
        let moved: Mutex<HashMap<Name, u32>> = Mutex::default();
        let failure = Mutex::new(None);
        {
            let batches: Vec<&[(Seen, Option<Known>)]> = seen.chunks(BATCH).collect();
            let next = AtomicUsize::new(0);
            let work = || {
                let mut parent = Parent::default();
                while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let made = batch.iter().try_for_each(|(seen, known)| {
                        let made = match known {
                            Some(known) => self.link(seen, known, data, &mut parent, &moved),
                            None if seen.meta.kind == Kind::Directory || firsts.contains_key(&seen.path) => Ok(()),
                            None => make_special(seen, data, &mut parent),
                        };
                        made.map_err(|e| Error { path: as_path(&seen.path).to_path_buf(), ..e })
                    });
                    if let Err(e) = made {
                        lock(&failure).get_or_insert(e);
                        next.store(batches.len(), Ordering::Relaxed);
                    }
                }
            };
            std::thread::scope(|scope| {
                for _ in 1..threads().min(batches.len()) {
                    scope.spawn(work);
                }
                work();
            });
        }
        if let Some(e) = lock(&failure).take() {
            return Err(e);
        }
        for (further, first) in &firsts {
            let (from, from_name) = (open_dir(data, split(first).0)?, split(first).1);
            let (to, to_name) = (open_dir(data, split(further).0)?, split(further).1);
            fs::linkat(&from, from_name, &to, to_name, AtFlags::empty()).map_err(|e| Error::new("link", as_path(further), e))?;
        }
        let moved = lock(&moved);
        for known in seen.iter_mut().filter_map(|(_, known)| known.as_mut()) {
            if let Some(variant) = moved.get(&Name(known.key(), known.variant)) {
                known.variant = *variant;
            }
        }
        Ok(())
    }

    /// Links one file; where the object has as many links as the file system allows, a twin takes its place, for all names of this file.
    fn link(&self, seen: &Seen, known: &Known, data: BorrowedFd<'_>, parent: &mut Parent, moved: &Mutex<HashMap<Name, u32>>) -> Result<()> {
        let (dir, name) = parent.of(data, &seen.path)?;
        let name = CString::new(name).map_err(|e| Error::new("link", as_path(&seen.path), e))?;
        let wanted = Name(known.key(), known.variant);
        let variant = lock(moved).get(&wanted).copied().unwrap_or(known.variant);
        match self.objects.link(&Name(wanted.0, variant), dir.as_fd(), &name) {
            Ok(()) => Ok(()),
            Err(Errno::MLINK) if known.meta.links < 2 => {
                // Far from the numbers that twins within a snapshot have. Found again by the manifest.
                let mut next = Name(wanted.0, variant.checked_add(1 << 16).unwrap_or(0));
                loop {
                    if !self.objects.has(&next, &known.meta) {
                        let new = self.twin(&wanted, known, seen)?;
                        self.objects.flush()?;
                        self.objects.publish(&new, &next)?;
                    }
                    match self.objects.link(&next, dir.as_fd(), &name) {
                        Err(Errno::MLINK) => next.1 = next.1.checked_add(1 << 16).unwrap_or(0),
                        linked => break linked.map_err(|e| Error::new("link", as_path(&seen.path), e))?,
                    }
                }
                lock(moved).insert(wanted, next.1);
                Ok(())
            }
            Err(e) => Err(Error::new("link", as_path(&seen.path), e)),
        }
    }

    fn count(&mut self, seen: &Seen) {
        match seen.meta.kind {
            Kind::Directory if seen.path.is_empty() => {}
            Kind::Directory => self.stats.directories += 1,
            _ => self.stats.files += 1,
        }
        self.stats.bytes += seen.meta.size;
    }
}

/// The directory that was used last: most entries lie beside the one before them.
#[derive(Default)]
struct Parent(Option<(Vec<u8>, OwnedFd)>);

impl Parent {
    fn of<'p>(&mut self, root: BorrowedFd<'_>, path: &'p [u8]) -> Result<(&OwnedFd, &'p [u8])> {
        let (parent, name) = split(path);
        let current = match self.0.take() {
            Some(current) if current.0 == parent => current,
            _ => (parent.to_vec(), open_dir(root, parent)?),
        };
        Ok((&self.0.insert(current).1, name))
    }
}

/// Further names of things that are no files: (this name, first name).
fn first_names(seen: &[(Seen, Option<Known>)]) -> HashMap<Vec<u8>, Vec<u8>> {
    let mut first: HashMap<(u64, Vec<u8>), &[u8]> = HashMap::new();
    let mut further = HashMap::new();
    for (seen, _) in seen.iter().filter(|(s, k)| k.is_none() && s.meta.kind != Kind::Directory && s.meta.links > 1) {
        match first.entry(identity(seen)) {
            std::collections::hash_map::Entry::Occupied(known) => {
                further.insert(seen.path.clone(), known.get().to_vec());
            }
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(&seen.path);
            }
        }
    }
    further
}

/// A symbolic link, a device, a pipe or a socket.
fn make_special(seen: &Seen, data: BorrowedFd<'_>, parent: &mut Parent) -> Result<()> {
    let shown = as_path(&seen.path);
    let failed = |op| move |e: Errno| Error::new(op, shown, e);
    let (dir, name) = parent.of(data, &seen.path)?;
    let meta = &seen.meta;
    if meta.kind == Kind::Symlink {
        fs::symlinkat(&*seen.target, dir, name).map_err(failed("symlink"))?;
    } else {
        fs::mknodat(dir, name, meta.kind.file_type(), Mode::from_raw_mode(meta.mode), meta.rdev).map_err(failed("mknod"))?;
    }
    let (uid, gid) = (Uid::from_raw(meta.uid), Gid::from_raw(meta.gid));
    fs::chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).map_err(failed("chown"))?;
    let c_name = CString::new(name).map_err(|e| Error::new("setxattr", shown, e))?;
    for (attribute, value) in &seen.attributes {
        xattr::set_where_it_can(Place::Name(dir.as_fd(), &c_name), attribute, value, shown)?;
    }
    if meta.kind != Kind::Symlink {
        fs::chmodat(dir, name, Mode::from_raw_mode(meta.mode), AtFlags::empty()).map_err(failed("chmod"))?;
    }
    fs::utimensat(dir, name, &times(meta.mtime), AtFlags::SYMLINK_NOFOLLOW).map_err(failed("utimens"))
}

/// Children before parents; nothing is made in them any more, so the times stay.
fn dress_directories(seen: &mut [(Seen, Option<Known>)], data: BorrowedFd<'_>) -> Result<()> {
    for (seen, _) in seen.iter_mut().rev().filter(|(seen, _)| seen.meta.kind == Kind::Directory) {
        let dir = open_dir(data, &seen.path)?;
        dress(dir.as_fd(), &seen.meta, &mut seen.attributes, as_path(&seen.path))?;
    }
    Ok(())
}

fn entry(seen: Seen, known: Option<Known>) -> Entry {
    let Seen { path, meta, attributes, target, same_device } = seen;
    let known = known.as_ref();
    Entry {
        path,
        meta,
        // Of what is no file nothing is believed without a look, except its own line.
        settled: known.is_some_and(|k| k.settled && same_device),
        xattrs: known.map_or_else(|| digest_of(&attributes), |k| k.xattrs),
        target,
        hash: known.map(|k| k.hash),
        variant: known.map_or(0, |k| k.variant),
    }
}
