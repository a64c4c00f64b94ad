//! How much a container has written, and how much it is with its image.

use super::record::Container;
use crate::{Engine, Result};

impl Engine {
    /// Bytes in the writable layer, and those plus the image's.
    pub(super) fn container_size(&self, container: &Container) -> Result<(u64, u64)> {
        let written = stead_layer::writable::usage(&self.root, &container.id)?;
        let mut whole = written;
        for diff_id in super::plan::diff_ids(container)? {
            whole += self.layers.get(&diff_id)?.map_or(0, |layer| layer.size);
        }
        Ok((written, whole))
    }
}
