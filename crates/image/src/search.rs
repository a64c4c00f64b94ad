//! `docker search`: what the index of a registry (in practice Docker Hub's) says.

use serde::{Deserialize, Serialize};

use crate::registry::Access;
use crate::{Error, Images, Result};

/// One repository of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// Stars.
    pub star_count: i64,
    /// Whether it is one of Docker's official images.
    pub is_official: bool,
    /// The name.
    pub name: String,
    /// Always false: there are no automated builds any more.
    pub is_automated: bool,
    /// A line about it.
    pub description: String,
}

impl Images {
    /// Asks the index for at most `limit` repositories.
    ///
    /// # Errors
    /// A term that names another scheme or nothing; the way to the index.
    pub fn search(&self, term: &str, limit: i64, access: &Access) -> Result<Vec<Found>> {
        if term.contains("://") {
            return Err(Error::Search(format!("invalid repository name: repository name ({term}) should not have a scheme")));
        }
        let looks_like_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
        let (host, term) = match term.split_once('/') {
            Some((host, rest)) if looks_like_host(host) => (host, rest),
            _ => ("docker.io", term),
        };
        let term = if host == "docker.io" { term.strip_prefix("library/").unwrap_or(term) } else { term };
        let mut found = crate::registry::search(access, host, term, limit)?;
        for one in &mut found {
            one.is_automated = false;
            // What an index says is shown on a terminal.
            one.description.retain(|c| !c.is_control());
            one.name.retain(|c| !c.is_control());
        }
        found.truncate(usize::try_from(limit).unwrap_or(0));
        Ok(found)
    }
}
