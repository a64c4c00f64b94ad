//! What a bind or a volume may be told beyond Docker: whose its files seem to be, a layer on top, labels, the kernel's flags.
//!
//! The JSON names are those of moby's proposed `BindOptions.IDMapping` where it has one, and the runtime specification's for ranges.

use serde::{Deserialize, Serialize};

use crate::gotext::quote;
use crate::request::{is_false, null_is_default};

/// Options of binds and volumes that Docker does not have; all absent is Docker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Extras {
    /// Other owners than the disk has, without changing the disk.
    #[serde(rename = "IDMapping", skip_serializing_if = "Option::is_none")]
    pub id_mapping: Option<IdMapping>,
    /// Give everything below the source to the container's user at every start (podman's `U`).
    #[serde(skip_serializing_if = "is_false")]
    pub chown: bool,
    /// Writes go to a layer of their own; the source stays as it is (podman's `O`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay: Option<OverlayOptions>,
    /// SELinux label, `shared` or `private`; without effect where there is no SELinux.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub relabel: String,
    /// `noexec`, `nosuid`, `nodev` and their opposites.
    #[serde(rename = "MountFlags", skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub flags: Vec<String>,
}

/// Whose files are seen as whose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IdMapping {
    /// `match-user`: the source's owner and the container's user are exchanged. Empty: the maps say it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// With `match-user`: another user of the container than the one it runs as, as `--user` names it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Users; empty leaves all as they are.
    #[serde(rename = "UIDMaps", skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub uids: Vec<IdRange>,
    /// Groups; empty leaves all as they are.
    #[serde(rename = "GIDMaps", skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub gids: Vec<IdRange>,
}

/// A run of ids, with the runtime specification's names for id-mapped mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IdRange {
    /// The first id on the disk.
    #[serde(rename = "ContainerID")]
    pub on_disk: u32,
    /// The first id as it is seen in the container.
    #[serde(rename = "HostID")]
    pub shown: u32,
    /// How many.
    #[serde(rename = "Size")]
    pub count: u32,
}

/// Where the writes of an overlay go; all empty means a layer that is thrown away at the container's next start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct OverlayOptions {
    /// A directory of the host that keeps them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub upper_dir: String,
    /// Overlayfs's scratch directory beside it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub work_dir: String,
    /// A volume that keeps them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub volume: String,
}

/// The source word of an exchange of the owner and the user.
pub const MATCH_USER: &str = "match-user";

/// The flags, each with the class in which the last word counts.
const FLAGS: [(&str, &str); 6] =
    [("noexec", "exec"), ("exec", "exec"), ("nosuid", "suid"), ("suid", "suid"), ("nodev", "dev"), ("dev", "dev")];

impl Extras {
    /// Whether nothing beyond Docker is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a flag was asked for, unless its opposite came later.
    pub fn has_flag(&self, flag: &str) -> bool {
        let class = class_of(flag);
        self.flags.iter().rfind(|word| class_of(word) == class).is_some_and(|last| last == flag)
    }

    /// The words for the flags and switches as a person would type them; for views.
    pub fn words(&self) -> Vec<String> {
        let mut words = self.flags.clone();
        words.extend(self.chown.then(|| "U".to_owned()));
        words.extend(self.overlay.is_some().then(|| "O".to_owned()));
        words.extend((!self.relabel.is_empty()).then(|| format!("relabel={}", self.relabel)));
        words
    }

    /// What is wrong with it, in one clause.
    pub(crate) fn fault(&self) -> Option<String> {
        if let Some(flag) = self.flags.iter().find(|flag| class_of(flag).is_none()) {
            return Some(format!("invalid mount flag: {flag}"));
        }
        if !matches!(self.relabel.as_str(), "" | "shared" | "private") {
            return Some(format!("invalid value for relabel: {} (must be \"shared\" or \"private\")", self.relabel));
        }
        if self.chown && self.id_mapping.is_some() {
            return Some("idmap and U exclude each other: idmap needs no change of the files' owners".to_owned());
        }
        if self.chown && self.overlay.is_some() {
            return Some("U and O exclude each other: use idmap together with O".to_owned());
        }
        self.id_mapping.as_ref().and_then(IdMapping::fault).or_else(|| self.overlay.as_ref().and_then(OverlayOptions::fault))
    }
}

