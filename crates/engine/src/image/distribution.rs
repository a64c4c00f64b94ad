//! What a registry has under a name, without fetching it.

use serde_json::{Value, json};
use stead_base::Kind;
use stead_image::{Error, Reference};

use super::access::Auth;
use crate::{Engine, Failure, Result};

/// What `GET /distribution/{name}/json` shows.
pub type Distribution = Value;

impl Engine {
    /// The descriptor of what the registry has under the name, and the platforms it is for.
    ///
    /// # Errors
    /// What the registry says, [`Kind::NotAllowed`] where it wants other credentials; the way to it.
    pub fn image_distribution(&self, name: &str, auth: &Auth) -> Result<Distribution> {
        let parsed = Reference::parse(name).map_err(|e| Failure::invalid(e.to_string()))?;
        let remote = self.images.remote(name, &self.access(auth, parsed.domain())?).map_err(|error| {
            use stead_image::registry::Error::{Denied, NoCredentials, Unauthorized};
            let stranger = matches!(&error, Error::Registry(Denied(..) | NoCredentials(_) | Unauthorized(..)));
            if stranger { Failure::new(Kind::NotAllowed, error.to_string()) } else { error.into() }
        })?;
        Ok(json!({
            "Descriptor": { "mediaType": remote.media_type, "digest": remote.digest, "size": remote.size },
            "Platforms": remote.platforms,
        }))
    }
}
