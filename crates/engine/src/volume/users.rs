//! Who uses a volume: the running containers that mount it, since when, and who did last.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use stead_mount::MountType;
use stead_volume::{Size, Volume};

use crate::container::record::{Container, VOLUME_KIND};
use crate::{Engine, Result};

/// A running container that mounts a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VolumeUser {
    /// The container's name.
    pub name: String,
    /// Its full id.
    #[serde(rename = "ID")]
    pub id: String,
    /// `rw` or `ro`.
    pub mode: &'static str,
    /// Where, the first of several.
    pub destination: String,
    /// Since when its present life lasts, RFC 3339.
    pub since: String,
}

/// What is known of a volume beside what Docker knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Usage {
    /// `shared`, `single-writer`, `exclusive` or `read-only`.
    pub access: String,
    /// Running containers, by name.
    pub users: Vec<VolumeUser>,
    /// When a container began or ended to use it last, RFC 3339; empty where that is not known.
    pub last_used: String,
    /// The name of that container.
    pub last_used_by: String,
    /// Bytes, where they are known.
    pub size: Option<u64>,
    /// When that was true, RFC 3339; empty where it is not known.
    pub size_measured_at: String,
}

impl Engine {
    /// The running users of one volume.
    pub(crate) fn volume_users(&self, volume: &Volume) -> Result<Vec<VolumeUser>> {
        let ids = self.store.read(|tx| tx.referrers(VOLUME_KIND, &volume.name))?;
        let mut users = Vec::new();
        for (_, id) in ids {
            let Some(container) = self.store.read(|tx| tx.get::<Container>(&id)).ok().flatten() else { continue };
            users.extend(self.running_uses(&container).into_iter().filter(|(name, _)| *name == volume.name).map(|(_, user)| user));
        }
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(users)
    }

    /// The running users of all volumes, by the volume's name: every container is looked at once.
    pub(super) fn all_users(&self) -> Result<BTreeMap<String, Vec<VolumeUser>>> {
        let containers: Vec<Container> = self.store.read(|tx| tx.list::<Container>())?.into_iter().flatten().collect();
        let mut all: BTreeMap<String, Vec<VolumeUser>> = BTreeMap::new();
        for container in containers.iter().filter(|container| container.volumes().next().is_some()) {
            for (name, user) in self.running_uses(container) {
                all.entry(name).or_default().push(user);
            }
        }
        all.values_mut().for_each(|users| users.sort_by(|a, b| a.name.cmp(&b.name)));
        Ok(all)
    }

    /// One use of each volume that a running container mounts; that of a volume at several places is a writing one if any is.
    fn running_uses(&self, container: &Container) -> Vec<(String, VolumeUser)> {
        let now = self.now(&container.id);
        if !now.is_alive() {
            return Vec::new();
        }
        let mut uses: BTreeMap<String, VolumeUser> = BTreeMap::new();
        for point in container.mounts.iter().filter(|point| point.kind == MountType::Volume && !point.name.is_empty()) {
            let writes = self.is_written(point);
            let user = uses.entry(point.name.clone()).or_insert_with(|| VolumeUser {
                name: container.name.clone(),
                id: container.id.clone(),
                mode: "ro",
                destination: point.destination.clone(),
                since: now.started_at(),
            });
            if writes {
                user.mode = "rw";
            }
        }
        uses.into_iter().collect()
    }

    pub(super) fn usage_of(&self, volume: &Volume, users: Vec<VolumeUser>, size: Option<Size>) -> Usage {
        let last = self.volumes.last_use(&volume.name);
        Usage {
            access: volume.access.to_string(),
            users,
            last_used: last.as_ref().map(|last| last.at.rfc3339()).unwrap_or_default(),
            last_used_by: last.map(|last| last.by).unwrap_or_default(),
            size: size.map(|size| size.bytes),
            size_measured_at: size.map(|size| size.at.rfc3339()).unwrap_or_default(),
        }
    }
}

impl Usage {
    /// What of it is worth saying in `Status`.
    pub(super) fn tell(&self, status: &mut BTreeMap<String, Value>) {
        let mut put = |key: &str, value: Value| status.insert(key.to_owned(), value);
        if self.access != "shared" {
            put("Access", Value::from(self.access.clone()));
        }
        if !self.users.is_empty() {
            put("Users", serde_json::to_value(&self.users).unwrap_or_default());
        }
        if !self.last_used.is_empty() {
            put("LastUsed", Value::from(self.last_used.clone()));
            put("LastUsedBy", Value::from(self.last_used_by.clone()));
        }
        if let Some(size) = self.size {
            put("Size", Value::from(size));
            put("SizeMeasuredAt", Value::from(self.size_measured_at.clone()));
        }
    }
}
