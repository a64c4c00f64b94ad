//! The engine: the rooms of one root, opened together. It remembers nothing that is not on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stead_base::Kind;
use stead_base::layout::{Root, RunRoot};
use stead_image::Images;
use stead_layer::Layers;
use stead_network::Networks;
use stead_store::Store;
use stead_volume::Volumes;

use crate::failure::from_room;
use crate::image::LayerPort;
use crate::{Failure, Result};

/// Which engine, and what the face read from its environment.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Survives a reboot.
    pub root: PathBuf,
    /// May vanish at a reboot.
    pub run_root: PathBuf,
    /// Mirrors and plain-HTTP registries.
    pub registries: Option<PathBuf>,
    /// Takes what deserves a word and fails nothing.
    pub warn: Option<fn(&str)>,
    /// Docker's `config.json` with registry credentials.
    pub docker_config: Option<PathBuf>,
}

/// One engine. Opening it is cheap; several may be open on one root at once, in any number of processes.
#[derive(Debug)]
pub struct Engine {
    pub(crate) options: Options,
    pub(crate) root: Root,
    pub(crate) run_root: RunRoot,
    pub(crate) store: Arc<Store>,
    pub(crate) volumes: Volumes,
    pub(crate) images: Images,
    pub(crate) layers: Arc<Layers>,
    pub(crate) networks: Networks,
}

from_room!(stead_store::Error);

impl Engine {
    /// Opens the rooms; makes the directories on first use.
    ///
    /// # Errors
    /// The root cannot be made or read, or holds records that cannot be believed.
    pub fn open(options: Options) -> Result<Self> {
        let root = Root::new(&options.root);
        let run_root = RunRoot::new(&options.run_root);
        for dir in [root.path(), &run_root.locks(), &run_root.path().join("containers")] {
            make(dir)?;
        }
        close(&root);
        let store = Arc::new(Store::open(&root)?);
        let layers = Arc::new(Layers::open(&root)?);
        let images = Images::open(&root, Arc::clone(&store), Arc::new(LayerPort(Arc::clone(&layers))));
        let volumes = Volumes::open(&root, &run_root, Arc::clone(&store));
        let networks = Networks::open(&root, &run_root, Arc::clone(&store));
        Ok(Self { options, root, run_root, store, volumes, images, layers, networks })
    }

    /// Where state survives a reboot.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Where state may vanish.
    #[must_use]
    pub fn run_root(&self) -> &RunRoot {
        &self.run_root
    }

    /// The records.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// Closes what earlier versions left open to those who know a name (CVE-2021-41091): below may be set-uid files.
fn close(root: &Root) {
    use std::os::unix::fs::PermissionsExt as _;
    for dir in [root.volumes(), root.layers(), root.containers()] {
        if dir.symlink_metadata().is_ok_and(|found| found.is_dir() && found.permissions().mode() & 0o077 != 0) {
            std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700)).ok();
        }
    }
}

/// 0711: others may reach the socket of a run root in it, and list nothing.
fn make(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(dir)
        .map_err(|error| Failure::new(Kind::Internal, format!("mkdir {}: {error}", dir.display())))
}
