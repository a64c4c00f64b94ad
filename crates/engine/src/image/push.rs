//! `push`.

use stead_image::{Progress, Pushed, Reference};

use super::access::Auth;
use crate::{Engine, Failure, Result};

impl Engine {
    /// Pushes a tag (`latest` where there is none), or with `all` every tag of the repository.
    ///
    /// # Errors
    /// Nothing of that name is here; what the registry says.
    pub fn image_push(&self, reference: &str, all: bool, auth: &Auth, progress: &dyn Progress) -> Result<Vec<Pushed>> {
        let parsed = Reference::parse(reference).map_err(|e| Failure::invalid(e.to_string()))?;
        let access = self.access(auth, parsed.domain())?;
        let pushed = self.images.push(reference, all, &access, progress)?;
        for one in &pushed {
            if let Some(tagged) = parsed.with_tag(&one.tag)
                && let Ok(image) = self.images.resolve(&tagged.canonical())
            {
                self.emit_image(&image.config.config.labels, "push", &tagged.familiar(), &tagged.familiar_name());
            }
        }
        Ok(pushed)
    }
}
