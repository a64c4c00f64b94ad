//! What a crash, a full disk or a hand left: found by `recover`, put right by `repair`. Content is never deleted here.

use std::collections::BTreeMap;
use std::time::SystemTime;

use stead_base::time::Time;
use stead_sys::durable;

use crate::error::disk;
use crate::record::Volume;
use crate::remove::mount_below;
use crate::sidecar::{self, Found};
use crate::{Error, Result, Volumes, populate, removed, staging, trash};

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The volume, or the path.
    pub subject: String,
    /// What is wrong, in one clause.
    pub problem: String,
    /// Whether it is right now.
    pub repaired: bool,
}

impl Volumes {
    /// Looks, changes nothing.
    ///
    /// # Errors
    /// The directory or the records as a whole can not be read; one bad volume is one finding.
    pub fn recover(&self) -> Result<Vec<Finding>> {
        self.inspect_all(false)
    }

    /// Looks and puts right.
    ///
    /// # Errors
    /// As [`Volumes::recover`].
    pub fn repair(&self) -> Result<Vec<Finding>> {
        self.inspect_all(true)
    }

    /// Enters every volume on the disk into the records: after they were lost or put aside. Returns how many there are.
    ///
    /// # Errors
    /// The directory can not be read, the records can not be written. A volume that can not be read is left for [`Volumes::repair`].
    pub fn rebuild_index(&self) -> Result<usize> {
        let volumes: Vec<Volume> = self.list()?.into_iter().filter_map(Result::ok).collect();
        self.store.publish(|tx| {
            for volume in &volumes {
                tx.put(volume)?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(volumes.len())
    }

    fn inspect_all(&self, repair: bool) -> Result<Vec<Finding>> {
        let mut findings = self.finish_groups(repair)?;
        if let Some(finding) = self.inspect_pool(repair)? {
            findings.push(finding);
        }
        self.inspect_renames(repair, &mut findings)?;
        for name in self.names()? {
            // One volume that resists must not hide the others.
            if let Err(e) = self.inspect_one(&name, repair, &mut findings) {
                findings.push(Finding { subject: name, problem: e.to_string(), repaired: false });
            }
        }
        self.inspect_twins(repair, &mut findings)?;
        self.inspect_records(repair, &mut findings)?;
        if repair {
            self.forget_dead_verbs();
        }
        self.inspect_staging(repair, &mut findings)?;
        for area in self.areas() {
            for path in removed::strangers(&area)? {
                let problem = "it lies among the removed volumes and is none; it is kept, move it away".to_owned();
                findings.push(Finding { subject: path.display().to_string(), problem, repaired: false });
            }
        }
        Ok(findings)
    }

    fn inspect_one(&self, name: &str, repair: bool, findings: &mut Vec<Finding>) -> Result<()> {
        let mut found = |problem: String, repaired: bool| findings.push(Finding { subject: name.to_owned(), problem, repaired });
        let record = self.store.read(|tx| tx.get::<Volume>(name));
        match sidecar::look(&self.area_of(name), name)? {
            Found::Nothing => return Ok(()),
            Found::Damaged(reason) => {
                if repair {
                    self.renew_sidecar(name)?;
                }
                found(format!("its volume.json is damaged: {reason}"), repair);
            }
            Found::Adopted(_) if !matches!(&record, Ok(Some(_))) => {
                if repair {
                    let _lock = self.lock(name)?;
                    self.settled(name)?;
                }
                found("it was put there by hand and has no volume.json".to_owned(), repair);
                return Ok(());
            }
            Found::Adopted(_) => {
                if repair {
                    let _lock = self.lock(name)?;
                    self.settled(name)?;
                }
                found("its volume.json is missing".to_owned(), repair);
            }
            Found::Volume(volume) if !matches!(&record, Ok(Some(_))) => {
                if repair {
                    // A removal takes the record away first; what it is at is not given one again.
                    let _lock = self.lock(name)?;
                    if self.find(name)?.is_some_and(|there| there.uuid == volume.uuid) {
                        self.store.publish(|tx| tx.put(&volume))?;
                    }
                }
                found("it has no good record".to_owned(), repair);
            }
            Found::Volume(_) => {}
        }
        if !self.path(name).is_dir() {
            if repair {
                let _lock = self.lock(name)?;
                self.settled(name)?;
            }
            found("its _data directory is missing".to_owned(), repair);
        }
        if populate::left_over(&self.home(name)) {
            let repaired = repair && self.finish_left_over(name)?;
            found("it was being populated when that was interrupted".to_owned(), repaired);
        }
        if self.home(name).join(removed::NOTE).symlink_metadata().is_ok() {
            // A removal that is at work has the lock until the note is out of sight with everything else.
            let _lock = self.lock(name)?;
            if self.home(name).join(removed::NOTE).symlink_metadata().is_ok() {
                if repair {
                    removed::strip(&self.home(name)).map_err(disk("repair", name))?;
                }
                found("its removal, or that it is back, was interrupted".to_owned(), repair);
            }
        }
        self.inspect_limit(name, repair, findings)?;
        self.inspect_snapshots(name, repair, findings)?;
        self.inspect_litter(name, repair, findings)
    }

    /// Interrupted writes beside the sidecar.
    fn inspect_litter(&self, name: &str, repair: bool, findings: &mut Vec<Finding>) -> Result<()> {
        for litter in durable::temporaries(&self.home(name))? {
            if is_memory(&litter) {
                // Written at each start and not flushed: half of it is nothing to worry anybody with.
                if repair {
                    durable::remove_file(&litter).ok();
                }
                continue;
            }
            if repair {
                // Under the lock nobody is writing the sidecar, so this is nobody's.
                let _lock = self.lock(name)?;
                durable::remove_file(&litter)?;
            }
            let problem = format!("{} was left by an interrupted write", litter.display());
            findings.push(Finding { subject: name.to_owned(), problem, repaired: repair });
        }
        Ok(())
    }

    /// Volumes with the identity of another: somebody copied a directory. The oldest directory keeps it.
    fn inspect_twins(&self, repair: bool, findings: &mut Vec<Finding>) -> Result<()> {
        let mut all: BTreeMap<String, Vec<(SystemTime, String)>> = BTreeMap::new();
        for volume in self.list()?.into_iter().flatten() {
            let born = self.home(&volume.name).metadata().and_then(|found| found.created()).unwrap_or(SystemTime::now());
            all.entry(volume.uuid).or_default().push((born, volume.name));
        }
        for mut twins in all.into_values().filter(|twins| twins.len() > 1) {
            twins.sort();
            let first = twins[0].1.clone();
            for (_, name) in twins.into_iter().skip(1) {
                let repaired = repair && self.renew_identity(&name)?;
                findings.push(Finding {
                    subject: name,
                    problem: format!("it takes itself for volume {first}, of which it is a copy"),
                    repaired,
                });
            }
        }
        Ok(())
    }

    /// Gives a volume that nobody refers to an identity of its own. Whether it did.
    fn renew_identity(&self, name: &str) -> Result<bool> {
        let _lock = self.lock(name)?;
        let Some(mut volume) = self.settled(name)? else { return Ok(false) };
        if !self.users(name)?.is_empty() || !self.driver(&volume)?.is_idle(&volume)? {
            return Ok(false);
        }
        volume.uuid = durable::unique_name()?;
        sidecar::write(&self.home(name), &volume)?;
        self.store.publish(|tx| tx.put(&volume))?;
        Ok(true)
    }

    /// Volumes whose records have a new name and whose directories have not.
    fn inspect_renames(&self, repair: bool, findings: &mut Vec<Finding>) -> Result<()> {
        for name in self.renames()? {
            let outcome = if repair { self.finish_rename(&name) } else { Ok(false) };
            // Somebody was at it and is done.
            if matches!(outcome, Ok(false)) && !self.renames()?.contains(&name) {
                continue;
            }
            let problem = match &outcome {
                Err(e) => format!("its renaming was interrupted: {e}"),
                Ok(_) => "its renaming was interrupted".to_owned(),
            };
            findings.push(Finding { subject: name, problem, repaired: outcome.unwrap_or(false) });
        }
        Ok(())
    }

    /// Keeps the damaged file under another name and writes a new one: from the record, or as for a directory put there by hand.
    fn renew_sidecar(&self, name: &str) -> Result<()> {
        let _lock = self.lock(name)?;
        let path = self.home(name).join("volume.json");
        let aside = self.home(name).join(format!("volume.json.damaged-{}", Time::now().seconds()));
        durable::rename(&path, &aside).map_err(disk("repair", name))?;
        if let Some(volume) = self.record(name) {
            return sidecar::write(&self.home(name), &volume);
        }
        self.store.publish(|tx| tx.delete::<Volume>(name))?;
        self.settled(name).map(drop)
    }

    /// Records whose directory is gone: deleted by hand, or the disk was exchanged.
    fn inspect_records(&self, repair: bool, findings: &mut Vec<Finding>) -> Result<()> {
        let records = self.store.read(|tx| tx.list::<Volume>())?;
        for record in records {
            let name = match record {
                Ok(volume) => volume.name,
                Err(bad) => bad.id,
            };
            if self.home(&name).is_dir() {
                continue;
            }
            let users = self.users(&name)?;
            let mut repaired = false;
            if repair && users.is_empty() {
                let _lock = self.lock(&name)?;
                repaired = !self.home(&name).is_dir() && self.store.publish(|tx| tx.delete::<Volume>(&name))?;
            }
            let used = if users.is_empty() { String::new() } else { format!(", and containers refer to it: {}", users.join(", ")) };
            findings.push(Finding { subject: name, problem: format!("its directory is gone{used}"), repaired });
        }
        Ok(())
    }

    /// What killed commands left in the making goes the way of the trash; what an import had replaced is kept.
    pub(crate) fn clear_staging(&self) -> Result<()> {
        if !stead_store::is_ours(&self.root)? {
            return Ok(());
        }
        for area in self.areas().into_iter().filter(|area| staging::is_stale(area, &self.run_root)) {
            let (paths, _nobody) = staging::litter(&area, &self.run_root)?;
            if !paths.is_empty() {
                self.forget_dead_verbs();
            }
            for path in paths {
                // What can not be unmounted now is for the repair.
                if !self.keep_replaced(&path, true)? && mount_below(&path)?.is_none() {
                    trash::discard(&area, &path)?;
                }
            }
        }
        Ok(())
    }

    fn inspect_staging(&self, repair: bool, findings: &mut Vec<Finding>) -> Result<()> {
        for area in self.areas() {
            let (paths, _nobody) = staging::litter(&area, &self.run_root)?;
            for path in paths {
                if self.keep_replaced(&path, repair)? {
                    let problem = "an import replaced it and was interrupted before it was with the removed volumes".to_owned();
                    findings.push(Finding { subject: path.display().to_string(), problem, repaired: repair });
                    continue;
                }
                // Nothing that is mounted is carried away: its mount would be in nobody's books.
                let repaired = repair && mount_below(&path)?.is_none();
                if repaired {
                    trash::discard(&area, &path)?;
                }
                findings.push(Finding {
                    subject: path.display().to_string(),
                    problem: "left by an interrupted command".to_owned(),
                    repaired,
                });
            }
        }
        Ok(())
    }
}

/// Whether an interrupted write was one of what may be lost: who used the volume last, how big it was.
fn is_memory(litter: &std::path::Path) -> bool {
    let name = litter.file_name().map(std::ffi::OsStr::as_encoded_bytes).unwrap_or_default();
    name.ends_with(b"-used.json") || name.ends_with(b"-size.json")
}
