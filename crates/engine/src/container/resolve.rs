//! From what a user types to one container: full id, name, or the beginning of an id.

use stead_base::ids::is_lower_hex;

use super::record::{Container, KIND};
use crate::{Engine, Failure, Result};

impl Engine {
    /// Finds one container. A name wins over the beginning of an id, as in Docker.
    ///
    /// # Errors
    /// `No such container: x`, or that several ids begin so.
    pub(crate) fn container(&self, typed: &str) -> Result<Container> {
        if typed.is_empty() {
            return Err(Failure::invalid("invalid name or ID supplied: \"\""));
        }
        let wanted = typed.strip_prefix('/').unwrap_or(typed);
        self.store.read(|tx| {
            if let Some(found) = tx.get::<Container>(wanted)? {
                return Ok(found);
            }
            if let Some(found) = tx.by_name::<Container>(wanted)? {
                return Ok(found);
            }
            let ids = if is_lower_hex(wanted) && !wanted.is_empty() { tx.ids_by_prefix(KIND, wanted, 2)? } else { Vec::new() };
            match ids.as_slice() {
                [id] => tx.get::<Container>(id)?.ok_or_else(|| Failure::no_container(typed)),
                [] => Err(Failure::no_container(typed)),
                _ => Err(Failure::invalid(format!("multiple IDs found with provided prefix: {typed}"))),
            }
        })
    }

    /// The full id behind what a user typed.
    ///
    /// # Errors
    /// As [`Engine::container_inspect`].
    pub fn container_resolve(&self, typed: &str) -> Result<String> {
        Ok(self.container(typed)?.id)
    }
}
