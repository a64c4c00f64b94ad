//! Docker's archive: `manifest.json` names configs, tags and layers.

use serde::{Deserialize, Serialize};

use crate::archive::members::Members;
use crate::load::Offer;
use crate::manifest::LAYERS_MAX;
use crate::{Error, Reference, Result};

/// Images of one archive at most.
const IMAGES_MAX: usize = 1000;

/// One image of `manifest.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Item {
    /// Member with the config.
    pub(crate) config: String,
    /// `name:tag`.
    pub(crate) repo_tags: Option<Vec<String>>,
    /// Members with the layers, base first.
    pub(crate) layers: Option<Vec<String>>,
}

/// What the archive offers.
pub(crate) fn offers(members: &Members) -> Result<Vec<Offer>> {
    let items: Vec<Item> =
        serde_json::from_slice(&members.small("manifest.json")?).map_err(|e| Error::Archive(format!("manifest.json: {e}")))?;
    if items.len() > IMAGES_MAX {
        return Err(Error::Archive("too many images".to_owned()));
    }
    items.into_iter().map(|item| offer(members, item)).collect()
}

fn offer(members: &Members, item: Item) -> Result<Offer> {
    let config = members.small(&item.config)?;
    let base = item.config.rsplit('/').next().unwrap_or_default();
    let promised = base.strip_suffix(".json").unwrap_or(base);
    // Where the name is a digest, it is a promise.
    if let Some(want) = stead_base::Digest::from_hex(promised)
        && crate::images::digest(&config) != want
    {
        return Err(Error::Archive(format!("config {} has another digest", item.config)));
    }
    let layers = item.layers.unwrap_or_default();
    if layers.len() > LAYERS_MAX {
        return Err(Error::Archive("too many layers".to_owned()));
    }
    let names = item.repo_tags.unwrap_or_default().iter().map(|tag| name(tag)).collect::<Result<_>>()?;
    Ok(Offer { config, layers: layers.into_iter().map(|layer| (layer, None)).collect(), names })
}

fn name(tag: &str) -> Result<Reference> {
    let reference = Reference::parse(tag)?;
    match (reference.tag(), reference.digest()) {
        (Some(_), None) => Ok(reference),
        _ => Err(Error::Archive(format!("invalid tag {tag:?}"))),
    }
}
