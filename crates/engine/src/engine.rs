//! The engine: the rooms of one root, opened together. It remembers nothing that is not on disk.

use std::path::PathBuf;
use std::sync::Arc;

use stead_base::layout::{Root, RunRoot};
use stead_image::Images;
use stead_layer::Layers;
use stead_store::Store;
use stead_volume::Volumes;

use crate::Result;

/// Which engine, and what the face read from its environment.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Survives a reboot.
    pub root: PathBuf,
    /// May vanish at a reboot.
    pub run_root: PathBuf,
    /// Mirrors and plain-HTTP registries.
    pub registries: Option<PathBuf>,
    /// Docker's `config.json` with registry credentials.
    pub docker_config: Option<PathBuf>,
}

/// One engine. Opening it is cheap; several may be open on one root at once, in any number of processes.
#[derive(Debug)]
pub struct Engine {
    pub(crate) root: Root,
    pub(crate) run_root: RunRoot,
    pub(crate) store: Arc<Store>,
    pub(crate) volumes: Volumes,
    pub(crate) images: Images,
    pub(crate) layers: Arc<Layers>,
    pub(crate) options: Options,
}

impl Engine {
    /// Opens the rooms; makes the directories and the marker on first use.
    ///
    /// # Errors
    /// The root cannot be made or read, or belongs to something else.
    pub fn open(options: Options) -> Result<Self> {
        let root = Root::new(&options.root);
        let run_root = RunRoot::new(&options.run_root);
        stead_store::prepare(&root, &run_root)?;
        let store = Arc::new(Store::open(&root)?);
        let layers = Arc::new(Layers::open(&root)?);
        let volumes = Volumes::open(&root, &run_root, Arc::clone(&store));
        let images = Images::open(&root, Arc::clone(&store), Arc::new(crate::image::LayerPort(Arc::clone(&layers))));
        Ok(Self { root, run_root, store, volumes, images, layers, options })
    }
}
