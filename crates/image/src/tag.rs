//! Giving an image one more name.

use stead_base::time::Time;

use crate::images::find;
use crate::record::NameRecord;
use crate::{Error, Images, Reference, Result};

impl Images {
    /// Gives the image `source` the name `target` (`latest` where there is no tag); whoever had it loses it.
    ///
    /// # Errors
    /// No such image; a target that is no name or has a digest.
    pub fn tag(&self, source: &str, target: &str) -> Result<()> {
        let target = Reference::parse(target)?;
        if target.digest().is_some() {
            return Err(Error::TagWithDigest);
        }
        let target = target.or_latest();
        self.store.publish(|tx| {
            let (image, _) = find(tx, source)?;
            Ok(tx.put(&NameRecord { name: target.canonical(), image: image.id, since: Time::now() })?)
        })
    }
}
