//! `docker image inspect`: the JSON Docker shows, from the exact bytes of the config.

use serde_json::{Map, Value, json};
use stead_base::Digest;

use crate::{ImageRecord, Images, Result};

impl Images {
    /// One image as Docker's `inspect` shows it.
    ///
    /// # Errors
    /// No such image.
    pub fn inspect(&self, text: &str) -> Result<Value> {
        let image = self.resolve(text)?;
        Ok(self.inspect_record(&image))
    }

    /// As [`Images::inspect`], of an image already found.
    #[must_use]
    pub fn inspect_record(&self, image: &ImageRecord) -> Value {
        // What Stead does not read itself (a builder's extra fields) comes from the exact bytes; without them the record must do.
        let raw = Digest::parse(&image.id).ok().and_then(|id| self.read_blob(&id).ok());
        let raw: Value = raw.and_then(|raw| serde_json::from_slice(&raw).ok()).unwrap_or(Value::Null);
        let config = &image.config;
        // As Docker: what the config does not say, its last step may.
        let last = config.history.last().map_or("", |step| &step.comment);
        let comment = if config.comment.is_empty() { last } else { &config.comment };
        let mut out = json!({
            "Id": image.id,
            "RepoTags": image.tags,
            "RepoDigests": image.digests,
            "Parent": image.parent,
            "Comment": comment,
            "Created": config.created,
            "DockerVersion": config.docker_version,
            "Author": config.author,
            "Config": defaults(image, raw.get("config")),
            "Architecture": config.architecture,
        });
        if let Some(map) = out.as_object_mut() {
            self.complete(map, image);
        }
        out
    }

    /// What clients before API 1.45 also see: the container an image was committed from.
    #[must_use]
    pub fn origin(&self, image: &ImageRecord) -> (Value, Value) {
        let raw = Digest::parse(&image.id).ok().and_then(|id| self.read_blob(&id).ok());
        let raw: Value = raw.and_then(|raw| serde_json::from_slice(&raw).ok()).unwrap_or(Value::Null);
        let container = raw.get("container").filter(|v| v.is_string()).cloned().unwrap_or_else(|| json!(""));
        (container, raw.get("container_config").filter(|v| v.is_object()).cloned().unwrap_or(Value::Null))
    }

    fn complete(&self, map: &mut Map<String, Value>, image: &ImageRecord) {
        let config = &image.config;
        if !config.variant.is_empty() {
            map.insert("Variant".to_owned(), json!(config.variant));
        }
        map.insert("Os".to_owned(), json!(config.os_or_linux()));
        if !config.os_version.is_empty() {
            map.insert("OsVersion".to_owned(), json!(config.os_version));
        }
        if map.get("Created").is_some_and(Value::is_null) {
            map.remove("Created");
        }
        map.insert("Size".to_owned(), json!(image.size));
        let dirs: Vec<String> =
            image.diff_ids().iter().rev().map(|id| self.root.layer(id.hex()).join("diff").display().to_string()).collect();
        let mut data = Map::new();
        if let Some((top, below)) = dirs.split_first() {
            if !below.is_empty() {
                data.insert("LowerDir".to_owned(), json!(below.join(":")));
            }
            data.insert("UpperDir".to_owned(), json!(top));
        }
        map.insert("GraphDriver".to_owned(), json!({ "Data": data, "Name": "overlay2" }));
        let mut rootfs = json!({ "Type": "layers" });
        if let (Some(rootfs), false) = (rootfs.as_object_mut(), image.diff_ids().is_empty()) {
            rootfs.insert("Layers".to_owned(), json!(image.diff_ids()));
        }
        map.insert("RootFS".to_owned(), rootfs);
        map.insert("Metadata".to_owned(), json!({ "LastTagTime": image.added.rfc3339_nano() }));
    }
}

/// Docker's `container.Config` with every field that Go writes even when it is empty.
fn defaults(image: &ImageRecord, raw: Option<&Value>) -> Value {
    let c = &image.config.config;
    let list = |l: &Option<Vec<String>>| l.as_ref().map_or(Value::Null, |l| json!(l));
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
    put("Hostname", json!(""));
    put("Domainname", json!(""));
    put("User", json!(c.user));
    for key in ["AttachStdin", "AttachStdout", "AttachStderr"] {
        put(key, json!(false));
    }
    if !c.exposed_ports.is_empty() {
        put("ExposedPorts", json!(c.exposed_ports));
    }
    for key in ["Tty", "OpenStdin", "StdinOnce"] {
        put(key, json!(false));
    }
    put("Env", if c.env.is_empty() { Value::Null } else { json!(c.env) });
    put("Cmd", list(&c.cmd));
    if let Some(check) = &c.healthcheck {
        put("Healthcheck", json!(check));
    }
    if c.args_escaped {
        put("ArgsEscaped", json!(true));
    }
    put("Image", raw.and_then(|raw| raw.get("Image")).filter(|image| image.is_string()).cloned().unwrap_or(json!("")));
    put("Volumes", if c.volumes.is_empty() { Value::Null } else { json!(c.volumes) });
    put("WorkingDir", json!(c.working_dir));
    put("Entrypoint", list(&c.entrypoint));
    put("OnBuild", list(&c.on_build));
    put("Labels", if c.labels.is_empty() { Value::Null } else { json!(c.labels) });
    if let Some(signal) = &c.stop_signal {
        put("StopSignal", json!(signal));
    }
    if let Some(shell) = &c.shell {
        put("Shell", json!(shell));
    }
    Value::Object(out)
}
