//! Volumes: a directory with `_data` each; labels and options lie in `metadata.db`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use stead_base::ids;
use stead_base::time::Time;

use super::VOLUME_DB;
use crate::Result;
use crate::bolt::{self, Item};
use crate::error::damaged;
use crate::survey::{Survey, Volume};
use crate::tree::Source;

/// Largest `metadata.db`: half a million volumes.
const DB_MAX: u64 = 256 << 20;
/// Docker's mark of a volume nobody named.
const ANONYMOUS: &str = "com.docker.volume.anonymous";

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Metadata {
    driver: String,
    labels: Option<BTreeMap<String, String>>,
    options: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Options {
    mount_type: String,
    mount_opts: String,
    mount_device: String,
    quota: Quota,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Quota {
    size: u64,
}

pub(super) fn look(survey: &mut Survey) -> Result<()> {
    let mut known = match metadata(&survey.source) {
        Ok(known) => known,
        Err(error) => {
            survey.remarks.push(format!("{error}: labels of volumes are lost, and volumes of plugins are not seen"));
            BTreeMap::new()
        }
    };
    for name in survey.source.names(Path::new("volumes"))? {
        let data = Path::new("volumes").join(&name).join("_data");
        if !survey.source.has_dir(&Path::new("volumes").join(&name)) {
            // metadata.db and backingFsBlockDev; a link that an administrator put there is worth a word.
            if survey.source.stat(&Path::new("volumes").join(&name)).is_err() && name != "backingFsBlockDev" {
                survey.problem("volume", &name, "it is a symbolic link, which is not followed: adopt what it leads to by hand");
            }
            known.remove(&name);
            continue;
        }
        let metadata = known.remove(&name).unwrap_or_default();
        if !survey.source.has_dir(&data) {
            survey.problem("volume", &name, "it has no _data directory");
            continue;
        }
        if !metadata.driver.is_empty() && metadata.driver != "local" {
            survey.problem("volume", &name, format!("its content is kept by the plugin {}", metadata.driver));
            continue;
        }
        let options = options(&survey.source, &name, metadata.options.unwrap_or_default());
        let Some(options) = survey.or_problem("volume", &name, options) else { continue };
        let labels = metadata.labels.unwrap_or_default();
        // Engines before 23 do not label what nobody named; its name is 64 digits.
        let anonymous = labels.contains_key(ANONYMOUS) || ids::is_full_id(&name);
        let created = survey
            .source
            .stat(&Path::new("volumes").join(&name))
            .ok()
            .map(|stat| Time::from_nanos(i128::from(stat.st_ctime) * 1_000_000_000 + i128::from(stat.st_ctime_nsec)));
        survey.volumes.push(Volume { name, driver: "local".to_owned(), labels, options, created, anonymous, data });
    }
    for (name, metadata) in known {
        if !metadata.driver.is_empty() && metadata.driver != "local" {
            survey.problem("volume", name, format!("its content is kept by the plugin {}", metadata.driver));
        }
    }
    Ok(())
}

/// What the local driver will really do lies in `opts.json`; the database only repeats what was asked.
fn options(source: &Source, name: &str, asked: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let rel = Path::new("volumes").join(name).join("opts.json");
    let Some(kept) = source.json::<Options>(&rel)? else { return Ok(BTreeMap::new()) };
    let mut options = asked;
    for (key, value) in [("type", kept.mount_type), ("o", kept.mount_opts), ("device", kept.mount_device)] {
        if !value.is_empty() {
            options.insert(key.to_owned(), value);
        }
    }
    if kept.quota.size > 0 {
        options.entry("size".to_owned()).or_insert_with(|| kept.quota.size.to_string());
    }
    Ok(options)
}

fn metadata(source: &Source) -> Result<BTreeMap<String, Metadata>> {
    let rel = Path::new(VOLUME_DB);
    let Some(bytes) = source.read(rel, DB_MAX)? else { return Ok(BTreeMap::new()) };
    let failed = |error: bolt::Damage| damaged(source.path(rel), error);
    let Some(bucket) = bolt::open(&bytes).map_err(failed)?.bucket(b"volumes").map_err(failed)? else { return Ok(BTreeMap::new()) };
    let mut known = BTreeMap::new();
    for (key, item) in bucket.items().map_err(failed)? {
        if let (Ok(name), Item::Value(value)) = (std::str::from_utf8(key), item)
            && let Ok(metadata) = serde_json::from_slice(value)
        {
            known.insert(name.to_owned(), metadata);
        }
    }
    Ok(known)
}
