//! Pulling an image: manifest, platform, config, then the layers in parallel straight into the layer store.

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use stead_base::Digest;

use crate::images::{Draft, by_id};
use crate::manifest::{DEPTH_MAX, Descriptor, Document, Manifest};
use crate::progress::{Event, say};
use crate::registry::{Access, Blob, Client, Purpose};
use crate::{Error, ImageConfig, ImageRecord, Images, Platform, Progress, Reference, Result, parallel, registry};

/// Layers downloaded at once, Docker's `max-concurrent-downloads`.
const DOWNLOADS_AT_ONCE: usize = 3;
/// Progress is told when this much more has come.
const TOLD_EVERY: u64 = 256 * 1024;

/// How to pull.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// `os/arch[/variant]`; this machine's when `None`.
    pub platform: Option<String>,
    /// Mirrors, insecure registries, credentials.
    pub access: Access,
}

/// A pulled image.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulled {
    /// The image.
    pub image: ImageRecord,
    /// The digest of the manifest or index the registry keeps under the name.
    pub digest: Digest,
    /// Whether anything changed here.
    pub newer: bool,
}

/// What the registry has, before any layer is fetched.
struct Found {
    manifest: Manifest,
    /// Of the document under the name.
    digest: Digest,
    config: Vec<u8>,
}

impl Images {
    /// Pulls `text` (`latest` where there is neither tag nor digest) from its registry or a mirror of it.
    ///
    /// # Errors
    /// Docker's texts: unknown manifest, access denied, no matching platform; digests that do not match; the way to the registry.
    pub fn pull(&self, text: &str, options: &PullOptions, progress: &dyn Progress) -> Result<Pulled> {
        let reference = Reference::parse(text)?.or_latest();
        check_name(&reference)?;
        let wanted = options.platform.as_deref().filter(|p| !p.is_empty()).map(Platform::parse).transpose()?;
        let label = reference.tag().map_or_else(|| reference.digest().map(Digest::to_string).unwrap_or_default(), str::to_owned);
        let mut failed = None;
        for base in options.access.bases(reference.domain()) {
            let client = Client::new(&options.access, &base, Some(&reference), Purpose::Pull);
            match find(&client, &reference, wanted.as_ref()) {
                Ok(found) => {
                    say(progress, &label, &format!("Pulling from {}", reference.path()));
                    return self.pull_found(&client, &reference, wanted.as_ref(), &found, progress);
                }
                // An answer of the registry itself says more than the silence of a scheme it does not speak.
                Err(error) => keep_better(&mut failed, error),
            }
        }
        Err(failed.unwrap_or_else(|| registry::Error::Unknown(reference.familiar()).into()))
    }

    /// Pulls every tag of a repository, one after the other, and answers the images.
    ///
    /// # Errors
    /// As [`Images::pull`]; a text with a tag or a digest.
    pub fn pull_all_tags(&self, text: &str, options: &PullOptions, progress: &dyn Progress) -> Result<Vec<Pulled>> {
        let reference = Reference::parse(text)?;
        if reference.tag().is_some() || reference.digest().is_some() {
            return Err(Error::AllTags);
        }
        check_name(&reference)?;
        let mut failed = None;
        for base in options.access.bases(reference.domain()) {
            match Client::new(&options.access, &base, Some(&reference), Purpose::Pull).tags() {
                Ok(tags) => {
                    let named = tags.iter().filter_map(|tag| reference.with_tag(tag));
                    return named.map(|one| self.pull(&one.canonical(), options, progress)).collect();
                }
                Err(error) => keep_better(&mut failed, error.into()),
            }
        }
        Err(failed.unwrap_or_else(|| registry::Error::Unknown(reference.familiar()).into()))
    }

    fn pull_found(
        &self,
        client: &Client<'_>,
        reference: &Reference,
        wanted: Option<&Platform>,
        found: &Found,
        progress: &dyn Progress,
    ) -> Result<Pulled> {
        let config = ImageConfig::parse(&found.config).map_err(|e| Error::Manifest(format!("config: {e}")))?;
        check_config(&config, &found.manifest, reference, wanted)?;
        let diff_ids = config.rootfs.diff_ids.clone();
        let hold = self.layers.hold()?;
        let mut seen = HashSet::new();
        let mut jobs = Vec::new();
        for (diff_id, layer) in diff_ids.iter().zip(&found.manifest.layers).filter(|(diff_id, _)| seen.insert(*diff_id)) {
            // A damaged layer is as good as none: unpacking it again mends it.
            if self.layers.get(diff_id).is_ok_and(|layer| layer.is_some()) {
                if layer.is_gzip() {
                    self.remember_source(diff_id, reference, &layer.digest, layer.size);
                }
                say(progress, layer.digest.short(), "Already exists");
            } else {
                say(progress, layer.digest.short(), "Pulling fs layer");
                jobs.push((diff_id, layer));
            }
        }
        for (_, layer) in jobs.iter().skip(DOWNLOADS_AT_ONCE) {
            say(progress, layer.digest.short(), "Waiting");
        }
        parallel::each(&jobs, DOWNLOADS_AT_ONCE, |(diff_id, layer)| self.pull_layer(client, reference, diff_id, layer, progress))?;
        let mut size = 0;
        for diff_id in &diff_ids {
            size += self.layers.get(diff_id)?.map_or(0, |layer| layer.size);
        }
        let mut names = vec![reference.at_digest(found.digest.clone())];
        if reference.digest().is_none() {
            names.push(reference.clone());
        }
        let published = self.publish(Draft { raw: &found.config, config, size, names, parent: None })?;
        drop(hold);
        say(progress, "", &format!("Digest: {}", found.digest));
        let status = if published.changed { "Downloaded newer image for" } else { "Image is up to date for" };
        say(progress, "", &format!("Status: {status} {}", reference.familiar()));
        let image = self.store.read(|tx| by_id(tx, &published.id))?.ok_or_else(|| Error::NotFound(reference.familiar()))?;
        Ok(Pulled { image, digest: found.digest.clone(), newer: published.changed })
    }

