//! The door of the room: finding images, and the steps every way of making one shares.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use stead_base::layout::Root;
use stead_base::time::Time;
use stead_base::{Digest, ids};
use stead_store::{Store, Tx};

use crate::record::NameRecord;
use crate::{Error, ImageConfig, ImageRecord, LayerStore, Platform, Reference, Result};

/// All images of one root. Cheap to open; safe to use from several threads and several processes.
#[derive(Debug)]
pub struct Images {
    pub(crate) root: Root,
    pub(crate) store: Arc<Store>,
    pub(crate) layers: Arc<dyn LayerStore>,
}

/// A finished image, about to become true.
pub(crate) struct Draft<'a> {
    /// The exact bytes of the config.
    pub(crate) raw: &'a [u8],
    /// The same, read.
    pub(crate) config: ImageConfig,
    /// Bytes of all layers' files.
    pub(crate) size: u64,
    /// Names it gets; each is taken away from whoever has it.
    pub(crate) names: Vec<Reference>,
    /// The image a commit was made on.
    pub(crate) parent: Option<String>,
}

/// What publishing an image did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) id: String,
    /// Names that belonged to another image before: name and that image's id.
    pub(crate) taken: Vec<(Reference, String)>,
    /// Whether the image or one of its names is new.
    pub(crate) changed: bool,
}

impl Images {
    /// Names the directories; they are made when the first image comes.
    #[must_use]
    pub fn open(root: &Root, store: Arc<Store>, layers: Arc<dyn LayerStore>) -> Self {
        Self { root: root.clone(), store, layers }
    }

    /// Finds an image by name (`latest` where there is no tag), by id, or by the beginning of an id.
    ///
    /// # Errors
    /// `No such image: x:latest`; a text that is neither a name nor an id.
    pub fn resolve(&self, text: &str) -> Result<ImageRecord> {
        self.store.read(|tx| find(tx, text).map(|found| found.0))
    }

    /// As [`Images::resolve`], for a platform.
    ///
    /// # Errors
    /// [`Error::OtherPlatform`] when the image is there for another one.
    pub fn resolve_platform(&self, text: &str, platform: Option<&str>) -> Result<ImageRecord> {
        let wanted = platform.filter(|p| !p.is_empty()).map(Platform::parse).transpose()?;
        let image = self.resolve(text)?;
        match wanted {
            Some(wanted) if image.platform_value().distance(&wanted).is_none() => {
                Err(Error::OtherPlatform { reference: text.to_owned(), wanted: wanted.to_string(), have: image.platform() })
            }
            _ => Ok(image),
        }
    }

    /// Every image that can be used, newest first.
    ///
    /// # Errors
    /// The store's; a damaged record is left out here and reported by [`Images::check`].
    pub fn list_records(&self) -> Result<Vec<ImageRecord>> {
        let mut all = self.store.read(every)?;
        all.retain(|image| !image.removed);
        all.sort_by_key(|image| (std::cmp::Reverse(image.created()), image.id.clone()));
        Ok(all)
    }

    /// Makes an image true: its config durable, then its record and names in one step.
    pub(crate) fn publish(&self, draft: Draft<'_>) -> Result<Published> {
        let id = digest(draft.raw).to_string();
        self.write_blob(draft.raw)?;
        let Draft { config, size, names, parent, .. } = draft;
        let fresh = ImageRecord {
            id: id.clone(),
            config,
            size,
            added: Time::now(),
            removed: false,
            parent: parent.unwrap_or_default(),
            tags: Vec::new(),
            digests: Vec::new(),
        };
        self.store.publish(|tx| {
            let known: Option<ImageRecord> = tx.get(&id)?;
            let mut changed = false;
            if known.is_none_or(|image| image.removed) {
                tx.put(&fresh)?;
                changed = true;
            }
            let mut taken = Vec::new();
            for name in &names {
                let before: Option<NameRecord> = tx.get(&name.canonical())?;
                match before {
                    Some(before) if before.image == id => continue,
                    Some(before) => taken.push((name.clone(), before.image)),
                    None => {}
                }
                changed = true;
                tx.put(&NameRecord { name: name.canonical(), image: id.clone(), since: Time::now() })?;
            }
            Ok(Published { id: id.clone(), taken, changed })
        })
    }
}

/// The image a text means, and whether the text was (the beginning of) its id.
pub(crate) fn find(tx: &Tx<'_>, text: &str) -> Result<(ImageRecord, bool)> {
    let whole = text.strip_prefix(Digest::PREFIX).unwrap_or(text);
    if ids::is_full_id(whole) {
        return match by_id(tx, &format!("{}{whole}", Digest::PREFIX))? {
            Some(image) => Ok((image, true)),
            None => Err(Error::NotFound(text.to_owned())),
        };
    }
    let reference = Reference::parse(text);
    if let Ok(reference) = &reference {
        let name = stored_name(reference).canonical();
        if let Some(name) = tx.get::<NameRecord>(&name)?
            && let Some(image) = by_id(tx, &name.image)?
        {
            return Ok((image, false));
        }
    }
    if !whole.is_empty() && ids::is_lower_hex(whole) {
        let wanted = format!("{}{whole}", Digest::PREFIX);
        let hits = tx.ids_by_prefix(<ImageRecord as stead_store::Record>::KIND, &wanted, 8)?;
        let mut found: Vec<ImageRecord> = Vec::new();
        for id in hits {
            found.extend(by_id(tx, &id)?);
        }
        // An ambiguous beginning names nothing, as in Docker.
        if let [_] = found.as_slice() {
            return Ok((found.remove(0), true));
        }
    }
    Err(Error::NotFound(reference?.or_latest().familiar()))
}

/// Names are kept by tag or by digest; a digest is the stronger of the two.
pub(crate) fn stored_name(reference: &Reference) -> Reference {
    match reference.digest() {
        Some(digest) => reference.at_digest(digest.clone()),
        None => reference.clone().or_latest(),
    }
}

/// A usable image with its names.
pub(crate) fn by_id(tx: &Tx<'_>, id: &str) -> Result<Option<ImageRecord>> {
    let Some(mut image) = tx.get::<ImageRecord>(id)?.filter(|image| !image.removed) else { return Ok(None) };
    for name in names_of(tx, id)? {
        join(&mut image, &name);
    }
    Ok(Some(image))
}

/// The names of an image, sorted.
pub(crate) fn names_of(tx: &Tx<'_>, id: &str) -> Result<Vec<Reference>> {
    let users = tx.referrers(<ImageRecord as stead_store::Record>::KIND, id)?;
    let names = users.into_iter().filter(|(kind, _)| kind == <NameRecord as stead_store::Record>::KIND);
    Ok(names.filter_map(|(_, name)| Reference::parse(&name).ok()).collect())
}

/// Every image with its names, removed ones too.
pub(crate) fn every(tx: &Tx<'_>) -> Result<Vec<ImageRecord>> {
    let mut images: Vec<ImageRecord> = tx.list::<ImageRecord>()?.into_iter().flatten().collect();
    for name in tx.list::<NameRecord>()?.into_iter().flatten() {
        // Sorted by id, as `list` gives them.
        if let (Ok(at), Ok(reference)) = (images.binary_search_by(|i| i.id.cmp(&name.image)), Reference::parse(&name.name)) {
            join(&mut images[at], &reference);
        }
    }
    Ok(images)
}

fn join(image: &mut ImageRecord, name: &Reference) {
    let list = if name.digest().is_some() { &mut image.digests } else { &mut image.tags };
    list.push(name.familiar());
    list.sort();
}

/// The sha256 of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(&Sha256::digest(bytes).into())
}
