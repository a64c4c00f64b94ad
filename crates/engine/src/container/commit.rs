//! `commit`: what a container changed becomes one more layer on its image.

use std::os::fd::AsFd as _;
use std::path::Path;

use serde_json::Value;
use stead_archive::{Changes, ReadOptions};
use stead_image::{CommitOptions, ContainerDefaults, Reference};
use stead_layer::changes::ChangeKind;
use stead_layer::writable;
use stead_monitor::Client;

use super::record::Container;
use crate::{Engine, Failure, Result};

/// What an image shall be made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CommitRequest {
    /// The container, as typed.
    pub container: String,
    /// Name of the image; none when empty.
    pub repo: String,
    /// Its tag; `latest` when empty.
    pub tag: String,
    /// Remark in the history.
    pub comment: String,
    /// Who made it.
    pub author: String,
    /// Freeze the container while its files are read.
    pub pause: bool,
    /// Dockerfile instructions, in order.
    pub changes: Vec<String>,
    /// A container's `Config` to be used before the container's own.
    pub config: Option<Value>,
}

impl Engine {
    /// Makes an image of a container, running or not; answers its id. Volumes are not part of it.
    ///
    /// # Errors
    /// A name or a change that is refused; the layers cannot be read or written. Nothing is then made.
    pub fn container_commit(&self, request: &CommitRequest) -> Result<String> {
        let container = self.container(&request.container)?;
        let reference = reference(&request.repo, &request.tag)?;
        let view = super::inspect::config(&container);
        let own = CommitOptions::defaults_of(&view)?;
        let defaults = match &request.config {
            Some(config) if config.as_object().is_some_and(|fields| !fields.is_empty()) => {
                let mut asked: ContainerDefaults = CommitOptions::defaults_of(config).map_err(|why| Failure::invalid(why.to_string()))?;
                asked.fill_from(&own);
                asked
            }
            _ => own,
        };
        let options = CommitOptions {
            reference: reference.clone(),
            author: request.author.clone(),
            comment: request.comment.clone(),
            changes: request.changes.clone(),
            defaults,
            container: container.id.clone(),
            container_config: view,
        };
        let id = self.commit_layer(&container, request.pause, &options)?;
        let told = [("comment", request.comment.as_str()), ("imageID", id.as_str()), ("imageRef", reference.as_str())];
        self.emit_container(&container, "commit", &told);
        Ok(id)
    }

    fn commit_layer(&self, container: &Container, pause: bool, options: &CommitOptions) -> Result<String> {
        let still = self.hold_still(container, pause)?;
        let changed = self.layer_changes(container)?;
        let mut changes = Changes::default();
        for change in changed {
            match change.kind {
                ChangeKind::Deleted => changes.hidden.push(change.path),
                ChangeKind::Added | ChangeKind::Modified => drop(changes.kept.insert(change.path)),
            }
        }
        let layer = writable::ensure(&self.root, &container.id)?;
        let upper = writable::open(&layer)?;
        let read = ReadOptions { name: Some(String::new()), changes: Some(changes), ..ReadOptions::default() };
        let (_, mut stream) = stead_archive::read(upper.as_fd(), Path::new("/"), &read)?;
        let id = self.images.commit(&container.image, &mut stream, options)?;
        drop(still);
        Ok(id)
    }

    /// A stopped container is kept from being started, a running one frozen if that is wanted and it is not already.
    fn hold_still(&self, container: &Container, pause: bool) -> Result<Still> {
        if self.now(&container.id).live.is_none() {
            let held = self.hold_rootfs(&container.id)?;
            if self.now(&container.id).live.is_none() {
                return Ok(Still { frozen: None, _held: Some(held) });
            }
        }
        let mut still = Still { frozen: None, _held: None };
        if pause && let Some(mut client) = self.client_if_alive(&container.id)? {
            // What is frozen already or ends at this moment writes nothing either.
            if client.hold_still().is_ok() {
                still.frozen = Some(client);
            }
        }
        Ok(still)
    }
}

/// Lets the container go on when the files have been read, or when that failed. When we are killed, the monitor does.
struct Still {
    frozen: Option<Client>,
    _held: Option<writable::Hold>,
}

impl Drop for Still {
    fn drop(&mut self) {
        if let Some(client) = &mut self.frozen {
            // It was ended meanwhile.
            drop(client.unpause());
        }
    }
}

/// `repo:tag`, where there is one.
fn reference(repo: &str, tag: &str) -> Result<String> {
    if repo.is_empty() {
        return Ok(String::new());
    }
    if Reference::parse(repo).map_err(|why| Failure::invalid(why.to_string()))?.digest().is_some() {
        return Err(Failure::invalid("cannot import digest reference"));
    }
    Ok(if tag.is_empty() { repo.to_owned() } else { format!("{repo}:{tag}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_together() {
        assert_eq!(reference("", "x").unwrap(), "");
        assert_eq!(reference("me/app", "").unwrap(), "me/app");
        assert_eq!(reference("me/app", "1").unwrap(), "me/app:1");
        let digest = format!("app@sha256:{}", "0".repeat(64));
        assert_eq!(reference(&digest, "").unwrap_err().message, "cannot import digest reference");
        assert!(reference("app@sha256:0", "").is_err() && reference("BAD", "").is_err());
    }
}
