//! What keeps content to its size where it has no file system of its own: set, compared with what the volume says, put right.

use std::os::fd::OwnedFd;
use std::path::Path;

use stead_base::size;
use stead_sys::quota::{self, Limiter};
use stead_sys::{btrfs, durable};

use crate::area::around;
use crate::error::disk;
use crate::place::IMAGE;
use crate::record::{Place, Quota, Volume};
use crate::recover::Finding;
use crate::snapshot::open;
use crate::{Result, Volumes};

impl Volumes {
    /// What limits what lies in this area without a file system of its own, without turning on for others what they have not asked for: quotas cost
    /// every writer of a btrfs, so on the host's they are used where they are on. The pool is ours.
    pub(crate) fn can_limit(&self, area: &Path) -> Option<Quota> {
        let there = area.ancestors().find(|dir| dir.is_dir()).unwrap_or(area);
        let dir = open(there).ok()?;
        if btrfs::is_btrfs(&dir) {
            return (self.is_pool(area) || quota::is_counting(&dir)).then_some(Quota::Qgroup);
        }
        // In a tree that an administrator has given a project, nothing with another one can be put in place.
        (quota::limiter(&dir) == Some(Limiter::Project) && !quota::has_project(&dir)).then_some(Quota::Project)
    }

    /// Limits what lies in the `data` of a directory of an area, staged or not. Whether anything can.
    pub(crate) fn limit(&self, data: &OwnedFd, directory: &Path, bytes: Option<u64>) -> Result<bool, stead_sys::Error> {
        if bytes.is_some() && btrfs::is_btrfs(data) && self.is_pool(&around(directory)) && !quota::is_counting(data) {
            quota::turn_on(data, directory)?;
        }
        if quota::limiter(data).is_none() {
            return Ok(false);
        }
        quota::limit(data, bytes, directory).map(|()| true)
    }

    /// Limits content that was put in place by other means (restored, duplicated). Where quotas were turned off since the volume was made nothing does;
    /// `system check` says so.
    pub(crate) fn limit_content(&self, directory: &Path, volume: &Volume) -> Result<()> {
        let Some(bytes) = volume.limits.size.filter(|_| volume.place != Place::Image) else { return Ok(()) };
        let failed = disk("limit", &volume.name);
        let data = open(&directory.join("_data")).map_err(&failed)?;
        self.limit(&data, directory, Some(bytes)).map_err(&failed)?;
        durable::sync_fs(&data, directory).map_err(&failed)
    }

    /// Compares what the kernel lets a volume hold with what the volume says, and puts the kernel right. A resize that was killed is finished where its
    /// file has grown, else undone.
    pub(crate) fn inspect_limit(&self, name: &str, repair: bool, findings: &mut Vec<Finding>) -> Result<()> {
        let differs = |volume: &Volume| Ok::<_, crate::Error>(self.difference(volume)?.is_some());
        if !self.find(name)?.is_some_and(|volume| differs(&volume).unwrap_or(false)) {
            return Ok(());
        }
        // Whoever was resizing it when we looked is done under the lock.
        let _lock = self.lock(name)?;
        let Some(volume) = self.find(name)? else { return Ok(()) };
        let Some((problem, right)) = self.difference(&volume)? else { return Ok(()) };
        let repaired = repair
            && match right {
                Right::Kernel => {
                    let home = self.home(name);
                    let failed = disk("repair", name);
                    let data = open(&home.join("_data")).map_err(&failed)?;
                    let done = self.limit(&data, &home, volume.limits.size).map_err(&failed)?;
                    durable::sync_fs(&data, &home).map_err(&failed)?;
                    done
                }
                // One in use may not grow; it will when nobody uses it.
                Right::Record(bytes) => self.resize_locked(volume, Some(bytes)).is_ok(),
            };
        findings.push(Finding { subject: name.to_owned(), problem, repaired });
        Ok(())
    }

    fn difference(&self, volume: &Volume) -> Result<Option<(String, Right)>> {
        let home = self.home(&volume.name);
        let (Some(held_by), wanted) = (volume.limits.quota, volume.limits.size) else { return Ok(None) };
        let shown = |bytes: Option<u64>| bytes.map_or_else(|| "any size".to_owned(), size::human_binary);
        if let Quota::Image { .. } = held_by {
            let length = home.join(IMAGE).metadata().map(|found| found.len()).ok();
            return Ok(length.filter(|length| wanted.is_some_and(|wanted| *length > wanted)).map(|length| {
                let said = shown(wanted);
                (
                    format!("its image was being made larger ({said} to {}) when that was interrupted", shown(Some(length))),
                    Right::Record(length),
                )
            }));
        }
        let Ok(data) = open(&home.join("_data")) else { return Ok(None) };
        // Projects are limited in whole KiB.
        let units = |bytes: Option<u64>| bytes.map(|bytes| bytes.div_ceil(1024));
        Ok(match quota::usage(&data) {
            Some(usage) if units(usage.limit) == units(wanted) => None,
            None if wanted.is_none() => None,
            Some(usage) => Some(format!("it may hold {}, and the kernel lets it hold {}", shown(wanted), shown(usage.limit))),
            None => Some(format!("it may hold {}, and nothing counts what it holds: quotas of its file system are off", shown(wanted))),
        }
        .map(|problem| (problem, Right::Kernel)))
    }
}

/// What has to follow the other.
enum Right {
    /// The kernel is told what the volume says.
    Kernel,
    /// The volume becomes as large as its file already is.
    Record(u64),
}
