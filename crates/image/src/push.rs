//! Pushing images: layers are rebuilt byte for byte, compressed, and sent where the registry does not have them yet.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use stead_base::Digest;
use stead_base::time::Time;

use crate::archive::input::nameless;
use crate::images::{digest, every, find};
use crate::manifest::{DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST, Descriptor, Manifest};
use crate::progress::{Event, say};
use crate::record::NameRecord;
use crate::registry::{self, Access, Client, Purpose};
use crate::{Error, ImageRecord, Images, Progress, Reference, Result, parallel};

/// Layers compressed and sent at once.
const UPLOADS_AT_ONCE: usize = 3;
/// Other repositories of the same registry that are asked for a layer, Docker's limit.
const MOUNTS_MAX: usize = 4;
/// Progress is told when this much more has gone.
const TOLD_EVERY: u64 = 256 * 1024;

/// One tag that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The tag.
    pub tag: String,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Length of the manifest.
    pub size: usize,
}

impl Images {
    /// Pushes `text`: one tag (`latest` where there is none), or with `all` every tag of the repository.
    ///
    /// # Errors
    /// Docker's texts: nothing local of that name, what the registry says; the way to the registry.
    pub fn push(&self, text: &str, all: bool, access: &Access, progress: &dyn Progress) -> Result<Vec<Pushed>> {
        let reference = Reference::parse(text)?;
        if reference.digest().is_some() {
            return Err(Error::Push("cannot push a digest reference".to_owned()));
        }
        say(progress, "", &format!("The push refers to repository [{}]", reference.name()));
        let tags = self.local_tags(&reference)?;
        if tags.is_empty() {
            return Err(Error::Push(format!("An image does not exist locally with the tag: {}", reference.familiar_name())));
        }
        let wanted = if all { tags } else { vec![reference.or_latest()] };
        let mut pushed = Vec::new();
        for one in &wanted {
            let client = connect(access, one)?;
            pushed.push(self.push_one(&client, one, progress)?);
        }
        Ok(pushed)
    }

    /// The tags of a repository that are here.
    fn local_tags(&self, reference: &Reference) -> Result<Vec<Reference>> {
        let images = self.store.read(every)?;
        let usable = images.iter().filter(|image| !image.removed);
        let mut tags: Vec<Reference> = usable.flat_map(|image| &image.tags).filter_map(|tag| Reference::parse(tag).ok()).collect();
        tags.retain(|tag| tag.name() == reference.name());
        tags.sort();
        Ok(tags)
    }

    fn push_one(&self, client: &Client<'_>, reference: &Reference, progress: &dyn Progress) -> Result<Pushed> {
        let _hold = self.layers.hold()?;
        let missing = |_gone| Error::Push(format!("tag does not exist: {}", reference.familiar()));
        let image = self.store.read(|tx| find(tx, &reference.canonical())).map_err(missing)?.0;
        let bytes = self.manifest_for(client, &image, reference, progress)?;
        let tag = reference.tag().unwrap_or_default().to_owned();
        client.put_manifest(&tag, DOCKER_MANIFEST, &bytes)?;
        let digest = digest(&bytes);
        let name = NameRecord { name: reference.at_digest(digest.clone()).canonical(), image: image.id.clone(), since: Time::now() };
        self.store.publish(|tx| {
            // The image may have been removed meanwhile; then its digest names nothing.
            if tx.get::<ImageRecord>(&image.id)?.is_some() { tx.put(&name).map_err(Error::from) } else { Ok(()) }
        })?;
        say(progress, "", &format!("{tag}: digest: {digest} size: {}", bytes.len()));
        let pushed = Pushed { tag, digest, size: bytes.len() };
        progress.pushed(&pushed);
        Ok(pushed)
    }

