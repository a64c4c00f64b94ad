//! From what a user types to one container: full id, name, or the beginning of an id.

use super::record::Container;
use crate::{Engine, Failure, Result};

impl Engine {
    /// Finds one container. A name wins over the beginning of an id, as in Docker.
    ///
    /// # Errors
    /// `No such container: x`, or that several ids begin so.
    pub(crate) fn container(&self, typed: &str) -> Result<Container> {
        let wanted = typed.strip_prefix('/').unwrap_or(typed);
        self.store.read(|tx| {
            if let Some(found) = tx.get::<Container>(wanted)? {
                return Ok(found);
            }
            if let Some(found) = tx.by_name::<Container>(wanted)? {
                return Ok(found);
            }
            let mut ids = tx.ids_with_prefix::<Container>(wanted)?;
            match (ids.pop(), ids.is_empty()) {
                (Some(id), true) => tx.get::<Container>(&id)?.ok_or_else(|| Failure::no_container(typed)),
                (Some(_), false) => Err(Failure::invalid(format!("multiple IDs found with provided prefix: {typed}"))),
                (None, _) => Err(Failure::no_container(typed)),
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
