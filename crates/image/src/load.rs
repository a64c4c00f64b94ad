//! Loading images from an archive.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};
use stead_base::Digest;

use crate::archive::input::{Input, seekable};
use crate::archive::members::{Members, Section};
use crate::archive::{docker, oci};
use crate::images::Draft;
use crate::progress::Event;
use crate::{Error, ImageConfig, Images, Platform, Progress, Reference, Result, parallel};

/// Layers unpacked at once; each has two threads already.
const LAYERS_AT_ONCE: usize = 3;
/// Progress is told when this much more has been read.
const TOLD_EVERY: u64 = 512 * 1024;

/// One image in an archive, before any of its layers is read.
pub(crate) struct Offer {
    /// The exact bytes of the config.
    pub(crate) config: Vec<u8>,
    /// Members that hold the layers, base first, with the digest the member must have, if the archive tells.
    pub(crate) layers: Vec<(String, Option<Digest>)>,
    /// Names.
    pub(crate) names: Vec<Reference>,
}

/// One line of `docker load`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The image's id.
    pub id: String,
    /// The name it got; none for an image without names.
    pub name: Option<String>,
    /// The image that had the name before.
    pub displaced: Option<String>,
}

impl Loaded {
    /// Docker's lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let (Some(name), Some(id)) = (&self.name, &self.displaced) {
            lines.push(format!("The image {name} already exists, renaming the old one with ID {id} to empty string"));
        }
        lines.push(match &self.name {
            Some(name) => format!("Loaded image: {name}"),
            None => format!("Loaded image ID: {}", self.id),
        });
        lines
    }
}

impl Images {
    /// Loads every image of an archive: `docker save`'s form or an OCI layout, plain, gzip or zstd.
    ///
    /// # Errors
    /// An archive that is neither, lies about its digests, or is for another operating system. Images before the bad one stay loaded.
    pub fn load(&self, input: Input<'_>, progress: &dyn Progress) -> Result<Vec<Loaded>> {
        let members = Members::index(seekable(&self.root, input)?)?;
        let offers = if members.has("manifest.json") {
            docker::offers(&members)?
        } else if members.has("index.json") {
            oci::offers(&members, &Platform::host())?
        } else {
            return Err(Error::Archive("neither manifest.json nor index.json is in it".to_owned()));
        };
        let mut loaded = Vec::new();
        for offer in &offers {
            loaded.extend(self.load_one(&members, offer, progress)?);
        }
        Ok(loaded)
    }

    fn load_one(&self, members: &Members, offer: &Offer, progress: &dyn Progress) -> Result<Vec<Loaded>> {
        let config = ImageConfig::parse(&offer.config).map_err(|e| Error::Archive(format!("config: {e}")))?;
        if config.os_or_linux() != "linux" {
            return Err(Error::Archive(format!("cannot load {} image on linux", config.os_or_linux())));
        }
        let diff_ids = &config.rootfs.diff_ids;
        if diff_ids.len() != offer.layers.len() {
            let (want, got) = (diff_ids.len(), offer.layers.len());
            return Err(Error::Archive(format!("invalid manifest, layers length mismatch: expected {want}, got {got}")));
        }
        let _hold = self.layers.hold()?;
        let mut jobs: Vec<(&Digest, &(String, Option<Digest>))> = diff_ids.iter().zip(&offer.layers).collect();
        // The same layer twice in one image (empty ones) is unpacked once.
        let mut seen = std::collections::HashSet::new();
        jobs.retain(|(diff_id, _)| seen.insert(*diff_id));
        parallel::each(&jobs, LAYERS_AT_ONCE, |(diff_id, (member, blob))| {
            // A damaged layer is as good as none: unpacking it again mends it.
            if self.layers.get(diff_id).is_ok_and(|layer| layer.is_some()) {
                return Ok(());
            }
            self.load_layer(members.open(member)?, diff_id, blob.as_ref(), progress)
        })?;
        let mut size = 0;
        for diff_id in diff_ids {
            size += self.layers.get(diff_id)?.map_or(0, |layer| layer.size);
        }
        let published = self.publish(Draft { raw: &offer.config, config, size, names: offer.names.clone(), parent: None })?;
        if offer.names.is_empty() {
            return Ok(vec![Loaded { id: published.id, name: None, displaced: None }]);
        }
        let displaced = |name: &Reference| published.taken.iter().find(|(taken, _)| taken == name).map(|(_, id)| id.clone());
        Ok(offer
            .names
            .iter()
            .map(|name| Loaded { id: published.id.clone(), name: Some(name.familiar()), displaced: displaced(name) })
            .collect())
    }

    fn load_layer(&self, section: Section<'_>, diff_id: &Digest, blob: Option<&Digest>, progress: &dyn Progress) -> Result<()> {
        let total = section.len();
        let mut told = Told { from: section, id: diff_id.short(), total, done: 0, last: 0, progress };
        // An uncompressed blob is its own diff id, which unpacking checks.
        match blob.filter(|blob| *blob != diff_id) {
            None => {
                self.layers.unpack(&mut told, Some(diff_id))?;
            }
            Some(blob) => {
                let mut hashing = Hashing { from: told, hash: Sha256::new() };
                self.layers.unpack(&mut hashing, Some(diff_id))?;
                io::copy(&mut hashing, &mut io::sink()).map_err(|source| Error::Stream { act: "read the archive", source })?;
                let found = Digest::from_bytes(&hashing.hash.finalize().into());
                if found != *blob {
                    return Err(Error::Archive(format!("blob {blob} has digest {found}")));
                }
            }
        }
        progress.event(&Event { id: diff_id.short(), status: "Loading layer", current: total, total });
        Ok(())
    }
}

/// Tells how far it was read.
struct Told<'a, R> {
    from: R,
    id: &'a str,
    total: u64,
    done: u64,
    last: u64,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Told<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.progress.is_cancelled() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, Error::Cancelled.to_string()));
        }
        let n = self.from.read(buf)?;
        self.done += n as u64;
        if self.done - self.last >= TOLD_EVERY {
            self.last = self.done;
            self.progress.event(&Event { id: self.id, status: "Loading layer", current: self.done, total: self.total });
        }
        Ok(n)
    }
}

/// Hashes what is read.
struct Hashing<R> {
    from: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        self.hash.update(&buf[..n]);
        Ok(n)
    }
}
