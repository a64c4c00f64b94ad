//! containers/storage: layers and images in one JSON file each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use stead_base::Digest;

use crate::Result;
use crate::docker::Driver;
use crate::error::damaged;
use crate::survey::{Image, Layer, Survey};
use crate::tree::Source;

/// Largest config; Docker's limit for manifests is 4 MiB too.
const CONFIG_MAX: u64 = 4 << 20;

#[derive(Deserialize, Default)]
#[serde(default)]
struct LayerEntry {
    id: String,
    parent: String,
    #[serde(rename = "diff-digest")]
    digest: Option<Digest>,
    #[serde(rename = "diff-size")]
    size: i64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ImageEntry {
    id: String,
    names: Option<Vec<String>>,
    layer: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ContainerEntry {
    id: String,
    image: String,
    layer: String,
}

/// What the JSON files say.
#[derive(Default)]
pub(super) struct Storage {
    layers: BTreeMap<String, LayerEntry>,
    images: Vec<ImageEntry>,
    /// Images that containers were made from.
    used: BTreeSet<String>,
    /// The writable layer of each container.
    pub(super) writable: BTreeMap<String, String>,
}

impl Storage {
    pub(super) fn read(source: &Source, driver: &Driver) -> Result<Self> {
        let file = |kind: &str, name: &str| Path::new(&format!("{}-{kind}", driver.name)).join(name);
        let mut storage = Self { images: source.json(&file("images", "images.json"))?.unwrap_or_default(), ..Self::default() };
        for name in ["layers.json", "volatile-layers.json"] {
            let layers: Vec<LayerEntry> = source.json(&file("layers", name))?.unwrap_or_default();
            storage.layers.extend(layers.into_iter().map(|layer| (layer.id.clone(), layer)));
        }
        for name in ["containers.json", "volatile-containers.json"] {
            for entry in source.json::<Vec<ContainerEntry>>(&file("containers", name))?.unwrap_or_default() {
                storage.used.insert(entry.image);
                storage.writable.insert(entry.id, entry.layer);
            }
        }
        Ok(storage)
    }
}

pub(super) fn look(survey: &mut Survey, driver: &Driver, storage: &Storage) {
    let mut nameless = 0;
    for entry in &storage.images {
        let names = entry.names.clone().unwrap_or_default();
        if names.is_empty() && !storage.used.contains(&entry.id) {
            nameless += 1;
            continue;
        }
        let shown = names.first().cloned().unwrap_or_else(|| entry.id.clone());
        let image = image(survey, driver, storage, entry, names);
        let image = survey.or_problem("image", &shown, image);
        survey.images.extend(image);
    }
    if nameless > 0 {
        survey.remarks.push(format!("{nameless} images without a name that no container uses are left"));
    }
}

fn image(survey: &Survey, driver: &Driver, storage: &Storage, entry: &ImageEntry, names: Vec<String>) -> Result<Image> {
    let source = &survey.source;
    let images = Path::new(&format!("{}-images", driver.name)).to_path_buf();
    let id = Digest::from_hex(&entry.id).ok_or_else(|| damaged(source.path(&images), "an image's id is no digest"))?;
    // A list of images for several platforms has no config of its own; the images behind it have entries.
    let rel = images.join(id.hex()).join(format!("={}", STANDARD.encode(id.as_str())));
    let raw = source.read(&rel, CONFIG_MAX)?.ok_or_else(|| damaged(source.path(&rel), "it has no config"))?;
    if Digest::from_bytes(&Sha256::digest(&raw).into()) != id {
        return Err(damaged(source.path(&rel), "its digest is another"));
    }
    let mut layers = Vec::new();
    let mut next = entry.layer.as_str();
    while !next.is_empty() {
        let at = || {
            damaged(source.path(Path::new(&format!("{}-layers/layers.json", driver.name))), format!("layer {next} is missing or damaged"))
        };
        // A circle would come to more layers than there are.
        if layers.len() > storage.layers.len() {
            return Err(at());
        }
        let layer = storage.layers.get(next).ok_or_else(at)?;
        let files = driver.files(&layer.id).ok_or_else(at)?;
        layers.push(Layer {
            diff_id: layer.digest.clone().ok_or_else(at)?,
            files,
            split: Path::new(&format!("{}-layers", driver.name)).join(format!("{}.tar-split.gz", layer.id)),
            size: u64::try_from(layer.size).unwrap_or(0),
        });
        next = &layer.parent;
    }
    layers.reverse();
    Ok(Image { id, config: raw, names, layers })
}
