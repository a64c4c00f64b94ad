//! Images: configs by digest, layers by chain id, names in one file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use stead_base::Digest;

use super::Driver;
use crate::Result;
use crate::error::damaged;
use crate::survey::{Image, Layer, Survey};

/// Largest config; Docker's limit for manifests is 4 MiB too.
const CONFIG_MAX: u64 = 4 << 20;
/// Layers of one image at most; overlayfs ends at a few hundred.
const LAYERS_MAX: usize = 1024;

/// The image store that was looked at.
pub(super) struct Store {
    /// `image/overlay2`.
    pub(super) dir: PathBuf,
    /// Where layers' files lie.
    pub(super) driver: Driver,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Repositories {
    repositories: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RootFs {
    diff_ids: Option<Vec<Digest>>,
}

pub(super) fn look(survey: &mut Survey) -> Result<Option<Store>> {
    let mut store = None;
    for name in survey.source.names(Path::new("image"))? {
        let dir = Path::new("image").join(&name);
        match Driver::named(&name) {
            Some(driver) if store.is_none() => store = Some(Store { dir, driver }),
            Some(_) => survey.remarks.push(format!("images of the storage driver {name} are left: another driver's come first")),
            None => survey
                .remarks
                .push(format!("images of the storage driver {name} cannot be read from its files: use `docker save` and `stead load`")),
        }
    }
    let Some(store) = store else {
        if survey.source.has_dir(Path::new("containerd")) || survey.source.has_dir(Path::new("image")) {
            survey.remarks.push("images are kept by containerd, not here: use `docker save` and `stead load`".to_owned());
        }
        return Ok(None);
    };
    let names = match names(survey, &store) {
        Ok(names) => names,
        Err(error) => {
            survey.remarks.push(format!("{error}: names of images are lost"));
            BTreeMap::new()
        }
    };
    let used = super::containers::images_used(survey)?;
    let mut nameless = 0;
    for hex in survey.source.names(&store.dir.join("imagedb/content/sha256"))? {
        let Some(id) = Digest::from_hex(&hex) else { continue };
        let names = names.get(id.as_str()).cloned().unwrap_or_default();
        if names.is_empty() && !used.contains(id.as_str()) {
            nameless += 1;
            continue;
        }
        let shown = names.first().cloned().unwrap_or_else(|| id.to_string());
        let image = image(survey, &store, id, names);
        let image = survey.or_problem("image", &shown, image);
        survey.images.extend(image);
    }
    if nameless > 0 {
        survey.remarks.push(format!("{nameless} images without a name that no container uses are left"));
    }
    Ok(Some(store))
}

fn names(survey: &Survey, store: &Store) -> Result<BTreeMap<String, Vec<String>>> {
    let known: Repositories = survey.source.json(&store.dir.join("repositories.json"))?.unwrap_or_default();
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, id) in known.repositories.into_values().flatten() {
        names.entry(id).or_default().insert(name);
    }
    Ok(names.into_iter().map(|(id, names)| (id, names.into_iter().collect())).collect())
}

fn image(survey: &Survey, store: &Store, id: Digest, names: Vec<String>) -> Result<Image> {
    let source = &survey.source;
    let rel = store.dir.join("imagedb/content/sha256").join(id.hex());
    let raw = source.read(&rel, CONFIG_MAX)?.unwrap_or_default();
    if Digest::from_bytes(&Sha256::digest(&raw).into()) != id {
        return Err(damaged(source.path(&rel), "its digest is another"));
    }
    let config: Config = serde_json::from_slice(&raw).map_err(|e| damaged(source.path(&rel), e))?;
    let diff_ids = config.rootfs.diff_ids.unwrap_or_default();
    if diff_ids.len() > LAYERS_MAX {
        return Err(damaged(source.path(&rel), format!("it has more than {LAYERS_MAX} layers")));
    }
    let mut layers = Vec::new();
    let mut chain: Option<Digest> = None;
    for diff_id in diff_ids {
        let id = match &chain {
            None => diff_id.clone(),
            Some(below) => Digest::from_bytes(&Sha256::digest(format!("{below} {diff_id}")).into()),
        };
        layers.push(layer(survey, store, &id, diff_id)?);
        chain = Some(id);
    }
    Ok(Image { id, config: raw, names, layers })
}

fn layer(survey: &Survey, store: &Store, chain: &Digest, diff_id: Digest) -> Result<Layer> {
    let source = &survey.source;
    let dir = store.dir.join("layerdb/sha256").join(chain.hex());
    let word = |name: &str| source.word(&dir.join(name))?.ok_or_else(|| damaged(source.path(&dir), format!("it has no {name}")));
    if word("diff")? != diff_id.as_str() {
        return Err(damaged(source.path(&dir), "it is another layer"));
    }
    let id = word("cache-id")?;
    let files = store.driver.files(&id).ok_or_else(|| damaged(source.path(&dir), "its cache-id is no name"))?;
    let size = source.word(&dir.join("size"))?.and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Layer { diff_id, files, split: dir.join("tar-split.json.gz"), size })
}
