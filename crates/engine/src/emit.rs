//! Saying what happened. Every verb that changes something ends with this; what cannot be said changes nothing about the verb.

use std::collections::BTreeMap;

use stead_event::{Draft, Flush};

use crate::Engine;
use crate::container::record::Container;

impl Engine {
    /// Writes an event to the journal. Best effort: a full disk or a damaged journal fails no verb.
    ///
    /// `kind` is `container`, `image`, `volume`, `network` or `daemon`; `action` and `attributes` are Docker's.
    pub fn emit(&self, kind: &str, action: &str, id: &str, attributes: BTreeMap<String, String>) {
        self.write_event(kind, action, id, attributes, flush(action));
    }

    /// The same for something that does not outlive its command anyway.
    pub(crate) fn emit_fleeting(&self, kind: &str, action: &str, id: &str, attributes: BTreeMap<String, String>) {
        self.write_event(kind, action, id, attributes, Flush::No);
    }

    fn write_event(&self, kind: &str, action: &str, id: &str, attributes: BTreeMap<String, String>, flush: Flush) {
        let draft = Draft { kind: kind.to_owned(), action: action.to_owned(), id: id.to_owned(), attributes };
        drop(stead_event::append(&self.root, draft, flush));
    }

    /// An event of a container, with its labels, its image and its name.
    pub(crate) fn emit_container(&self, container: &Container, action: &str, more: &[(&str, &str)]) {
        let mut attributes = owned(more);
        attributes.extend(container_attributes(container));
        if container.host.auto_remove {
            self.emit_fleeting("container", action, &container.id, attributes);
        } else {
            self.emit("container", action, &container.id, attributes);
        }
    }

    /// An event of a volume.
    pub(crate) fn emit_volume(&self, name: &str, action: &str, more: &[(&str, &str)]) {
        self.emit("volume", action, name, owned(more));
    }
}

/// What every event of a container tells about it.
pub(crate) fn container_attributes(container: &Container) -> BTreeMap<String, String> {
    let mut attributes = container.config.labels.clone();
    if !container.config.image.is_empty() {
        attributes.insert("image".to_owned(), container.config.image.clone());
    }
    attributes.insert("name".to_owned(), container.name.clone());
    attributes
}

pub(crate) fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// What is acknowledged as durable is told durably; what passes with the process is not worth the wait (docs/decisions/0005).
fn flush(action: &str) -> Flush {
    match action {
        "create" | "destroy" | "snapshot" | "snapshot-remove" | "rollback" | "rename" | "update" | "undelete" | "protect" | "unprotect"
        | "purge" | "resize" | "commit" | "pull" | "tag" | "untag" | "delete" | "load" | "import" | "prune" => Flush::Yes,
        _ => Flush::No,
    }
}
