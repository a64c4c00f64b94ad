//! Containers: `config.v2.json` and `hostconfig.json` are nearly Docker's API, and what they changed lies in overlay2.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use stead_base::ids;
use stead_base::time::Time;

use super::Driver;
use super::images::Store;
use crate::error::damaged;
use crate::survey::{Container, Survey};
use crate::{Result, live};

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Kept {
    #[serde(rename = "ID")]
    id: String,
    name: String,
    created: String,
    image: String,
    config: Value,
    state: State,
    driver: String,
    mount_points: Option<BTreeMap<String, Point>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    running: bool,
    pid: i64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Point {
    name: String,
    #[serde(rename = "Type")]
    kind: String,
    spec: Spec,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Spec {
    source: String,
}

/// The images that containers were made from.
pub(super) fn images_used(survey: &Survey) -> Result<BTreeSet<String>> {
    let mut used = BTreeSet::new();
    for id in survey.source.names(Path::new("containers"))? {
        let path = Path::new("containers").join(&id).join("config.v2.json");
        // What cannot be read is named when the containers are looked at.
        if let Ok(Some(kept)) = survey.source.json::<Kept>(&path) {
            used.insert(kept.image);
        }
    }
    Ok(used)
}

pub(super) fn look(survey: &mut Survey, images: Option<&Store>) -> Result<()> {
    for id in survey.source.names(Path::new("containers"))? {
        if !ids::is_full_id(&id) {
            continue;
        }
        let container = container(survey, &id, images);
        let container = survey.or_problem("container", &id, container);
        if let Some(container) = container.as_ref().filter(|container| container.running) {
            survey.users.push(format!("container {}", container.name));
        }
        survey.containers.extend(container);
    }
    Ok(())
}

fn container(survey: &Survey, id: &str, images: Option<&Store>) -> Result<Container> {
    let dir = Path::new("containers").join(id);
    let at = |name: &str| survey.source.path(&dir.join(name));
    let kept: Kept = survey.source.json(&dir.join("config.v2.json"))?.ok_or_else(|| damaged(at("config.v2.json"), "it is not there"))?;
    let host: Value = survey.source.json(&dir.join("hostconfig.json"))?.ok_or_else(|| damaged(at("hostconfig.json"), "it is not there"))?;
    if kept.id != id {
        return Err(damaged(at("config.v2.json"), "it is another container's"));
    }
    let mut notes = Vec::new();
    let changes = match images.filter(|store| store.driver.overlays && store.driver.name == kept.driver) {
        Some(store) => changes(survey, store, id)?,
        None => None,
    };
    if changes.is_none() {
        notes.push(match Driver::named(&kept.driver) {
            Some(driver) if driver.overlays => "what it wrote outside of its volumes is not there".to_owned(),
            _ => format!("what it wrote outside of its volumes stays behind: storage driver {}", kept.driver),
        });
    }
    let points = kept.mount_points.unwrap_or_default();
    let anonymous =
        points.into_iter().filter(|(_, point)| point.kind == "volume" && point.spec.source.is_empty() && !point.name.is_empty());
    Ok(Container {
        id: id.to_owned(),
        name: kept.name.trim_start_matches('/').to_owned(),
        created: Time::parse(&kept.created),
        image: kept.image,
        config: kept.config,
        host,
        anonymous: anonymous.map(|(at, point)| (at, point.name)).collect(),
        // A daemon that was killed leaves the word; then the process is gone.
        running: kept.state.running && live::is_alive(kept.state.pid),
        changes,
        notes,
    })
}

fn changes(survey: &Survey, store: &Store, id: &str) -> Result<Option<std::path::PathBuf>> {
    let word = survey.source.word(&store.dir.join("layerdb/mounts").join(id).join("mount-id"))?;
    Ok(word.and_then(|id| store.driver.files(&id)).filter(|files| survey.source.has_dir(files)))
}
