//! `ps`: a line for each container, filtered.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use stead_base::filter::Filters;
use stead_base::time::Time;

use super::filter;
use super::record::Container;
use super::state::Now;
use crate::{Engine, Result};

/// What `ps` was asked.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Those that do not run, too.
    pub all: bool,
    /// Only the newest so many, whatever their state.
    pub last: Option<usize>,
    /// Compute sizes.
    pub size: bool,
    /// Filters.
    pub filters: Filters,
}

/// One line of `ps`, in the JSON of Docker's `GET /containers/json`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Summary {
    /// Full id.
    pub id: String,
    /// Names with Docker's leading slash.
    pub names: Vec<String>,
    /// The reference as typed.
    pub image: String,
    /// The image's id.
    #[serde(rename = "ImageID")]
    pub image_id: String,
    /// The command line.
    pub command: String,
    /// Seconds since the epoch.
    pub created: i64,
    /// Published ports.
    pub ports: Vec<Value>,
    /// Bytes the container changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_rw: Option<u64>,
    /// Bytes in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_root_fs: Option<u64>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `running`, `exited`, …
    pub state: String,
    /// `Up 2 minutes`.
    pub status: String,
    /// `{NetworkMode}`.
    pub host_config: Value,
    /// `{Networks}`.
    pub network_settings: Value,
    /// As inspect's.
    pub mounts: Vec<Value>,
}

/// From so many containers on two threads look at them.
const SHARED_FROM: usize = 32;

const FILTERS: [&str; 18] = [
    "id",
    "name",
    "label",
    "label!",
    "status",
    "exited",
    "ancestor",
    "before",
    "since",
    "volume",
    "network",
    "health",
    "publish",
    "expose",
    "is-task",
    "isolation",
    "restart-policy",
    "label-file",
];

impl Engine {
    /// Lists containers, the newest first. A record that cannot be read is left out here and named by `system check`.
    ///
    /// # Errors
    /// A filter that is not known, or names a container or image that is not there.
    pub fn container_list(&self, options: &ListOptions) -> Result<Vec<Summary>> {
        options.filters.check(&FILTERS)?;
        filter::check(&options.filters)?;
        let mut containers: Vec<Container> =
            self.store.read(|tx| tx.list::<Container>())?.into_iter().filter_map(std::result::Result::ok).collect();
        containers.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        let bounds = self.bounds(options)?;
        let ancestors = self.ancestors(options)?;
        let everything = options.all || options.last.is_some() || ["status", "exited"].iter().any(|k| options.filters.has(k));
        let moment = Time::now();
        let look = |container: &Container| -> Result<Option<Summary>> {
            let now = self.now(&container.id);
            let wanted = (everything || now.is_alive()) && bounds.hold(container) && matches(&options.filters, container, &now);
            let wanted = wanted && self.passes_network(&options.filters, container);
            let descends = ancestors.as_ref().is_none_or(|ids| ids.contains(&container.image) || ids.contains(&container.config.image));
            if !wanted || !descends {
                return Ok(None);
            }
            let line = self.summary(container, &now, moment, options.size)?;
            Ok(filter::ports(&options.filters, &line.ports).then_some(line))
        };
        let Some(last) = options.last else { return all(&containers, &look) };
        containers.iter().filter_map(|container| look(container).transpose()).take(last).collect()
    }

    fn bounds(&self, options: &ListOptions) -> Result<Bounds> {
        let created = |key: &str| options.filters.get(key).last().map(|name| self.container(name).map(|c| c.created)).transpose();
        Ok(Bounds { before: created("before")?, since: created("since")? })
    }

    fn ancestors(&self, options: &ListOptions) -> Result<Option<Vec<String>>> {
        let asked = options.filters.get("ancestor");
        if asked.is_empty() {
            return Ok(None);
        }
        let mut ids = Vec::new();
        for name in asked {
            ids.push(name.clone());
            if let Ok(image) = self.images.resolve(name) {
                ids.push(image.id.clone());
            }
        }
        Ok(Some(ids))
    }