    /// Sends what the manifest will name, and answers its bytes.
    fn manifest_for(&self, client: &Client<'_>, image: &ImageRecord, reference: &Reference, progress: &dyn Progress) -> Result<Vec<u8>> {
        let mut seen = HashSet::new();
        let jobs: Vec<&Digest> = image.diff_ids().iter().filter(|diff_id| seen.insert(*diff_id)).collect();
        for diff_id in jobs.iter().rev() {
            say(progress, diff_id.short(), "Preparing");
        }
        for diff_id in jobs.iter().skip(UPLOADS_AT_ONCE) {
            say(progress, diff_id.short(), "Waiting");
        }
        let sent = parallel::each(&jobs, UPLOADS_AT_ONCE, |diff_id| {
            let descriptor = self.push_layer(client, diff_id, reference, progress)?;
            self.remember_source(diff_id, reference, &descriptor.digest, descriptor.size);
            Ok::<_, Error>(descriptor)
        })?;
        let by_id = |diff_id: &Digest| jobs.iter().position(|job| *job == diff_id).and_then(|at| sent.get(at)).cloned();
        let config_id = Digest::parse(&image.id).map_err(|e| Error::Manifest(e.to_string()))?;
        let config = self.read_blob(&config_id)?;
        if !client.has_blob(&config_id)? {
            client.upload_bytes(&config_id, &config)?;
        }
        let manifest = Manifest {
            schema_version: 2,
            media_type: DOCKER_MANIFEST.to_owned(),
            config: descriptor(DOCKER_CONFIG, config_id, config.len() as u64),
            layers: image.diff_ids().iter().filter_map(by_id).collect(),
        };
        serde_json::to_vec_pretty(&manifest).map_err(|e| Error::Manifest(e.to_string()))
    }

    fn push_layer(&self, client: &Client<'_>, diff_id: &Digest, reference: &Reference, progress: &dyn Progress) -> Result<Descriptor> {
        let id = diff_id.short();
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let same_registry: Vec<_> = self.sources(diff_id).into_iter().filter(|s| s.domain == reference.domain()).collect();
        let mut asked = HashSet::new();
        for source in &same_registry {
            if asked.insert(source.digest.clone()) && client.has_blob(&source.digest)? {
                say(progress, id, "Layer already exists");
                return Ok(descriptor(DOCKER_LAYER_GZIP, source.digest.clone(), source.size));
            }
        }
        for source in same_registry.iter().filter(|s| s.path != reference.path()).take(MOUNTS_MAX) {
            if client.mount_blob(&source.digest, &source.path)? {
                say(progress, id, &format!("Mounted from {}", source.path));
                return Ok(descriptor(DOCKER_LAYER_GZIP, source.digest.clone(), source.size));
            }
        }
        let (file, blob, size) = self.compress(diff_id)?;
        if !asked.contains(&blob) && client.has_blob(&blob)? {
            say(progress, id, "Layer already exists");
            return Ok(descriptor(DOCKER_LAYER_GZIP, blob, size));
        }
        let last = AtomicU64::new(0);
        let tell = |at: u64| {
            if at < last.load(Ordering::Relaxed) || at - last.load(Ordering::Relaxed) >= TOLD_EVERY || at == size {
                last.store(at, Ordering::Relaxed);
                progress.event(&Event { id, status: "Pushing", current: at, total: size });
            }
        };
        client.upload_file(&blob, &file, size, &tell)?;
        say(progress, id, "Pushed");
        Ok(descriptor(DOCKER_LAYER_GZIP, blob, size))
    }

    /// The layer's tar in gzip, in a file without a name; its digest and length. The same layer gives the same bytes every time.
    fn compress(&self, diff_id: &Digest) -> Result<(std::fs::File, Digest, u64)> {
        let failed = |source| Error::Stream { act: "compress the layer", source };
        let file = nameless(&self.root)?;
        let sink = Hashed { to: BufWriter::with_capacity(1 << 18, &file), hash: Sha256::new(), count: 0 };
        let mut gzip = flate2::write::GzEncoder::new(sink, flate2::Compression::default());
        self.layers.assemble(diff_id, &mut gzip)?;
        let Hashed { mut to, hash, count: size } = gzip.finish().map_err(failed)?;
        to.flush().map_err(failed)?;
        drop(to);
        let digest = Digest::from_bytes(&hash.finalize().into());
        Ok((file, digest, size))
    }
}

/// Hashes and counts what is written.
struct Hashed<W> {
    to: W,
    hash: Sha256,
    count: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.to.write(buf)?;
        self.hash.update(&buf[..n]);
        self.count += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The registry by the first scheme that it answers.
fn connect<'a>(access: &'a Access, reference: &Reference) -> Result<Client<'a>> {
    let mut failed = None;
    for base in access.own_bases(reference.domain()) {
        let client = Client::new(access, &base, Some(reference), Purpose::Push);
        match client.ping() {
            Ok(()) => return Ok(client),
            Err(error) => failed = Some(error),
        }
    }
    let nowhere = || registry::Error::Protocol { url: reference.domain().to_owned(), why: "not an address" };
    Err(failed.unwrap_or_else(nowhere).into())
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest,
        size,
        urls: Vec::new(),
        platform: None,
        annotations: std::collections::BTreeMap::new(),
    }
}
