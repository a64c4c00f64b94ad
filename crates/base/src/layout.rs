//! Where everything lies below `--root` and `--run-root`. docs/on-disk.md is this file in prose.

use std::path::{Path, PathBuf};

/// The directory that survives a reboot (default `/var/lib/stead`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

/// The directory that may vanish at a reboot (default `/run/stead`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRoot(PathBuf);

macro_rules! paths {
    ($type:ident { $($(#[$doc:meta])* $name:ident => $rel:literal;)* }) => {
        impl $type {
            /// Takes an absolute path; the face makes it absolute.
            #[must_use]
            pub fn new(path: impl Into<PathBuf>) -> Self {
                Self(path.into())
            }

            /// The directory itself.
            #[must_use]
            pub fn path(&self) -> &Path {
                &self.0
            }

            $($(#[$doc])* #[must_use] pub fn $name(&self) -> PathBuf { self.0.join($rel) })*
        }
    };
}

paths!(Root {
    /// The marker: `{"format":1,"uuid":"…"}`. Nothing is deleted below a root that does not carry it.
    marker => "stead.json";
    /// What the administrator has set, by `system config set`.
    config => "config.json";
    /// The records.
    database => "stead.db";
    /// Freed when the disk is full, so that records can still be deleted.
    reserve => "reserve";
    /// The journal of what happened.
    events => "events";
    /// All volumes.
    volumes => "volumes";
    /// Volumes being prepared.
    volumes_staging => "volumes/.staging";
    /// Volumes being deleted.
    volumes_trash => "volumes/.trash";
    /// Volumes that were removed and can still be had back.
    volumes_removed => "volumes/.removed";
    /// Manifests, configs and what is on its way to become an image.
    images => "images";
    /// Configs and manifests by digest.
    image_blobs => "images/blobs/sha256";
    /// Archives and blobs being received.
    images_staging => "images/.staging";
    /// Where layers came from or went to: a memory that may be lost.
    image_sources => "images/sources";
    /// Unpacked layers by diff id.
    layers => "layers";
    /// Layers being unpacked.
    layers_staging => "layers/.staging";
    /// Layers being deleted.
    layers_trash => "layers/.trash";
    /// The pool: a file system of its own for volumes.
    pool => "pool";
    /// What is known of the pool.
    pool_note => "pool/pool.json";
    /// The pool's file system, where it lies in a file.
    pool_image => "pool/pool.img";
    /// Where the pool is mounted.
    pool_mount => "pool/mnt";
    /// The volumes in the pool: the same shape as `volumes`.
    pool_volumes => "pool/mnt/volumes";
    /// All containers.
    containers => "containers";
    /// Containers being prepared.
    containers_staging => "containers/.staging";
    /// Containers being deleted.
    containers_trash => "containers/.trash";
});

paths!(RunRoot {
    /// What is true of running containers.
    containers => "containers";
    /// The activation ledger.
    mounts => "mounts";
    /// Locks.
    locks => "locks";
    /// What running containers keep others from, as locked ranges of this file.
    leases => "leases";
});

impl Root {
    /// One volume's directory.
    #[must_use]
    pub fn volume(&self, name: &str) -> PathBuf {
        self.volumes().join(name)
    }

    /// What a volume's users see.
    #[must_use]
    pub fn volume_data(&self, name: &str) -> PathBuf {
        self.volume(name).join("_data")
    }

    /// The sidecar that describes a volume.
    #[must_use]
    pub fn volume_sidecar(&self, name: &str) -> PathBuf {
        self.volume(name).join("volume.json")
    }

    /// One unpacked layer; `diff_id` without its `sha256:`.
    #[must_use]
    pub fn layer(&self, diff_id: &str) -> PathBuf {
        self.layers().join(diff_id)
    }

    /// One container's directory.
    #[must_use]
    pub fn container(&self, id: &str) -> PathBuf {
        self.containers().join(id)
    }

    /// The last exit of a container.
    #[must_use]
    pub fn exit(&self, id: &str) -> PathBuf {
        self.container(id).join("exit.json")
    }

    /// The beginning of a container's last life.
    #[must_use]
    pub fn life(&self, id: &str) -> PathBuf {
        self.container(id).join("life.json")
    }

    /// A container's log, Docker's name for it.
    #[must_use]
    pub fn log(&self, id: &str) -> PathBuf {
        self.container(id).join(format!("{id}-json.log"))
    }
}

impl RunRoot {
    /// What is true of one running container.
    #[must_use]
    pub fn container(&self, id: &str) -> PathBuf {
        self.containers().join(id)
    }

    /// The plan its process was born from.
    #[must_use]
    pub fn plan(&self, id: &str) -> PathBuf {
        self.container(id).join("plan.json")
    }

    /// Held (flock) by the live monitor.
    #[must_use]
    pub fn monitor_lock(&self, id: &str) -> PathBuf {
        self.container(id).join("monitor.lock")
    }

    /// Where the monitor listens.
    #[must_use]
    pub fn monitor_socket(&self, id: &str) -> PathBuf {
        self.container(id).join("monitor.sock")
    }

    /// There while the container's volumes are mounted.
    #[must_use]
    pub fn volumes_mounted(&self, id: &str) -> PathBuf {
        self.container(id).join("volumes-mounted")
    }

    /// Sockets of those who want to be there when the container is born.
    #[must_use]
    pub fn vigils(&self, id: &str) -> PathBuf {
        self.container(id).join("vigils")
    }

    /// What was asked of one exec session, made by one request and started by another.
    #[must_use]
    pub fn execs(&self, id: &str) -> PathBuf {
        self.container(id).join("execs")
    }

    /// Pid, start time and status.
    #[must_use]
    pub fn state(&self, id: &str) -> PathBuf {
        self.container(id).join("state.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_finds_its_own_paths() {
        let root = Root::new("/var/lib/stead");
        assert_eq!(root.volume_data("v1"), Path::new("/var/lib/stead/volumes/v1/_data"));
        assert_eq!(root.log("abc"), Path::new("/var/lib/stead/containers/abc/abc-json.log"));
    }
}
