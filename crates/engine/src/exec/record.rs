//! What is kept of a session. Its id begins like its container's, so that one finds the other without an index.

use serde::{Deserialize, Serialize};
use stead_base::Kind;
use stead_base::ids::is_lower_hex;
use stead_monitor::asked;

use super::create::ExecCreate;
use crate::container::record::KIND;
use crate::{Engine, Failure, Result};

/// Digits of the container's id in the session's.
const SHARED: usize = 32;

/// One session as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) container: String,
    pub(super) asked: ExecCreate,
}

/// A new id for a session of this container.
pub(super) fn new_id(container: &str) -> Result<String> {
    let random = stead_store::new_id()?;
    Ok(container.chars().take(SHARED).chain(random.chars().skip(SHARED)).collect())
}

fn unknown(id: &str) -> Failure {
    Failure::new(Kind::NotFound, format!("No such exec instance: {id}"))
}

impl Engine {
    /// Finds a session.
    ///
    /// # Errors
    /// `No such exec instance: x`.
    pub(super) fn exec_record(&self, id: &str) -> Result<Record> {
        if id.len() != 2 * SHARED || !is_lower_hex(id) {
            return Err(unknown(id));
        }
        let containers = self.store.read(|tx| tx.ids_by_prefix(KIND, &id[..SHARED], 2))?;
        let kept = containers.iter().find_map(|container| asked::load(&self.run_root, container, id));
        kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| unknown(id))
    }
}
