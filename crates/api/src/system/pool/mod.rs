//! `/stead/system/pool`: one verb a file.

pub(super) mod create;
pub(super) mod grow;
pub(super) mod inspect;
pub(super) mod rm;

use serde::Deserialize;

/// What is asked of a pool.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    size: Option<u64>,
    device: Option<std::path::PathBuf>,
    force: bool,
}
