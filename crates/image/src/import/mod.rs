//! `image import`: a root file system in a tar becomes an image of one layer.

mod address;
mod change;
mod words;

use std::io::Read;

use stead_base::time::Time;

pub use change::ChangeError;
pub(crate) use change::apply as change;

use crate::config::{ContainerDefaults, History, RootFs};
use crate::images::Draft;
use crate::{Error, ImageConfig, Images, Platform, Reference, Result};

/// What an import may be told.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Name for the image (`latest` where there is no tag).
    pub reference: Option<String>,
    /// `--change` instructions, in order.
    pub changes: Vec<String>,
    /// Remark in the history; `Imported from -` when empty.
    pub message: String,
    /// Where the tar came from, for the remark.
    pub source: String,
    /// `os/arch[/variant]`; this machine's when `None`.
    pub platform: Option<String>,
}

impl Images {
    /// Makes an image of a tar (plain, gzip or zstd); answers its id.
    ///
    /// # Errors
    /// A name, change or platform that is refused (before the tar is read); the refusals of the layer room.
    pub fn import(&self, stream: &mut (dyn Read + Send), options: &ImportOptions) -> Result<String> {
        let names = names(options.reference.as_deref().unwrap_or_default())?;
        let platform = options.platform.as_deref().map(Platform::parse).transpose()?.unwrap_or_else(Platform::host);
        let mut defaults = ContainerDefaults::default();
        for line in &options.changes {
            change(&mut defaults, line)?;
        }
        let _hold = self.layers.hold()?;
        let layer = self.layers.unpack(stream, None)?;
        let created = Time::now().rfc3339_nano();
        let source = if options.source.is_empty() { "-" } else { &options.source };
        let comment = if options.message.is_empty() { format!("Imported from {source}") } else { options.message.clone() };
        let config = ImageConfig {
            architecture: platform.architecture,
            variant: platform.variant,
            os: platform.os,
            created: Some(created.clone()),
            comment: comment.clone(),
            config: defaults,
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![layer.diff_id] },
            history: vec![History { created: Some(created), comment, ..History::default() }],
            ..ImageConfig::default()
        };
        let raw = serde_json::to_vec(&config).map_err(|e| Error::Manifest(e.to_string()))?;
        Ok(self.publish(Draft { raw: &raw, config, size: layer.size, names, parent: None })?.id)
    }
}

/// The name an image is to get; none for an empty text.
pub(crate) fn names(text: &str) -> Result<Vec<Reference>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let reference = Reference::parse(text)?;
    if reference.digest().is_some() {
        return Err(Error::TagWithDigest);
    }
    Ok(vec![reference.or_latest()])
}
