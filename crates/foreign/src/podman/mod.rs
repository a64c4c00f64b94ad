//! A graph root of Podman, which is one of containers/storage with libpod's database beside it.

mod database;
mod definition;
mod images;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stead_base::ids;
use stead_base::time::Time;

use crate::docker::Driver;
use crate::survey::{Container, Survey, Volume};
use crate::{Error, Result, live};
use database::Database;

/// Storage drivers whose layers are plain directories, in the order of how usual they are.
const DRIVERS: [&str; 3] = ["overlay", "vfs", "btrfs"];

#[derive(Deserialize, Default)]
#[serde(default)]
struct VolumeConfig {
    #[serde(rename = "volumeDriver")]
    driver: String,
    labels: Option<BTreeMap<String, String>>,
    options: Option<BTreeMap<String, String>>,
    #[serde(rename = "createdAt")]
    created: String,
    #[serde(rename = "isAnon")]
    anonymous: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct State {
    state: i64,
    pid: i64,
}

/// Running, paused, stopping.
const ALIVE: [i64; 3] = [3, 5, 8];

pub(crate) fn look(survey: &mut Survey) -> Result<()> {
    let source = &survey.source;
    let driver = DRIVERS.into_iter().find(|name| source.has_dir(Path::new(&format!("{name}-layers")))).and_then(Driver::named);
    if driver.is_none() && !source.has_dir(Path::new("volumes")) && !source.has_dir(Path::new("libpod")) {
        return Err(Error::NoRoot {
            path: source.shown().to_path_buf(),
            maker: "Podman",
            wanted: "overlay-layers, volumes or libpod directory",
        });
    }
    let database = match Database::read(source) {
        Ok(database) => database,
        Err(error) => {
            survey.remarks.push(format!("{error}: labels of volumes and definitions of containers are lost"));
            Database::default()
        }
    };
    survey.remarks.extend(database.remark.clone());
    volumes(survey, &database)?;
    let mut storage = images::Storage::default();
    match &driver {
        Some(driver) => {
            storage = images::Storage::read(&survey.source, driver)?;
            images::look(survey, driver, &storage);
        }
        None => survey
            .remarks
            .push("there is no storage driver whose images can be read from its files: use `podman save` and `stead load`".to_owned()),
    }
    containers(survey, &database, &storage, driver.as_ref());
    Ok(())
}

fn volumes(survey: &mut Survey, database: &Database) -> Result<()> {
    for name in survey.source.names(Path::new("volumes"))? {
        let dir = Path::new("volumes").join(&name);
        let data = dir.join("_data");
        if !survey.source.has_dir(&dir) {
            if survey.source.stat(&dir).is_err() && name != "backingFsBlockDev" {
                survey.problem("volume", &name, "it is a symbolic link, which is not followed: adopt what it leads to by hand");
            }
            continue;
        }
        let config: VolumeConfig = match database.volumes.get(&name) {
            Some(text) => match serde_json::from_slice(text) {
                Ok(config) => config,
                Err(error) => {
                    survey.problem("volume", &name, error);
                    continue;
                }
            },
            // Without a database the directories are all there is.
            None if !database.is_known => VolumeConfig::default(),
            None => {
                survey.not_for_us("volume", &name, "Podman's database does not know it: it was half made or half removed");
                continue;
            }
        };
        if !matches!(config.driver.as_str(), "" | "local") {
            survey.problem("volume", &name, format!("its content is kept by the driver {}", config.driver));
            continue;
        }
        if !survey.source.has_dir(&data) {
            survey.problem("volume", &name, "it has no _data directory");
            continue;
        }
        // Podman also keeps options here that say how it made the directory (UID, GID, nocopy); only these three are mounts.
        let mut options = config.options.unwrap_or_default();
        options.retain(|key, value| matches!(key.as_str(), "type" | "o" | "device") && !value.is_empty());
        survey.volumes.push(Volume {
            anonymous: config.anonymous || ids::is_full_id(&name),
            name,
            driver: "local".to_owned(),
            labels: config.labels.unwrap_or_default(),
            options,
            created: Time::parse(&config.created),
            data,
        });
    }
    Ok(())
}

fn containers(survey: &mut Survey, database: &Database, storage: &images::Storage, driver: Option<&Driver>) {
    let anonymous: Vec<String> = survey.volumes.iter().filter(|volume| volume.anonymous).map(|volume| volume.name.clone()).collect();
    for (id, (config, state)) in &database.containers {
        let read = match definition::read(id, config, &anonymous) {
            Ok(Some(container)) => container,
            // Podman's own: it holds a pod's namespaces.
            Ok(None) => continue,
            Err(why) => {
                survey.problem("container", id, why);
                continue;
            }
        };
        let state: State = serde_json::from_slice(state).unwrap_or_default();
        let running = ALIVE.contains(&state.state) && live::is_alive(state.pid);
        let changes = changes(survey, storage, driver, id);
        let mut container = Container { running, changes, ..read };
        if container.changes.is_none() {
            container.notes.push("what it wrote outside of its volumes stays behind".to_owned());
        }
        if running {
            survey.users.push(format!("container {}", container.name));
        }
        survey.containers.push(container);
    }
}

fn changes(survey: &Survey, storage: &images::Storage, driver: Option<&Driver>, id: &str) -> Option<PathBuf> {
    let driver = driver.filter(|driver| driver.overlays)?;
    driver.files(storage.writable.get(id)?).filter(|files| survey.source.has_dir(files))
}
