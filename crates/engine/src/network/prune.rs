//! `network prune`.

use std::collections::BTreeSet;

use stead_base::Kind;
use stead_base::filter::Filters;
use stead_base::time::{self, Time};
use stead_network::Network;

use crate::{Engine, Failure, Result};

const FILTERS: [&str; 3] = ["label", "label!", "until"];

impl Engine {
    /// Removes every network that somebody made and no container refers to; answers their names.
    ///
    /// # Errors
    /// A filter that is not known; a removal failed.
    pub fn network_prune(&self, filters: &Filters) -> Result<Vec<String>> {
        let mut deleted = Vec::new();
        for network in self.network_prune_plan(filters, &BTreeSet::new())? {
            match self.network_remove(&network.id) {
                Ok(()) => deleted.push(network.name),
                // Somebody was faster, or has just begun to use it.
                Err(failure) if matches!(failure.kind, Kind::NotFound | Kind::NotAllowed) => {}
                Err(failure) => return Err(failure),
            }
        }
        self.emit("network", "prune", "", crate::emit::owned(&[("reclaimed", "0")]));
        Ok(deleted)
    }

    /// What a prune would take if the containers `going` were not there.
    ///
    /// # Errors
    /// A filter that is not known.
    pub(crate) fn network_prune_plan(&self, filters: &Filters, going: &BTreeSet<&str>) -> Result<Vec<Network>> {
        filters.check(&FILTERS)?;
        let before = match filters.get("until") {
            [] => None,
            [one] => {
                Some(time::parse_moment(one, Time::now()).ok_or_else(|| Failure::invalid(format!("invalid filter 'until=[{one:?}]'")))?)
            }
            _ => return Err(Failure::invalid("more than one until filter specified")),
        };
        let used = self.used_networks(going)?;
        let mut networks = self.networks.list()?;
        networks.retain(|network| {
            let old = before.is_none_or(|moment| network.created < moment);
            !network.is_predefined() && !used.contains(&network.id) && old && filters.labels(&network.labels)
        });
        Ok(networks)
    }
}