    fn summary(&self, container: &Container, now: &Now, moment: Time, size: bool) -> Result<Summary> {
        let sizes = if size { Some(self.container_size(container)?) } else { None };
        let sandbox = self.sandbox(container, now);
        Ok(Summary {
            id: container.id.clone(),
            names: vec![format!("/{}", container.name)],
            image: container.config.image.clone(),
            image_id: container.image.clone(),
            command: command_line(&container.args()),
            created: container.created.seconds(),
            ports: super::endpoints::port_list(container, sandbox.as_ref()),
            size_rw: sizes.map(|s| s.0),
            size_root_fs: sizes.map(|s| s.1),
            labels: container.config.labels.clone(),
            state: now.status.to_owned(),
            status: now.words(moment),
            host_config: serde_json::json!({ "NetworkMode": super::endpoints::network_mode(container) }),
            network_settings: serde_json::json!({ "Networks": self.endpoints(container, sandbox.as_ref()) }),
            mounts: container.mounts.iter().map(stead_mount::view::inspect).collect(),
        })
    }
}

/// Looks at each. Of many, two threads do: what is read of each are a few small files.
fn all(containers: &[Container], look: &(dyn Fn(&Container) -> Result<Option<Summary>> + Sync)) -> Result<Vec<Summary>> {
    let each = |part: &[Container]| part.iter().filter_map(|container| look(container).transpose()).collect::<Result<Vec<_>>>();
    if containers.len() < SHARED_FROM {
        return each(containers);
    }
    let (first, second) = containers.split_at(containers.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| each(second));
        let mut lines = each(first)?;
        lines.extend(other.join().unwrap_or_else(|_panic| each(second))?);
        Ok(lines)
    })
}

/// The command line as Docker shows it: arguments with a space stand in quotes.
fn command_line(args: &[String]) -> String {
    let shown = args.iter().enumerate().map(|(i, arg)| if i > 0 && arg.contains(' ') { format!("'{arg}'") } else { arg.clone() });
    shown.collect::<Vec<_>>().join(" ")
}

struct Bounds {
    before: Option<Time>,
    since: Option<Time>,
}

impl Bounds {
    fn hold(&self, container: &Container) -> bool {
        self.before.is_none_or(|b| container.created < b) && self.since.is_none_or(|s| container.created > s)
    }
}

fn matches(filters: &Filters, container: &Container, now: &Now) -> bool {
    let volume = |wanted: &str| container.mounts.iter().any(|m| m.name == wanted || m.source == wanted || m.destination == wanted);
    let name = |wanted: &str| container.name.contains(wanted.trim_start_matches('^').trim_end_matches('$').trim_start_matches('/'));
    let exact_name = |wanted: &str| match (wanted.strip_prefix('^'), wanted.strip_suffix('$')) {
        (Some(_), Some(_)) => container.name == wanted.trim_matches(['^', '$']).trim_start_matches('/'),
        (Some(_), None) => container.name.starts_with(wanted.trim_start_matches('^').trim_start_matches('/')),
        (None, Some(_)) => container.name.ends_with(wanted.trim_end_matches('$')),
        (None, None) => name(wanted),
    };
    let exited = |wanted: &str| matches!(now.status, "exited") && now.exit_code().to_string() == wanted;
    let policy =
        |wanted: &str| container.host.restart_policy.name == wanted || (wanted == "no" && container.host.restart_policy.name.is_empty());
    // There is no swarm whose tasks they could be.
    !filters.flag("is-task").ok().flatten().unwrap_or(false)
        && filters.any("id", |wanted| container.id.starts_with(wanted))
        && filters.any("name", exact_name)
        && filters.any("status", |wanted| now.status == wanted)
        && filters.any("exited", exited)
        && filters.any("health", |wanted| now.health_word() == wanted)
        && filters.any("volume", volume)
        && filters.any("restart-policy", policy)
        && filters.labels(&container.config.labels)
}
