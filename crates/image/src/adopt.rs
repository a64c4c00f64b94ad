//! Taking over an image that another engine keeps: its config as it is, and its layers from whoever can give their tars.

use std::io::{self, Read};

use stead_base::Digest;

use crate::images::{Draft, by_id, stored_name};
use crate::record::NameRecord;
use crate::{Error, ImageConfig, Images, Reference, Result};

/// Gives the tar of a layer.
pub type LayerSource<'a> = dyn FnMut(&Digest) -> io::Result<Box<dyn Read + Send>> + 'a;

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdoptedImage {
    /// The image's id.
    pub id: String,
    /// Whether the image was not here before.
    pub is_new: bool,
    /// The names it got, as people write them.
    pub names: Vec<String>,
    /// Names that another image here has, and keeps.
    pub taken: Vec<String>,
}

impl Images {
    /// Whether an image of this id can be used here.
    ///
    /// # Errors
    /// The store's.
    pub fn has(&self, id: &Digest) -> Result<bool> {
        self.store.read(|tx| Ok(by_id(tx, id.as_str())?.is_some()))
    }

    /// Takes over an image. Layers that are here already are not asked for; each other one must have the digest that the config names.
    ///
    /// # Errors
    /// A config that is none; a layer whose tar cannot be had or is another one. Layers before it stay until the next sweep.
    pub fn adopt(&self, raw: &[u8], names: &[String], layer: &mut LayerSource<'_>) -> Result<AdoptedImage> {
        let config = ImageConfig::parse(raw).map_err(|e| Error::Manifest(e.to_string()))?;
        if config.os_or_linux() != "linux" {
            return Err(Error::Manifest(format!("it is for {}", config.os_or_linux())));
        }
        let _hold = self.layers.hold()?;
        let mut size = 0;
        for diff_id in &config.rootfs.diff_ids {
            // A damaged layer is as good as none: unpacking it again mends it.
            if !self.layers.get(diff_id).is_ok_and(|known| known.is_some()) {
                let mut tar = layer(diff_id).map_err(|source| Error::Stream { act: "open a layer", source })?;
                self.layers.unpack(&mut *tar, Some(diff_id))?;
            }
            size += self.layers.get(diff_id)?.map_or(0, |layer| layer.size);
        }
        let (mut free, mut taken) = (Vec::new(), Vec::new());
        let id = crate::images::digest(raw).to_string();
        for name in names {
            let Ok(reference) = Reference::parse(name) else { continue };
            let reference = stored_name(&reference);
            let holder: Option<NameRecord> = self.store.read(|tx| tx.get(&reference.canonical()))?;
            if holder.is_none_or(|holder| holder.image == id) { free.push(reference) } else { taken.push(reference.familiar()) }
        }
        let named = free.iter().map(Reference::familiar).collect();
        let published = self.publish(Draft { raw, config, size, names: free, parent: None })?;
        Ok(AdoptedImage { id: published.id, is_new: published.changed, names: named, taken })
    }
}
