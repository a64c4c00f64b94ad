//! Saving images to an archive. Layers are rebuilt byte for byte, so a loaded archive gives the same image ids.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde_json::json;
use stead_base::Digest;

use crate::archive::docker::Item;
use crate::archive::oci::{FULL_NAME, REF_NAME, path};
use crate::archive::writer::Writer;
use crate::images::{digest, find};
use crate::manifest::{Descriptor, Index, Manifest, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};
use crate::{Error, ImageRecord, Images, Reference, Result};

/// The form of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// As Docker 25 and later save: an OCI layout with `manifest.json`; every Docker can load it.
    #[default]
    DockerArchive,
    /// An OCI layout and nothing else.
    OciArchive,
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "docker-archive" => Ok(Self::DockerArchive),
            "oci-archive" => Ok(Self::OciArchive),
            _ => Err(format!("unknown archive format {text:?}: must be \"docker-archive\" or \"oci-archive\"")),
        }
    }
}

/// An image and the names it is saved under.
struct Chosen {
    image: ImageRecord,
    names: BTreeSet<Reference>,
}

impl Images {
    /// Writes the images of `wanted`: by `name:tag` with that name, by `name` with all its tags, by id without a name.
    ///
    /// # Errors
    /// No such image (before anything is written); what the writer says.
    pub fn save(&self, wanted: &[String], out: &mut dyn Write, format: Format) -> Result<()> {
        let _hold = self.layers.hold()?;
        let chosen = self.choose(wanted)?;
        let mut writer = Writer::new(out);
        let mut written = BTreeSet::new();
        let mut items = Vec::new();
        let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut index = Index { schema_version: 2, media_type: OCI_INDEX.to_owned(), manifests: Vec::new() };
        for Chosen { image, names } in chosen.values() {
            let manifest = self.save_blobs(image, &mut writer, &mut written)?;
            index.manifests.extend(entries(&manifest, names));
            items.push(item(image, names));
            for name in names {
                let top = image.diff_ids().last().map_or(String::new(), |id| id.hex().to_owned());
                repositories.entry(name.familiar_name()).or_default().insert(name.tag().unwrap_or_default().to_owned(), top);
            }
        }
        writer.bytes("index.json", &encode(&index)?)?;
        writer.bytes("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        if format == Format::DockerArchive {
            writer.bytes("manifest.json", &encode(&items)?)?;
            if !repositories.is_empty() {
                writer.bytes("repositories", &encode(&json!(repositories))?)?;
            }
        }
        writer.finish()
    }

    fn choose(&self, wanted: &[String]) -> Result<BTreeMap<String, Chosen>> {
        self.store.read(|tx| {
            let mut chosen: BTreeMap<String, Chosen> = BTreeMap::new();
            for text in wanted {
                let mut add = |image: ImageRecord, name: Option<Reference>| {
                    let entry = chosen.entry(image.id.clone()).or_insert_with(|| Chosen { image, names: BTreeSet::new() });
                    entry.names.extend(name);
                };
                let parsed = Reference::parse(text).ok();
                if let Some(bare) = parsed.as_ref().filter(|r| r.tag().is_none() && r.digest().is_none()) {
                    let mut any = false;
                    for image in crate::images::every(tx)?.into_iter().filter(|image| !image.removed) {
                        for name in image.tags.iter().filter_map(|t| Reference::parse(t).ok()).filter(|t| t.name() == bare.name()) {
                            any = true;
                            add(image.clone(), Some(name));
                        }
                    }
                    if any {
                        continue;
                    }
                }
                let (image, by_id) = find(tx, text)?;
                let name = parsed.filter(|r| !by_id && r.digest().is_none()).map(Reference::or_latest);
                add(image, name);
            }
            Ok(chosen)
        })
    }

    /// Writes config, layers and manifest of one image; answers the manifest's descriptor.
    fn save_blobs(&self, image: &ImageRecord, writer: &mut Writer<'_>, written: &mut BTreeSet<Digest>) -> Result<Descriptor> {
        let config_id = Digest::parse(&image.id).map_err(|e| Error::Manifest(e.to_string()))?;
        let config = self.read_blob(&config_id)?;
        if written.insert(config_id.clone()) {
            writer.bytes(&path(&config_id), &config)?;
        }
        let mut layers = Vec::new();
        for diff_id in image.diff_ids() {
            let missing = || Error::Manifest(format!("layer {diff_id} is missing"));
            let size = self.layers.get(diff_id)?.ok_or_else(missing)?.tar_size;
            if written.insert(diff_id.clone()) {
                writer.produced(&path(diff_id), size, |mut out| {
                    self.layers.assemble(diff_id, &mut out)?;
                    Ok(())
                })?;
            }
            layers.push(descriptor(OCI_LAYER, diff_id.clone(), size));
        }
        let manifest = Manifest {
            schema_version: 2,
            media_type: OCI_MANIFEST.to_owned(),
            config: descriptor(OCI_CONFIG, config_id, config.len() as u64),
            layers,
        };
        let bytes = encode(&manifest)?;
        let id = digest(&bytes);
        if written.insert(id.clone()) {
            writer.bytes(&path(&id), &bytes)?;
        }
        let mut described = descriptor(OCI_MANIFEST, id, bytes.len() as u64);
        described.platform = Some(image.platform_value());
        Ok(described)
    }
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    Descriptor { media_type: media_type.to_owned(), digest, size, urls: Vec::new(), platform: None, annotations: BTreeMap::new() }
}

/// One index entry a name; one without a name where there is none.
fn entries(manifest: &Descriptor, names: &BTreeSet<Reference>) -> Vec<Descriptor> {
    if names.is_empty() {
        return vec![manifest.clone()];
    }
    let named = |name: &Reference| {
        let mut entry = manifest.clone();
        entry.annotations.insert(FULL_NAME.to_owned(), name.canonical());
        entry.annotations.insert(REF_NAME.to_owned(), name.tag().unwrap_or_default().to_owned());
        entry
    };
    names.iter().map(named).collect()
}

fn item(image: &ImageRecord, names: &BTreeSet<Reference>) -> Item {
    let config = Digest::parse(&image.id).map(|id| path(&id)).unwrap_or_default();
    let tags: Vec<String> = names.iter().map(Reference::familiar).collect();
    Item {
        config,
        repo_tags: (!tags.is_empty()).then_some(tags),
        layers: Some(image.diff_ids().iter().map(path).collect()),
    }
}

fn encode(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Error::Manifest(e.to_string()))
}
