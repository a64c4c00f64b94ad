//! The `local` driver: a directory, or what its `type`, `device` and `o` options name, mounted on that directory while it is used.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stead_mount::FilesystemSpec;
use stead_mount::activate;
use stead_mount::local::mount_of;

use super::{Driver, Storage};
use crate::record::{LOCAL, Place, Volume};
use crate::{Result, Volumes, place};

/// File systems whose content is gone with the last mount.
const MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// File systems that another machine or a process answers for.
const REMOTE: [&str; 10] = ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "fuse", "glusterfs", "virtiofs"];

#[derive(Debug)]
pub(super) struct Local<'a> {
    pub(super) volumes: &'a Volumes,
}

impl Local<'_> {
    fn filesystem(&self, volume: &Volume) -> Result<Option<FilesystemSpec>> {
        if let Some(own) = place::filesystem(volume, &self.volumes.home(&volume.name)) {
            return Ok(Some(own));
        }
        Ok(place::options(&volume.name, &volume.options)?.filesystem)
    }
}

impl Driver for Local<'_> {
    fn name(&self) -> &'static str {
        LOCAL
    }

    fn check(&self, name: &str, options: &BTreeMap<String, String>) -> Result<()> {
        place::options(name, options).map(drop)
    }

    fn storage(&self, volume: &Volume) -> Result<Storage> {
        Ok(match self.filesystem(volume)? {
            None => Storage::Directory,
            Some(spec) if MEMORY.contains(&spec.fstype.as_str()) => Storage::Memory,
            Some(_) => Storage::Device,
        })
    }

    fn is_remote(&self, volume: &Volume) -> Result<bool> {
        let is_remote = |fstype: &str| REMOTE.iter().any(|kind| fstype == *kind || fstype.starts_with("fuse."));
        Ok(self.filesystem(volume)?.is_some_and(|spec| is_remote(&spec.fstype)))
    }

    fn path(&self, volume: &Volume) -> PathBuf {
        self.volumes.path(&volume.name)
    }

    fn mount(&self, volume: &Volume, holder: &str) -> Result<PathBuf> {
        let path = self.path(volume);
        if let Some(spec) = self.filesystem(volume)? {
            activate::activate(&self.volumes.run_root, &place::key(volume), &mount_of(&spec, &path), &path, holder)?;
            if volume.place == Place::Image {
                place::no_lost_and_found(&path)?;
            }
        }
        Ok(path)
    }

    fn unmount(&self, volume: &Volume, holder: &str) -> Result<()> {
        if self.filesystem(volume)?.is_some() {
            activate::release(&self.volumes.run_root, &place::key(volume), holder)?;
        }
        Ok(())
    }

    fn is_idle(&self, volume: &Volume) -> Result<bool> {
        if self.storage(volume)? == Storage::Directory {
            return Ok(true);
        }
        let key = place::key(volume);
        let holders = activate::holders(&self.volumes.run_root, &key)?;
        if holders.iter().all(|holder| self.volumes.verb_is_alive(holder) == Some(false)) {
            self.volumes.let_dead_verbs_go(&key)?;
            return Ok(true);
        }
        Ok(false)
    }
}