    fn pull_layer(
        &self,
        client: &Client<'_>,
        reference: &Reference,
        diff_id: &Digest,
        layer: &Descriptor,
        progress: &dyn Progress,
    ) -> Result<()> {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let id = layer.digest.short();
        let last = AtomicU64::new(0);
        let tell = |at: u64| {
            if at - last.load(Ordering::Relaxed) >= TOLD_EVERY {
                last.store(at, Ordering::Relaxed);
                progress.event(&Event { id, status: "Downloading", current: at, total: layer.size });
            }
        };
        let mut blob = Blob::new(client, &layer.digest, layer.size, &tell);
        let mut stream = Ending { from: &mut blob, ended: false, id, total: layer.size, progress };
        let unpacked = self.layers.unpack(&mut stream, Some(diff_id));
        if unpacked.is_ok() {
            // The end of the compressed stream may come before the end of the blob; its digest counts all the same.
            io::copy(&mut stream, &mut io::sink()).map_err(|source| Error::Stream { act: "pull", source })?;
        }
        unpacked?;
        if layer.is_gzip() {
            self.remember_source(diff_id, reference, &layer.digest, layer.size);
        }
        say(progress, id, "Pull complete");
        Ok(())
    }
}

/// Notices the end of a download.
struct Ending<'a, R> {
    from: &'a mut R,
    ended: bool,
    id: &'a str,
    total: u64,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Ending<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.progress.is_cancelled() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, Error::Cancelled.to_string()));
        }
        let n = self.from.read(buf)?;
        if n == 0 && !buf.is_empty() && !self.ended {
            self.ended = true;
            say(self.progress, self.id, "Verifying Checksum");
            say(self.progress, self.id, "Download complete");
            self.progress.event(&Event { id: self.id, status: "Extracting", current: self.total, total: self.total });
        }
        Ok(n)
    }
}

/// Manifest of the platform and config, from one registry.
fn find(client: &Client<'_>, reference: &Reference, wanted: Option<&Platform>) -> Result<Found> {
    let key = reference.digest().map_or_else(|| reference.tag().unwrap_or_default().to_owned(), Digest::to_string);
    let mut fetched = client.manifest(&key)?;
    let digest = fetched.digest.clone();
    let platform = wanted.cloned().unwrap_or_else(Platform::host);
    for _ in 0..=DEPTH_MAX {
        match Document::parse(&fetched.bytes, &fetched.media_type)? {
            Document::Manifest(manifest) => {
                let config = client.small_blob(&manifest.config.digest, manifest.config.size)?;
                return Ok(Found { manifest, digest, config });
            }
            Document::Index(index) => {
                let chosen = index.choose(&platform)?;
                fetched = client.manifest(chosen.digest.as_str())?;
                if fetched.bytes.len() as u64 != chosen.size {
                    return Err(registry::Error::ManifestDigest(chosen.digest.to_string()).into());
                }
            }
        }
    }
    Err(Error::Manifest("indexes within indexes".to_owned()))
}

fn check_config(config: &ImageConfig, manifest: &Manifest, reference: &Reference, wanted: Option<&Platform>) -> Result<()> {
    if config.os_or_linux() != "linux" {
        return Err(Error::Manifest(format!("image operating system {:?} cannot be used on this platform", config.os_or_linux())));
    }
    if config.rootfs.diff_ids.len() != manifest.layers.len() {
        return Err(Error::Manifest("the config has another number of layers".to_owned()));
    }
    let have = Platform { os: config.os_or_linux().to_owned(), architecture: config.architecture.clone(), variant: config.variant.clone() };
    match wanted {
        Some(wanted) if have.distance(wanted).is_none() => {
            Err(Error::OtherPlatform { reference: reference.familiar(), wanted: wanted.to_string(), have: have.to_string() })
        }
        _ => Ok(()),
    }
}

/// `scratch` is the word for nothing, not the name of something.
fn check_name(reference: &Reference) -> Result<()> {
    let name = reference.familiar_name();
    if name == "scratch" { Err(Error::Reserved(name)) } else { Ok(()) }
}

/// Keeps the error that says most: an answer beats silence, and among equals the later one.
pub(crate) fn keep_better(kept: &mut Option<Error>, error: Error) {
    let silent = |e: &Error| matches!(e, Error::Registry(registry::Error::Transport { .. }));
    match kept {
        Some(old) if !silent(old) && silent(&error) => {}
        _ => *kept = Some(error),
    }
}
