//! `pull`.

use stead_image::{ImageRecord, Progress, PullOptions, Reference};

use super::access::Auth;
use crate::{Engine, Failure, Result};

/// How to pull.
#[derive(Debug, Clone, Default)]
pub struct PullRequest {
    /// `os/arch[/variant]`; this machine's when `None`.
    pub platform: Option<String>,
    /// Every tag of the repository.
    pub all_tags: bool,
    /// Whose credentials the registry gets.
    pub auth: Auth,
}

impl Engine {
    /// Pulls an image from its registry or a mirror of it, with the credentials of Docker's configuration.
    ///
    /// # Errors
    /// The registry's refusals, in Docker's words; configuration files that cannot be read.
    pub fn image_pull(&self, reference: &str, platform: Option<&str>, progress: &dyn Progress) -> Result<ImageRecord> {
        let request = PullRequest { platform: platform.map(str::to_owned), ..PullRequest::default() };
        let pulled = self.image_pull_as(reference, &request, progress)?;
        pulled.into_iter().next().ok_or_else(|| Failure::new(stead_base::Kind::NotFound, format!("No such image: {reference}")))
    }

    /// Pulls one tag or all tags of a repository; answers the images.
    ///
    /// # Errors
    /// As [`Engine::image_pull`].
    pub fn image_pull_as(&self, reference: &str, request: &PullRequest, progress: &dyn Progress) -> Result<Vec<ImageRecord>> {
        let parsed = Reference::parse(reference).map_err(|e| Failure::invalid(e.to_string()))?;
        let options = PullOptions { platform: request.platform.clone(), access: self.access(&request.auth, parsed.domain())? };
        let pulled = if request.all_tags {
            self.images.pull_all_tags(reference, &options, progress)?
        } else {
            vec![self.images.pull(reference, &options, progress)?]
        };
        let asked = parsed.or_latest();
        let name = if request.all_tags { asked.familiar_name() } else { asked.familiar() };
        if let Some(one) = pulled.first() {
            self.emit_image(&one.image.config.config.labels, "pull", &name, &asked.familiar_name());
        }
        Ok(pulled.into_iter().map(|one| one.image).collect())
    }
}
