//! `platform`: a word (`linux/arm64`) where it is old, JSON where it is new.

use serde::Deserialize;
use stead_engine::Failure;

use crate::ask::Ask;
use crate::version::Version;

/// Reads the JSON form, which a parameter has from `since` on.
///
/// # Errors
/// JSON of another shape.
pub(super) fn json(ask: &Ask, since: Version) -> Result<Option<String>, Failure> {
    #[derive(Deserialize)]
    struct Platform {
        #[serde(default)]
        os: String,
        #[serde(default)]
        architecture: String,
        #[serde(default)]
        variant: String,
    }
    let Some(text) = ask.query().filled("platform").filter(|_| ask.version() >= since) else { return Ok(None) };
    let bad = |why: String| Failure::invalid(format!("failed to parse platform: {why}"));
    let platform: Platform = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
    if platform.os.is_empty() || platform.architecture.is_empty() {
        return Err(bad("both OS and Architecture must be provided".to_owned()));
    }
    let words = [platform.os, platform.architecture, platform.variant];
    Ok(Some(words.iter().filter(|w| !w.is_empty()).map(String::as_str).collect::<Vec<_>>().join("/")))
}
