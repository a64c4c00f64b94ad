//! `volume snapshot create`: of one volume, or of all of a project at one instant.

use std::collections::BTreeMap;
use std::time::Duration;

use stead_base::Kind;
use stead_volume::{Snapshot, SnapshotRequest, Volume, Why};

use super::SnapshotView;
use crate::{Engine, Failure, Result};

/// The label with which Compose marks what belongs to a project.
const PROJECT: &str = "com.docker.compose.project";

/// Snapshots of several volumes at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupRequest {
    /// A Compose project, a label's key, or `KEY=VALUE`.
    pub group: String,
    /// Name of each; the time where there is none.
    pub name: Option<String>,
    /// Labels of each.
    pub labels: BTreeMap<String, String>,
    /// Run the containers' hooks.
    pub hook: bool,
}

impl Engine {
    /// Takes a snapshot of a volume, used or not. When it returns, the snapshot survives a power cut.
    ///
    /// # Errors
    /// No such volume, a name that cannot be or is taken, nothing to read, the disk; somebody did not stand still: there is no snapshot then.
    pub fn volume_snapshot_create(&self, request: &SnapshotRequest) -> Result<SnapshotView> {
        self.volume_snapshot_hooked(request, false)
    }

    /// The same with the hooks of those who use it: before it, and after it whatever comes of it.
    ///
    /// # Errors
    /// As [`Engine::volume_snapshot_create`]; a hook before it failed.
    pub fn volume_snapshot_hooked(&self, request: &SnapshotRequest, hook: bool) -> Result<SnapshotView> {
        let volume = request.volume.as_str();
        let (snapshot, pause, warnings) = self.with_hooks(&[volume], hook, || {
            let mut pending = self.volumes.snapshot_begin(request)?;
            let ((), pause) = self.while_still(&[volume], || Ok(pending.take()?))?;
            Ok((pending, pause))
        })?;
        let snapshot = snapshot.publish()?;
        self.tell_snapshot(volume, "snapshot", &snapshot);
        Ok(self.taken_view(volume, &snapshot, pause, warnings))
    }

    /// Takes snapshots of all volumes of a Compose project, or of all with a label, at one instant: all of them, or none.
    ///
    /// # Errors
    /// There are no such volumes; as [`Engine::volume_snapshot_create`] for any of them.
    pub fn volume_snapshot_group(&self, request: &GroupRequest) -> Result<Vec<SnapshotView>> {
        let names = self.group_members(&request.group)?;
        let common =
            SnapshotRequest { name: request.name.clone(), labels: request.labels.clone(), why: Why::Manual, ..SnapshotRequest::default() };
        let volumes: Vec<&str> = names.iter().map(String::as_str).collect();
        let (group, pause, warnings) = self.with_hooks(&volumes, request.hook, || {
            let mut group = self.volumes.group_begin(&names, &common)?;
            let ((), pause) = self.while_still(&volumes, || Ok(group.take()?))?;
            Ok((group, pause))
        })?;
        let mut warnings = Some(warnings);
        let view = |(volume, snapshot): (String, Snapshot)| {
            self.tell_snapshot(&volume, "snapshot", &snapshot);
            self.taken_view(&volume, &snapshot, pause, warnings.take().unwrap_or_default())
        };
        Ok(group.publish()?.into_iter().map(view).collect())
    }

    fn group_members(&self, wanted: &str) -> Result<Vec<String>> {
        // One that cannot be read may belong to it: all of them, or none.
        let all: Vec<Volume> = self.volumes.list()?.into_iter().collect::<std::result::Result<_, _>>()?;
        let of = |fits: &dyn Fn(&Volume) -> bool| -> Vec<String> {
            all.iter().filter(|volume| fits(volume)).map(|volume| volume.name.clone()).collect()
        };
        let mut names = match wanted.split_once('=') {
            Some((key, value)) => of(&|volume| volume.labels.get(key).is_some_and(|has| has == value)),
            None => of(&|volume| volume.labels.get(PROJECT).is_some_and(|project| project == wanted)),
        };
        if names.is_empty() {
            names = of(&|volume| volume.labels.contains_key(wanted));
        }
        if names.is_empty() {
            return Err(Failure::new(Kind::NotFound, format!("no volume belongs to a project {wanted:?} or has a label of that name"))
                .with_hint("'stead volume ls --format \"{{.Name}} {{.Labels}}\"' shows the labels of all"));
        }
        Ok(names)
    }

    fn taken_view(&self, volume: &str, snapshot: &Snapshot, pause: Option<Duration>, warnings: Vec<String>) -> SnapshotView {
        let view = self.snapshot_view(volume, snapshot);
        SnapshotView { pause_ms: pause.map(|pause| pause.as_secs_f64() * 1000.0), warnings, ..view }
    }

    pub(crate) fn tell_snapshot(&self, volume: &str, action: &str, snapshot: &Snapshot) {
        let (method, why) = (snapshot.method.as_str(), snapshot.why.as_str());
        let mut told = vec![("method", method), ("snapshot", snapshot.name.as_str()), ("why", why)];
        told.extend(snapshot.group.as_deref().map(|group| ("group", group)));
        self.emit_volume(volume, action, &told);
    }
}
