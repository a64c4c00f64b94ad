//! Another name for a container. The record holds the name, so one publish changes it, running or not.

use stead_base::names;

use super::create::name_taken;
use super::record::Container;
use crate::emit::container_attributes;
use crate::{Engine, Failure, Result};

impl Engine {
    /// Gives a container another name. Its id, its host name and what is mounted stay.
    ///
    /// # Errors
    /// No such container; a name that is taken, not allowed, or its own already.
    pub fn container_rename(&self, typed: &str, name: &str) -> Result<()> {
        if typed.is_empty() || name.is_empty() {
            return Err(Failure::invalid("Neither old nor new names may be empty"));
        }
        let id = self.container(typed)?.id;
        let wanted = name.strip_prefix('/').unwrap_or(name);
        let (container, old) = self.store.publish(|tx| {
            let mut container: Container = tx.get(&id)?.ok_or_else(|| Failure::no_container(typed))?;
            if container.name == wanted {
                return Err(Failure::invalid("Renaming a container with the same name as its current name"));
            }
            if names::check_container(wanted).is_err() {
                let what = format!("Invalid container name (/{wanted}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
                return Err(Failure::invalid(format!("Error when allocating new name: {what}")));
            }
            if let Some(other) = tx.by_name::<Container>(wanted)? {
                let taken = name_taken(wanted, &other.id);
                return Err(Failure { message: format!("Error when allocating new name: {}", taken.message), ..taken });
            }
            let old = std::mem::replace(&mut container.name, wanted.to_owned());
            tx.put(&container)?;
            Ok((container, old))
        })?;
        if let Some(mut client) = self.client_if_alive(&id)? {
            // A monitor that has just gone has nothing more to say under the old name.
            drop(client.set_attributes(&container_attributes(&container)));
        }
        if let Err(error) = self.networks.rename(&id, &old, wanted, &|id| self.is_looked_after(id)) {
            // It has its new name; its networks learn it at the next start.
            self.warn(&format!("the container's networks still know it as {old}: {error}"));
        }
        self.emit_container(&container, "rename", &[("oldName", &format!("/{old}"))]);
        Ok(())
    }
}