/// What a flag decides; none for a word that is no flag.
pub(crate) fn class_of(flag: &str) -> Option<&'static str> {
    FLAGS.iter().find(|(word, _)| *word == flag).map(|(_, class)| *class)
}

impl IdMapping {
    /// The exchange of the source's owner and the container's own user.
    pub fn match_user() -> Self {
        Self { source: MATCH_USER.to_owned(), ..Self::default() }
    }

    fn fault(&self) -> Option<String> {
        let has_maps = !(self.uids.is_empty() && self.gids.is_empty());
        match self.source.as_str() {
            "userns" => return Some("idmap=userns needs a container with a user namespace of its own".to_owned()),
            MATCH_USER if has_maps => return Some("idmap takes either a user or maps".to_owned()),
            "" if !has_maps => return Some("idmap without a source needs maps".to_owned()),
            "" if !self.user.is_empty() => return Some("idmap takes either a user or maps".to_owned()),
            "" | MATCH_USER => {}
            other => return Some(format!("invalid value for idmap: {} (must be \"match-user\")", quote(other))),
        }
        if self.user.contains(['\0', '\n']) {
            return Some(format!("invalid value for idmap: {}", quote(&self.user)));
        }
        range_fault(&self.uids).or_else(|| range_fault(&self.gids))
    }
}

/// The kernel's rules for a map (user_namespaces(7)), so that a wrong one is found before anything is started.
fn range_fault(ranges: &[IdRange]) -> Option<String> {
    if ranges.len() > stead_sys::idmap::RANGES_MAX {
        return Some(format!("idmap has {} ranges, the kernel takes {}", ranges.len(), stead_sys::idmap::RANGES_MAX));
    }
    for (at, range) in ranges.iter().enumerate() {
        let shown = format!("{}:{}:{}", range.on_disk, range.shown, range.count);
        if range.count == 0 || range.on_disk.checked_add(range.count).is_none() || range.shown.checked_add(range.count).is_none() {
            return Some(format!("idmap range {shown} is empty or leaves the ids there are"));
        }
        let meet = |a: u32, b: u32, other: u32| a < b.saturating_add(other) && b < a.saturating_add(range.count);
        let other = ranges[..at]
            .iter()
            .find(|other| meet(range.on_disk, other.on_disk, other.count) || meet(range.shown, other.shown, other.count));
        if let Some(other) = other {
            return Some(format!("idmap ranges {}:{}:{} and {shown} overlap", other.on_disk, other.shown, other.count));
        }
    }
    None
}

impl OverlayOptions {
    /// Whether what is written goes with the container's life.
    pub fn is_throwaway(&self) -> bool {
        *self == Self::default()
    }

    fn fault(&self) -> Option<String> {
        if self.upper_dir.is_empty() != self.work_dir.is_empty() {
            return Some("upperdir and workdir must both be specified".to_owned());
        }
        if !self.volume.is_empty() && !self.upper_dir.is_empty() {
            return Some("overlay takes either a volume or upperdir and workdir".to_owned());
        }
        for (key, path) in [("upperdir", &self.upper_dir), ("workdir", &self.work_dir)] {
            if !path.is_empty() && (!path.starts_with('/') || path.contains('\0')) {
                return Some(format!("invalid {key} path: '{path}' must be absolute"));
            }
        }
        if self.volume.is_empty() {
            return None;
        }
        crate::names::check_volume_name(&self.volume).err().map(|error| error.to_string())
    }
}

#[cfg(test)]
#[path = "extra/tests.rs"]
mod tests;
