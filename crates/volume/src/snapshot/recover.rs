//! What is not right about snapshots, and putting it right.

use stead_sys::durable;

use super::note::{self, Found};
use super::{SNAPSHOTS, Why};
use crate::recover::Finding;
use crate::{Result, Volumes};

impl Volumes {
    /// Looks at the snapshots of a volume. Content is never deleted here, but for a snapshot that only an interrupted clone wanted.
    pub(crate) fn inspect_snapshots(&self, volume: &str, repair: bool, findings: &mut Vec<Finding>) -> Result<()> {
        let home = self.home(volume).join(SNAPSHOTS);
        if !home.is_dir() {
            return Ok(());
        }
        // Under the lock nobody clones or writes a note.
        let lock = self.lock(volume)?;
        let mut forgotten = Vec::new();
        for name in self.snapshot_names(volume)? {
            let subject = format!("{volume}@{name}");
            let directory = home.join(&name);
            match note::look(&directory, &name) {
                Found::Noted(snapshot) => {
                    if snapshot.why == Why::Clone && !self.is_cloning()? {
                        forgotten.push(name);
                        continue;
                    }
                }
                Found::Guessed(snapshot, reason) => {
                    if repair {
                        note::write(&directory, &snapshot)?;
                    }
                    findings.push(Finding { subject: subject.clone(), problem: format!("its snapshot.json {reason}"), repaired: repair });
                }
                Found::Nothing => {
                    findings.push(Finding { subject: subject.clone(), problem: "it has no content".to_owned(), repaired: false });
                    continue;
                }
            }
            for litter in durable::temporaries(&directory)? {
                if repair {
                    durable::remove_file(&litter)?;
                }
                let problem = format!("{} was left by an interrupted write", litter.display());
                findings.push(Finding { subject: subject.clone(), problem, repaired: repair });
            }
        }
        drop(lock);
        for name in forgotten {
            if repair {
                self.snapshot_remove(volume, &name)?;
            }
            findings.push(Finding {
                subject: format!("{volume}@{name}"),
                problem: "it was taken for a clone that was interrupted".to_owned(),
                repaired: repair,
            });
        }
        Ok(())
    }
}
