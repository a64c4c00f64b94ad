//! `volume rename`: one commit changes the volume's record and those of all stopped containers that refer to it; the directory follows.

use std::path::Path;

use stead_base::Kind;
use stead_mount::names::split_snapshot;
use stead_mount::{MountPoint, MountRequest, MountType};
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
        let change = Change::new(from, to, &self.volumes.path(from));
        self.volumes.rename(from, to, |tx: &Tx<'_>, users: &[String]| {
            if users.iter().any(|id| !ids.contains(id)) {
                return Err(Failure::new(Kind::Unavailable, format!("rename {from}: containers are made that use it")));
            }
            for id in users {
                let Some(mut container) = tx.get::<Container>(id)? else { continue };
                change.of_container(&mut container);
                if container.volumes().any(|name| name == from) {
                    // Rather no renaming than a container that starts with nothing.
                    let message = format!("rename {from}: container {id} uses it in a way that cannot be renamed");
                    return Err(Failure::new(Kind::Unsupported, message));
                }
                tx.put(&container)?;
            }
            Ok(())
        })
    }
}

/// From one name to another, everywhere a record can say it.
struct Change<'a> {
    from: &'a str,
    to: &'a str,
    /// The volume's directory before and after, each with a slash at its end.
    homes: [String; 2],
}

impl<'a> Change<'a> {
    /// `content` is where the content is before.
    fn new(from: &'a str, to: &'a str, content: &Path) -> Self {
        let old = content.parent().unwrap_or(content);
        let new = old.parent().unwrap_or(old).join(to);
        Self { from, to, homes: [format!("{}/", old.display()), format!("{}/", new.display())] }
    }

    /// What is mounted, and what was asked for, so that inspect and a start agree.
    fn of_container(&self, container: &mut Container) {
        for point in &mut container.mounts {
            self.of_point(point);
        }
        for bind in container.host.binds.iter_mut().flatten() {
            *bind = self.of_bind(bind);
        }
        for request in container.host.mounts.iter_mut().flatten() {
            self.of_request(request);
        }
    }

    fn of_point(&self, point: &mut MountPoint) {
        self.of_request(&mut point.spec);
        if point.kind != MountType::Volume || split_snapshot(&point.name).0 != self.from {
            return;
        }
        point.name = self.of_source(&point.name);
        if let Some(rest) = point.source.strip_prefix(&self.homes[0]) {
            point.source = format!("{}{rest}", self.homes[1]);
        }
        if point.spec.source.is_empty() {
            // It has a name now: `rm -v` and `--rm` leave it alone.
            point.spec.source.clone_from(&point.name);
        }
    }

    fn of_request(&self, request: &mut MountRequest) {
        if request.kind == MountType::Volume {
            request.source = self.of_source(&request.source);
        }
        let extras = [
            request.bind_options.as_mut().map(|options| &mut options.extras),
            request.volume_options.as_mut().map(|options| &mut options.extras),
        ];
        for overlay in extras.into_iter().flatten().filter_map(|extras| extras.overlay.as_mut()) {
            if overlay.volume == self.from {
                self.to.clone_into(&mut overlay.volume);
            }
        }
    }

    /// `SRC:DST[:OPTIONS]`: the source, and a volume that an option names.
    fn of_bind(&self, bind: &str) -> String {
        let Some((source, rest)) = bind.split_once(':') else { return bind.to_owned() };
        let source = if source.starts_with('/') { source.to_owned() } else { self.of_source(source) };
        let Some((destination, options)) = rest.rsplit_once(':') else { return format!("{source}:{rest}") };
        let option = |word: &str| match word.strip_prefix("overlay=") {
            Some(volume) => format!("overlay={}", self.of_source(volume)),
            None => word.to_owned(),
        };
        let options: Vec<String> = options.split(',').map(option).collect();
        format!("{source}:{destination}:{}", options.join(","))
    }

    /// The name, also where a snapshot stands behind it.
    fn of_source(&self, source: &str) -> String {
        match split_snapshot(source) {
            (name, None) if name == self.from => self.to.to_owned(),
            (name, Some(snapshot)) if name == self.from => format!("{}@{snapshot}", self.to),
            _ => source.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> Change<'static> {
        Change::new("data", "store", Path::new("/r/volumes/data/_data"))
    }

    #[test]
    fn only_the_name_itself_is_renamed() {
        for (source, want) in [("data", "store"), ("data@monday", "store@monday"), ("data2", "data2"), ("", ""), ("/data", "/data")] {
            assert_eq!(change().of_source(source), want);
        }
        for (bind, want) in [
            ("data:/d", "store:/d"),
            ("data:/d:ro", "store:/d:ro"),
            ("data@monday:/d", "store@monday:/d"),
            ("/data:/data:rw,overlay=data", "/data:/data:rw,overlay=store"),
            ("data2:/data", "data2:/data"),
            ("/data", "/data"),
        ] {
            assert_eq!(change().of_bind(bind), want);
        }
    }

    #[test]
    fn a_mounted_snapshot_and_a_layer_above_a_bind_come_along() {
        let mut snapshot =
            MountPoint { name: "data@monday".into(), source: "/r/volumes/data/snapshots/monday/_data".into(), ..MountPoint::default() };
        snapshot.spec.source = "data@monday".into();
        change().of_point(&mut snapshot);
        assert_eq!((snapshot.name.as_str(), snapshot.source.as_str()), ("store@monday", "/r/volumes/store/snapshots/monday/_data"));
        assert_eq!(snapshot.spec.source, "store@monday");
        let mut other = MountPoint { name: "data2".into(), source: "/r/volumes/data2/_data".into(), ..MountPoint::default() };
        let before = other.clone();
        change().of_point(&mut other);
        assert_eq!(other, before);
    }
}
