//! `system config`: what the administrator has set for this root, in `config.json`. One visible list of keys; what is not set has its default.

mod get;
mod ls;
mod set;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use stead_base::layout::Root;
use stead_base::{Kind, size, time};

use crate::{Failure, Result};

/// One thing that can be set.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name, `noun.what`.
    pub name: &'static str,
    /// What holds where nothing is set.
    pub default: &'static str,
    /// What it does, in a clause.
    pub about: &'static str,
    /// Refuses a value that cannot be, and says what could.
    check: fn(&str) -> std::result::Result<(), String>,
}

/// How long removed volumes with a name of their own stay in the trash.
pub const KEEP_NAMED: &str = "trash.keep-named";
/// How long removed anonymous volumes do.
pub const KEEP_ANONYMOUS: &str = "trash.keep-anonymous";
/// Free space below which the trash is given back.
pub const PRESSURE: &str = "trash.pressure";

/// What is done about data that would go to an anonymous volume.
pub const GUARD: &str = "volume.guard";

/// How long containers may stand still for a snapshot.
pub const FREEZE_LIMIT: &str = "snapshot.freeze-limit";

/// How long a container's hook may take before or after a snapshot.
pub const HOOK_LIMIT: &str = "snapshot.hook-limit";

/// Everything that can be set, by name.
pub const KEYS: &[Key] = &[
    Key {
        name: FREEZE_LIMIT,
        default: "30s",
        about: "how long containers may stand still for a snapshot before it is given up",
        check: check_limit,
    },
    Key { name: HOOK_LIMIT, default: "60s", about: "how long a container's hook may take before or after a snapshot", check: check_limit },
    Key { name: KEEP_ANONYMOUS, default: "1d", about: "how long a removed anonymous volume can be had back", check: check_age },
    Key { name: KEEP_NAMED, default: "7d", about: "how long a removed volume with a name can be had back", check: check_age },
    Key {
        name: PRESSURE,
        default: "off",
        about: "free space below which the oldest removed volumes are given back",
        check: check_pressure,
    },
    Key {
        name: GUARD,
        default: "warn",
        about: "what is done when an image's data would go to an anonymous volume (warn, refuse or off)",
        check: check_guard,
    },
    Key {
        name: stead_volume::POOL_KEY,
        default: "false",
        about: "whether new volumes that say nothing lie in the pool",
        check: check_flag,
    },
];

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Setting {
    /// The key.
    pub key: String,
    /// What holds.
    pub value: String,
    /// Whether nobody has set it.
    pub is_default: bool,
    /// What it does.
    pub about: String,
}

/// The file as it is. Keys that this stead does not know are kept as they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config(BTreeMap<String, Value>);

impl Config {
    /// Reads the file; one that is not there sets nothing.
    ///
    /// # Errors
    /// It cannot be read, or is no JSON object.
    pub(crate) fn read(root: &Root) -> Result<Self> {
        Ok(Self(stead_store::config::read(root)?))
    }

    /// What holds for a key of [`KEYS`]. A value that cannot be is an error, not the default: who set it meant something by it.
    ///
    /// # Errors
    /// The key is not known; its value cannot be.
    pub(crate) fn value(&self, name: &str) -> Result<String> {
        let key = key(name)?;
        let Some(set) = self.0.get(name) else { return Ok(key.default.to_owned()) };
        let text = set.as_str().map_or_else(|| set.to_string(), str::to_owned);
        checked(key, &text)?;
        Ok(text)
    }

    /// A duration in nanoseconds.
    pub(crate) fn age(&self, name: &str) -> Result<i128> {
        let text = self.value(name)?;
        time::parse_age(&text).ok_or_else(|| Failure::invalid(format!("invalid value {text:?} for {name}")))
    }

    /// A size in bytes; `None` where it is off.
    pub(crate) fn bytes(&self, name: &str) -> Result<Option<u64>> {
        let text = self.value(name)?;
        if text == "off" {
            return Ok(None);
        }
        let bytes = size::parse_ram(&text).ok().and_then(|n| u64::try_from(n).ok());
        bytes.map(Some).ok_or_else(|| Failure::invalid(format!("invalid value {text:?} for {name}")))
    }
}

/// The key of that name.
fn key(name: &str) -> Result<&'static Key> {
    KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
        Failure::new(Kind::NotFound, format!("no such setting: {name}")).with_hint("'stead system config ls' shows all that can be set")
    })
}

fn checked(key: &Key, value: &str) -> Result<()> {
    (key.check)(value).map_err(|why| Failure::invalid(format!("invalid value {value:?} for {}: {why}", key.name)))
}

fn check_age(text: &str) -> std::result::Result<(), String> {
    time::parse_age(text).map(drop).ok_or_else(|| "it is a duration such as 7d, 36h or 2w; 0 keeps nothing".to_owned())
}

fn check_limit(text: &str) -> std::result::Result<(), String> {
    let is_some = time::parse_age(text).is_some_and(|nanos| nanos > 0);
    if is_some { Ok(()) } else { Err("it is a duration above zero such as 30s or 500ms".to_owned()) }
}

fn check_guard(text: &str) -> std::result::Result<(), String> {
    crate::container::guard::Guard::from_word(text).map(drop).ok_or_else(|| "it is warn, refuse or off".to_owned())
}

fn check_flag(text: &str) -> std::result::Result<(), String> {
    if matches!(text, "true" | "false") { Ok(()) } else { Err("it is true or false".to_owned()) }
}

fn check_pressure(text: &str) -> std::result::Result<(), String> {
    let is_size = size::parse_ram(text).is_ok_and(|bytes| bytes > 0);
    if text == "off" || is_size { Ok(()) } else { Err("it is off or a size such as 10g".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_can_be_and_names_are_sorted() {
        for key in KEYS {
            checked(key, key.default).unwrap();
        }
        assert!(KEYS.is_sorted_by_key(|key| key.name));
    }

    #[test]
    fn a_value_that_cannot_be_is_no_default() {
        let config = Config(BTreeMap::from([(KEEP_NAMED.to_owned(), Value::from("soon")), (PRESSURE.to_owned(), Value::from("10g"))]));
        assert_eq!(config.value(KEEP_NAMED).unwrap_err().kind, Kind::Invalid);
        assert_eq!(config.bytes(PRESSURE).unwrap(), Some(10 << 30));
        assert_eq!(config.age(KEEP_ANONYMOUS).unwrap(), 86_400_000_000_000);
        assert_eq!(config.value("no.such").unwrap_err().kind, Kind::NotFound);
    }
}
