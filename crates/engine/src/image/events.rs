//! What happens to images, told: the image's labels and, as its name, how it was named.

use std::collections::BTreeMap;

use stead_image::{ImageRecord, Removed};

use crate::Engine;

impl Engine {
    /// An event of an image whose labels are known.
    pub(crate) fn emit_image(&self, labels: &BTreeMap<String, String>, action: &str, id: &str, name: &str) {
        let mut attributes = labels.clone();
        attributes.insert("name".to_owned(), name.to_owned());
        self.emit("image", action, id, attributes);
    }

    /// An event of an image that is there under `found`; `name` is what the event calls it.
    pub(crate) fn tell_image(&self, action: &str, found: &str, name: &str) {
        if let Ok(image) = self.images.resolve(found) {
            self.emit_image(&image.config.config.labels, action, &image.id, name);
        }
    }

    /// The lines of a removal as events. `before` are the images it may have been about; layers have no events.
    pub(crate) fn tell_removed(&self, before: &[ImageRecord], lines: &[Removed]) {
        for line in lines {
            let (action, image) = match line {
                Removed::Untagged(name) => ("untag", before.iter().find(|image| image.tags.contains(name) || image.digests.contains(name))),
                Removed::Deleted(id) => ("delete", before.iter().find(|image| image.id == *id)),
            };
            if let Some(image) = image {
                self.emit_image(&image.config.config.labels, action, &image.id, &image.id);
            }
        }
    }
}
