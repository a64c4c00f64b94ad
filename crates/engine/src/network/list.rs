//! `network ls`.

use std::collections::BTreeSet;

use stead_base::filter::{FilterError, Filters};
use stead_network::Network;

use super::NetworkView;
use super::view::view;
use crate::container::record::Container;
use crate::{Engine, Result};

const FILTERS: [&str; 8] = ["dangling", "driver", "id", "label", "label!", "name", "scope", "type"];

impl Engine {
    /// Networks that pass the filters, by name.
    ///
    /// # Errors
    /// A filter that is not known, or a value that does not fit it.
    pub fn network_list(&self, filters: &Filters) -> Result<Vec<NetworkView>> {
        filters.check(&FILTERS)?;
        let dangling = filters.flag("dangling")?;
        if let Some(bad) = filters.get("type").iter().find(|kind| !matches!(kind.as_str(), "custom" | "builtin")) {
            return Err(FilterError::Value { key: "type".to_owned(), values: vec![bad.clone()] }.into());
        }
        let used = if dangling.is_some() { self.used_networks(&BTreeSet::new())? } else { BTreeSet::new() };
        let passes = |network: &Network| {
            let builtin = network.is_predefined();
            filters.any("name", |wanted| network.name.contains(wanted))
                && filters.any("id", |wanted| network.id.starts_with(wanted))
                && filters.any("driver", |wanted| network.driver == wanted)
                && filters.any("scope", |wanted| wanted == "local")
                && filters.any("type", |wanted| (wanted == "builtin") == builtin)
                && filters.labels(&network.labels)
                && dangling.is_none_or(|wanted| wanted == (!builtin && !used.contains(&network.id)))
        };
        Ok(self.networks.list()?.iter().filter(|network| passes(network)).map(|network| view(network, None)).collect())
    }

    /// Ids of the networks that any container but these refers to, running or not.
    pub(crate) fn used_networks(&self, except: &BTreeSet<&str>) -> Result<BTreeSet<String>> {
        let containers = self.store.read(|tx| tx.list::<Container>())?;
        let mut names: BTreeSet<String> = BTreeSet::new();
        for container in containers.into_iter().flatten().filter(|c| !except.contains(c.id.as_str())) {
            names.extend(container.networks());
        }
        Ok(names.iter().filter_map(|name| self.networks.resolve(name).ok()).map(|network| network.id).collect())
    }
}
