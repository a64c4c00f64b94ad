//! `volume rename`: one commit changes the volume's record and those of all stopped containers that refer to it; the directory follows.

use stead_base::Kind;
use stead_mount::{MountPoint, MountType};
use stead_store::Tx;

use super::VolumeView;
use crate::container::record::{Container, VOLUME_KIND};
use crate::{Engine, Failure, Result};

/// So many times users come in between before it is given up.
const TRIES: usize = 20;

impl Engine {
    /// Gives a volume another name. Containers that refer to it start with the new one afterwards; while one of them runs it is refused, because
    /// what is mounted keeps the old name.
    ///
    /// # Errors
    /// No such volume, a name that cannot be or is taken, a container that runs.
    pub fn volume_rename(&self, from: &str, to: &str) -> Result<VolumeView> {
        self.rename_as(from, to, "rename")
    }

    /// The same, told as `action`.
    pub(super) fn rename_as(&self, from: &str, to: &str, action: &str) -> Result<VolumeView> {
        if from == to {
            return Err(Failure::invalid(format!("rename {from}: that is its name already")));
        }
        let mut tries = 0;
        let volume = loop {
            match self.rename_volume(from, to) {
                // A container came in between: it is held too, the next time.
                Err(failure) if failure.kind == Kind::Unavailable && tries < TRIES => tries += 1,
                other => break other?,
            }
        };
        self.emit_volume(to, action, &[("driver", &volume.driver), ("oldName", from)]);
        Ok(self.view(&volume))
    }

    fn rename_volume(&self, from: &str, to: &str) -> Result<stead_volume::Volume> {
        let mut ids: Vec<String> = self.store.read(|tx| tx.referrers(VOLUME_KIND, from))?.into_iter().map(|(_, id)| id).collect();
        // In an order that all agree on; nobody starts one of them while we have its lock.
        ids.sort();
        self.refuse_running("rename", from, &ids)?;
        let mut held = Vec::new();
        for id in &ids {
            held.push(self.hold_rootfs(id)?);
        }
        self.refuse_running("rename", from, &ids)?;
        let path = self.volumes.path(to).display().to_string();
        self.volumes.rename(from, to, |tx: &Tx<'_>, users: &[String]| {
            if users.iter().any(|id| !ids.contains(id)) {
                return Err(Failure::new(Kind::Unavailable, format!("rename {from}: containers are made that use it")));
            }
            for id in users {
                let Some(mut container) = tx.get::<Container>(id)? else { continue };
                point_elsewhere(&mut container, from, to, &path);
                tx.put(&container)?;
            }
            Ok(())
        })
    }
}

/// Everything that a record says of a volume says the new name: what is mounted, and what was asked for, so that inspect and a start agree.
fn point_elsewhere(container: &mut Container, from: &str, to: &str, path: &str) {
    for point in container.mounts.iter_mut().filter(|p| p.kind == MountType::Volume && p.name == from) {
        rename_point(point, from, to, path);
    }
    for bind in container.host.binds.iter_mut().flatten() {
        let rest = bind.strip_prefix(from).filter(|rest| rest.starts_with([':', '@']));
        if let Some(renamed) = rest.map(|rest| format!("{to}{rest}")) {
            *bind = renamed;
        }
    }
    for request in container.host.mounts.iter_mut().flatten().filter(|m| m.kind == MountType::Volume) {
        rename_source(&mut request.source, from, to);
    }
}

fn rename_point(point: &mut MountPoint, from: &str, to: &str, path: &str) {
    to.clone_into(&mut point.name);
    path.clone_into(&mut point.source);
    if point.spec.source.is_empty() {
        // It has a name now: `rm -v` and `--rm` leave it alone.
        to.clone_into(&mut point.spec.source);
    }
    rename_source(&mut point.spec.source, from, to);
}

/// The name, also where a snapshot stands behind it.
fn rename_source(source: &mut String, from: &str, to: &str) {
    let rest = source.strip_prefix(from).filter(|rest| rest.is_empty() || rest.starts_with('@'));
    if let Some(renamed) = rest.map(|rest| format!("{to}{rest}")) {
        *source = renamed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_itself_is_renamed() {
        for (source, want) in [("data", "store"), ("data@monday", "store@monday"), ("data2", "data2"), ("", ""), ("/data", "/data")] {
            let mut source = source.to_owned();
            rename_source(&mut source, "data", "store");
            assert_eq!(source, want);
        }
    }
}
