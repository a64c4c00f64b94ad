//! What a registry has under a name, without its layers.

use stead_base::Digest;

use crate::manifest::{DOCKER_LIST, DOCKER_MANIFEST, Document};
use crate::pull::keep_better;
use crate::registry::{self, Access, Client, Purpose};
use crate::{Error, ImageConfig, Images, Platform, Reference, Result};

/// A document of a registry, described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its type.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length.
    pub size: usize,
    /// The platforms it is for.
    pub platforms: Vec<Platform>,
}

impl Images {
    /// Asks a mirror of the registry, or itself.
    ///
    /// # Errors
    /// What the registry says; the way to it.
    pub fn remote(&self, text: &str, access: &Access) -> Result<Remote> {
        let reference = Reference::parse(text)?.or_latest();
        let key = reference.digest().map_or_else(|| reference.tag().unwrap_or_default().to_owned(), Digest::to_string);
        let mut failed = None;
        for base in access.bases(reference.domain()) {
            let client = Client::new(access, &base, Some(&reference), Purpose::Pull);
            match client.manifest(&key) {
                Ok(fetched) => {
                    let document = Document::parse(&fetched.bytes, &fetched.media_type)?;
                    let usual = if matches!(document, Document::Index(_)) { DOCKER_LIST } else { DOCKER_MANIFEST };
                    let media_type = if fetched.media_type.is_empty() { usual.to_owned() } else { fetched.media_type };
                    let platforms = platforms(&client, document)?;
                    return Ok(Remote { media_type, digest: fetched.digest, size: fetched.bytes.len(), platforms });
                }
                Err(error) => keep_better(&mut failed, error.into()),
            }
        }
        Err(failed.unwrap_or_else(|| registry::Error::Unknown(reference.familiar()).into()))
    }
}

fn platforms(client: &Client<'_>, document: Document) -> Result<Vec<Platform>> {
    match document {
        Document::Index(index) => Ok(index.manifests.into_iter().filter_map(|entry| entry.platform).collect()),
        Document::Manifest(manifest) => {
            let raw = client.small_blob(&manifest.config.digest, manifest.config.size)?;
            let config = ImageConfig::parse(&raw).map_err(|e| Error::Manifest(format!("config: {e}")))?;
            Ok(vec![Platform { os: config.os_or_linux().to_owned(), architecture: config.architecture, variant: config.variant }])
        }
    }
}
