//! OCI's image layout: `index.json` and `blobs/sha256/`.

use stead_base::Digest;

use crate::archive::members::Members;
use crate::images::digest;
use crate::load::Offer;
use crate::manifest::{DEPTH_MAX, Descriptor, Document, Index, Manifest};
use crate::{Error, Platform, Reference, Result};

/// The annotation with a full name (containerd, buildx).
pub(crate) const FULL_NAME: &str = "io.containerd.image.name";
/// The annotation with a name or only a tag (OCI).
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// What the archive offers this platform.
pub(crate) fn offers(members: &Members, platform: &Platform) -> Result<Vec<Offer>> {
    let index: Index = serde_json::from_slice(&members.small("index.json")?).map_err(|e| Error::Archive(format!("index.json: {e}")))?;
    let mut offers: Vec<(Digest, Offer)> = Vec::new();
    for descriptor in &index.manifests {
        if descriptor.platform.as_ref().is_some_and(|p| index.manifests.len() > 1 && p.distance(platform).is_none()) {
            continue;
        }
        let name = name(descriptor);
        // One image with several names is several entries of one digest.
        if let Some((_, offer)) = offers.iter_mut().find(|(id, _)| *id == descriptor.digest) {
            offer.names.extend(name);
            continue;
        }
        let manifest = manifest(members, descriptor, platform, 0)?;
        let config = blob(members, &manifest.config)?;
        let layers = manifest.layers.iter().map(|layer| (path(&layer.digest), Some(layer.digest.clone()))).collect();
        offers.push((descriptor.digest.clone(), Offer { config, layers, names: name.into_iter().collect() }));
    }
    if offers.is_empty() {
        return Err(crate::registry::Error::NoPlatform(platform.to_string()).into());
    }
    Ok(offers.into_iter().map(|(_, offer)| offer).collect())
}

fn manifest(members: &Members, descriptor: &Descriptor, platform: &Platform, depth: u32) -> Result<Manifest> {
    match Document::parse(&blob(members, descriptor)?, &descriptor.media_type)? {
        Document::Manifest(manifest) => Ok(manifest),
        Document::Index(_) if depth >= DEPTH_MAX => Err(Error::Manifest("indexes within indexes".to_owned())),
        Document::Index(index) => manifest(members, index.choose(platform)?, platform, depth + 1),
    }
}

fn blob(members: &Members, descriptor: &Descriptor) -> Result<Vec<u8>> {
    let bytes = members.small(&path(&descriptor.digest))?;
    if bytes.len() as u64 != descriptor.size || digest(&bytes) != descriptor.digest {
        return Err(Error::Archive(format!("blob {} is not what it is called", descriptor.digest)));
    }
    Ok(bytes)
}

/// Where a blob lies.
pub(crate) fn path(id: &Digest) -> String {
    format!("blobs/sha256/{}", id.hex())
}

/// A bare tag names no repository, so the image stays without a name.
fn name(descriptor: &Descriptor) -> Option<Reference> {
    let full = descriptor.annotations.get(FULL_NAME);
    let text = full.or_else(|| descriptor.annotations.get(REF_NAME).filter(|name| name.contains(['/', ':'])))?;
    Reference::parse(text).ok().filter(|r| r.digest().is_none()).map(Reference::or_latest)
}
