//! The image side of `commit`: what a container changed becomes one more layer on the image it was made of.

use std::io::Read;

use serde_json::Value;
use stead_base::time::Time;

use crate::config::{ContainerDefaults, History};
use crate::images::Draft;
use crate::record::ImageRecord;
use crate::{Error, Images, Result, import};

/// Digest of the empty tar (1024 zero bytes): a container that changed nothing adds no layer, as in Docker.
const EMPTY_TAR: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/// What a commit is told.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// Name for the image (`latest` where there is no tag); none when empty.
    pub reference: String,
    /// Who made it.
    pub author: String,
    /// Remark in the history.
    pub comment: String,
    /// `--change` instructions, in order.
    pub changes: Vec<String>,
    /// The defaults of the new image before the changes: the container's own, or those a client sent over the container's.
    pub defaults: ContainerDefaults,
    /// Id of the container.
    pub container: String,
    /// Its `Config` as inspect shows it, kept for clients before API 1.45.
    pub container_config: Value,
}

impl CommitOptions {
    /// Reads a container's `Config` (Docker's JSON) as defaults for the image.
    ///
    /// # Errors
    /// JSON of another shape.
    pub fn defaults_of(config: &Value) -> Result<ContainerDefaults> {
        serde_json::from_value(config.clone()).map_err(|e| Error::Manifest(format!("config: {e}")))
    }
}

impl ContainerDefaults {
    /// Docker's `merge`: what a client's config leaves open is the container's.
    pub fn fill_from(&mut self, container: &Self) {
        if self.user.is_empty() {
            self.user.clone_from(&container.user);
        }
        for (port, empty) in &container.exposed_ports {
            self.exposed_ports.entry(port.clone()).or_insert(*empty);
        }
        for entry in &container.env {
            let key = entry.split('=').next().unwrap_or(entry);
            if !self.env.iter().any(|own| own.split('=').next() == Some(key)) {
                self.env.push(entry.clone());
            }
        }
        for (key, value) in &container.labels {
            self.labels.entry(key.clone()).or_insert_with(|| value.clone());
        }
        if self.entrypoint.as_ref().is_none_or(Vec::is_empty) {
            if self.cmd.as_ref().is_none_or(Vec::is_empty) {
                self.cmd.clone_from(&container.cmd);
                self.args_escaped = container.args_escaped;
            }
            if self.entrypoint.is_none() {
                self.entrypoint.clone_from(&container.entrypoint);
            }
        }
        if self.healthcheck.is_none() {
            self.healthcheck.clone_from(&container.healthcheck);
        }
        if self.working_dir.is_empty() {
            self.working_dir.clone_from(&container.working_dir);
        }
        for (path, empty) in &container.volumes {
            self.volumes.entry(path.clone()).or_insert(*empty);
        }
        if self.stop_signal.is_none() {
            self.stop_signal.clone_from(&container.stop_signal);
        }
    }
}

impl Images {
    /// Makes an image of `parent` (an id, found even when its names are gone) and one more layer; answers its id. `layer` is the tar of what
    /// the container changed, whiteouts as OCI writes them.
    ///
    /// # Errors
    /// A name or change that is refused (before the tar is read); a parent that is not here; the refusals of the layer room.
    pub fn commit(&self, parent: &str, layer: &mut (dyn Read + Send), options: &CommitOptions) -> Result<String> {
        let names = import::names(&options.reference)?;
        let mut defaults = options.defaults.clone();
        for line in &options.changes {
            import::change(&mut defaults, line)?;
        }
        let _hold = self.layers.hold()?;
        let base = self.store.read(|tx| tx.get::<ImageRecord>(parent))?.ok_or_else(|| Error::NotFound(parent.to_owned()))?;
        let made = self.layers.unpack(layer, None)?;
        let empty = made.diff_id.as_str() == EMPTY_TAR;
        let created = Time::now().rfc3339_nano();
        let mut config = base.config.clone();
        config.config = defaults;
        config.author.clone_from(&options.author);
        config.comment.clone_from(&options.comment);
        config.created = Some(created.clone());
        config.docker_version = env!("CARGO_PKG_VERSION").to_owned();
        config.history.push(History {
            created: Some(created),
            created_by: command_line(&options.container_config),
            author: options.author.clone(),
            comment: options.comment.clone(),
            empty_layer: empty,
        });
        let mut size = base.size;
        if !empty {
            config.rootfs.diff_ids.push(made.diff_id);
            size += made.size;
        }
        let mut raw = serde_json::to_value(&config).map_err(|e| Error::Manifest(e.to_string()))?;
        if let Some(raw) = raw.as_object_mut() {
            raw.insert("container".to_owned(), Value::String(options.container.clone()));
            raw.insert("container_config".to_owned(), options.container_config.clone());
        }
        let raw = serde_json::to_vec(&raw).map_err(|e| Error::Manifest(e.to_string()))?;
        Ok(self.publish(Draft { raw: &raw, config, size, names, parent: Some(parent.to_owned()) })?.id)
    }
}

/// What the history says the layer was made by: the container's command, words joined.
fn command_line(config: &Value) -> String {
    let words = config.get("Cmd").and_then(Value::as_array);
    words.map(|words| words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")).unwrap_or_default()
}
