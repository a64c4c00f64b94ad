//! Snapshots of several volumes at one instant: all of them become visible as whole, or none.
//!
//! The intention lies in `.groups/ID.json` while the snapshots get their names, one after the other. Whoever finds one without a living command
//! finishes it, if all got their names, or removes those that did; until then each of them says that its group is not whole.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stead_sys::durable;
use stead_sys::lock::{self, Lock};

use super::{Pending, Snapshot, SnapshotRequest};
use crate::error::disk;
use crate::recover::Finding;
use crate::{Error, Result, Volumes, staging};

const LENGTH_MAX: u64 = 1 << 20;
/// Shared by whoever writes an intention.
const AT_IT: &str = "snapshot-groups";

/// What is about to get its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Intention {
    version: u32,
    id: String,
    /// Volume and the name of its snapshot.
    members: BTreeMap<String, String>,
}

/// Snapshots of several volumes on their way. Dropped unpublished, nothing of them stays.
#[derive(Debug)]
pub struct Group {
    volumes: Volumes,
    id: String,
    members: Vec<Pending>,
    /// The volumes', after the members.
    locks: Vec<Lock>,
    living: Lock,
}

impl Volumes {
    /// Begins one for each volume, in the order of their names; each has its volume's lock. `request` is what all have in common.
    ///
    /// # Errors
    /// As [`Volumes::snapshot_begin`], for any of them.
    pub fn group_begin(&self, names: &[String], request: &SnapshotRequest) -> Result<Group> {
        self.finish_groups(true)?;
        let id = durable::unique_name()?;
        staging::make(&self.run_root.locks(), 0o711)?;
        let living = Lock::exclusive(&self.run_root.locks().join(lock_name(&id)))?;
        let mut names: Vec<&String> = names.iter().collect();
        names.sort();
        names.dedup();
        for name in &names {
            self.get(name)?;
        }
        // All at once: two long names may have one lock.
        let locked: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let locks = self.lock_all(&locked)?.into_iter().map(|(_, lock)| lock).collect();
        let mut group = Group { volumes: self.clone(), id: id.clone(), members: Vec::new(), locks, living };
        for name in names {
            let one = SnapshotRequest { volume: name.clone(), group: Some(id.clone()), ..request.clone() };
            let volume = self.settled(name)?.ok_or_else(|| Error::NotFound { name: name.clone() })?;
            group.members.push(self.begin_locked(volume, &one, None)?);
        }
        Ok(group)
    }

    /// Whether a snapshot belongs to a group of which not all got their names.
    #[must_use]
    pub fn is_incomplete(&self, snapshot: &Snapshot) -> bool {
        snapshot.group.as_ref().is_some_and(|id| check_id(id) && self.groups().join(format!("{id}.json")).exists())
    }

    /// Finishes or undoes groups that nobody is at; what is wrong with each.
    pub(crate) fn finish_groups(&self, repair: bool) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let dir = self.groups();
        if dir.is_dir()
            && let Some(_nobody) = Lock::try_exclusive(&self.run_root.locks().join(AT_IT))?
        {
            for litter in durable::temporaries(&dir)? {
                if repair {
                    durable::remove_file(&litter)?;
                }
                let problem = "it was left by an interrupted write".to_owned();
                findings.push(Finding { subject: litter.display().to_string(), problem, repaired: repair });
            }
        }
        let listing = match std::fs::read_dir(&dir) {
            Ok(listing) => listing,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(findings),
            Err(e) => return Err(stead_sys::Error::new("readdir", &dir, e).into()),
        };
        for entry in listing.flatten() {
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".json")).filter(|id| check_id(id)) else { continue };
            if lock::is_locked(&self.run_root.locks().join(lock_name(id))).unwrap_or(false) {
                continue;
            }
            let repaired = repair && self.finish_group(id)?;
            let problem = "the snapshots of a group were interrupted while they got their names".to_owned();
            findings.push(Finding { subject: entry.path().display().to_string(), problem, repaired });
        }
        Ok(findings)
    }

    fn finish_group(&self, id: &str) -> Result<bool> {
        // Two who find it take turns; the file is gone for the second.
        let living = Lock::exclusive(&self.run_root.locks().join(lock_name(id)))?;
        let path = self.groups().join(format!("{id}.json"));
        if let Some(intention) = read(&path) {
            let there = |(volume, name): &(&String, &String)| {
                self.snapshot(volume, name).is_ok_and(|snapshot| snapshot.group.as_deref() == Some(id))
            };
            let named: Vec<_> = intention.members.iter().filter(there).collect();
            if named.len() != intention.members.len() {
                for (volume, name) in named {
                    self.snapshot_remove(volume, name)?;
                }
            }
        }
        if path.exists() {
            durable::remove_file(&path)?;
        }
        living.remove()?;
        Ok(true)
    }

    fn groups(&self) -> PathBuf {
        self.root.volumes().join(".groups")
    }
}

impl Group {
    /// Takes the state of all as it is now; those who write should stand still until this returns.
    ///
    /// # Errors
    /// The disk; then drop it.
    pub fn take(&mut self) -> Result<()> {
        self.members.iter_mut().try_for_each(Pending::take)
    }

    /// Gives all their names. When this returns, all survive a power cut.
    ///
    /// # Errors
    /// The disk: there are none of them then.
    pub fn publish(self) -> Result<Vec<(String, Snapshot)>> {
        let Self { volumes, id, members, locks, living } = self;
        let intention = Intention {
            version: 1,
            id: id.clone(),
            members: members.iter().map(|one| (one.volume().to_owned(), one.name().to_owned())).collect(),
        };
        let bytes = serde_json::to_vec(&intention)
            .map_err(|source| Error::Store(stead_store::Error::Encode { kind: "group", id: id.clone(), source }))?;
        let failed = disk("snapshot", &id);
        let _at_it = Lock::shared(&volumes.run_root.locks().join(AT_IT))?;
        staging::make(&volumes.groups(), 0o700).map_err(&failed)?;
        let path = volumes.groups().join(format!("{id}.json"));
        durable::replace_file(&path, &bytes, 0o600).map_err(&failed)?;
        let mut named: Vec<(String, Snapshot)> = Vec::new();
        for one in members {
            let volume = one.volume().to_owned();
            match one.publish() {
                Ok(snapshot) => named.push((volume, snapshot)),
                Err(failure) => {
                    drop(locks);
                    // What cannot even be removed now is found by the next who looks: the intention stays until then.
                    if named.iter().all(|(volume, snapshot)| volumes.snapshot_remove(volume, &snapshot.name).is_ok()) {
                        durable::remove_file(&path).map_err(&failed)?;
                        living.remove()?;
                    }
                    return Err(failure);
                }
            }
        }
        durable::remove_file(&path).map_err(&failed)?;
        living.remove()?;
        Ok(named)
    }
}

fn lock_name(id: &str) -> String {
    format!("snapshot-group-{id}")
}

/// Ids are ours, but a snapshot.json may say anything.
fn check_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn read(path: &std::path::Path) -> Option<Intention> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(LENGTH_MAX).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}
