//! The `local` driver: a directory, or what its `type`, `device` and `o` options name, mounted on that directory while it is used.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stead_mount::FilesystemSpec;
use stead_mount::activate;
use stead_mount::local::{Quota, local_options, mount_of};

use super::{Driver, Storage};
use crate::record::{LOCAL, Volume};
use crate::{Error, Result, Volumes};

/// File systems whose content is gone with the last mount.
const MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

#[derive(Debug)]
pub(super) struct Local<'a> {
    pub(super) volumes: &'a Volumes,
}

impl Local<'_> {
    fn filesystem(name: &str, options: &BTreeMap<String, String>) -> Result<Option<FilesystemSpec>> {
        // No file system we use can limit a directory without a quota set up by the administrator.
        let options = local_options(options, Quota::Unsupported).map_err(|source| Error::Options { name: name.to_owned(), source })?;
        Ok(options.filesystem)
    }
}

/// The ledger is shared with whatever else is ever activated, so its keys say whose they are.
fn key(volume: &Volume) -> String {
    format!("volume-{}", volume.uuid)
}

impl Driver for Local<'_> {
    fn name(&self) -> &'static str {
        LOCAL
    }

    fn check(&self, name: &str, options: &BTreeMap<String, String>) -> Result<()> {
        Self::filesystem(name, options).map(drop)
    }

    fn storage(&self, volume: &Volume) -> Result<Storage> {
        Ok(match Self::filesystem(&volume.name, &volume.options)? {
            None => Storage::Directory,
            Some(spec) if MEMORY.contains(&spec.fstype.as_str()) => Storage::Memory,
            Some(_) => Storage::Device,
        })
    }

    fn path(&self, volume: &Volume) -> PathBuf {
        self.volumes.path(&volume.name)
    }

    fn mount(&self, volume: &Volume, holder: &str) -> Result<PathBuf> {
        let path = self.path(volume);
        if let Some(spec) = Self::filesystem(&volume.name, &volume.options)? {
            activate::activate(&self.volumes.run_root, &key(volume), &mount_of(&spec, &path), &path, holder)?;
        }
        Ok(path)
    }

    fn unmount(&self, volume: &Volume, holder: &str) -> Result<()> {
        if Self::filesystem(&volume.name, &volume.options)?.is_some() {
            activate::release(&self.volumes.run_root, &key(volume), holder)?;
        }
        Ok(())
    }

    fn is_idle(&self, volume: &Volume) -> Result<bool> {
        if self.storage(volume)? == Storage::Directory {
            return Ok(true);
        }
        Ok(activate::holders(&self.volumes.run_root, &key(volume))?.is_empty())
    }
}
