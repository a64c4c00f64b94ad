//! The door of the room: the directory of all layers.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use stead_base::Digest;
use stead_base::layout::Root;
use stead_mount::Mount;
use stead_sys::lock::Lock;

use crate::codec::Decoded;
use crate::description::Description;
use crate::recipe::Recorder;
use crate::staging::{self, Staging};
use crate::tree::Tree;
use crate::unpack::{Unpacked, unpack};
use crate::{Error, Result, assemble, pipe};

/// All layers below one root. Cheap to open; safe to use from several threads and several processes.
#[derive(Debug, Clone)]
pub struct Layers {
    root: Root,
}

/// One unpacked layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Digest of the uncompressed tar.
    pub diff_id: Digest,
    /// Bytes of its files, as `docker images` counts them.
    pub size: u64,
    /// Length of the uncompressed tar.
    pub tar_size: u64,
}

/// While it lives no layer is removed and no staging directory is swept. Whoever makes an image holds one from
/// before it asks which layers exist until its record is published.
#[derive(Debug)]
pub struct Hold {
    _lock: Lock,
}

impl Layers {
    /// Names the directories; they are made when the first layer comes.
    ///
    /// # Errors
    /// None today.
    pub fn open(root: &Root) -> Result<Self> {
        Ok(Self { root: root.clone() })
    }

    /// Keeps every layer where it is until the answer is dropped. Waits while a layer is being removed.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn hold(&self) -> Result<Hold> {
        match Lock::shared(&self.lock_path()) {
            Err(e) if e.io_kind() == std::io::ErrorKind::NotFound => {
                staging::make_parents(&self.root)?;
                Ok(Hold { _lock: Lock::shared(&self.lock_path())? })
            }
            other => Ok(Hold { _lock: other? }),
        }
    }

    /// The layer, when it is here.
    ///
    /// # Errors
    /// [`Error::Damaged`] when its description cannot be read.
    pub fn get(&self, diff_id: &Digest) -> Result<Option<Layer>> {
        match Description::read(diff_id, &self.root.layer(diff_id.hex())) {
            Ok(d) => Ok(Some(Layer { diff_id: d.diff_id, size: d.size, tar_size: d.tar_size })),
            Err(Error::Missing(_)) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Every layer on disk.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Vec<Digest>> {
        let mut all: Vec<Digest> = names(&self.root.layers())?.iter().filter_map(|name| Digest::from_hex(name)).collect();
        all.sort();
        Ok(all)
    }

    /// Unpacks one layer: plain, gzip or zstd, told apart by its first bytes. Durable when it returns.
    ///
    /// # Errors
    /// [`Error::WrongDigest`] when `expected` is given and the uncompressed bytes differ; the refusals of hostile entries.
    pub fn unpack(&self, stream: &mut (dyn Read + Send), expected: Option<&Digest>) -> Result<Layer> {
        let staging = Staging::new(&self.root)?;
        let dir = staging.path();
        // Opened before the first write, so that write-back errors are reported to us.
        let sync = rustix::fs::open(&dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|e| stead_sys::Error::new("open", &dir, e))?;
        stead_sys::durable::make_dir(&dir.join("diff"), 0o755)?;
        let (digest, tar_size, unpacked) = fill(&dir, stream)?;
        if let Some(want) = expected.filter(|want| **want != digest) {
            return Err(Error::WrongDigest { want: want.clone(), found: digest });
        }
        let layer = Layer { diff_id: digest.clone(), size: unpacked.size, tar_size };
        let description = Description {
            version: Description::VERSION,
            diff_id: digest.clone(),
            size: unpacked.size,
            tar_size,
            entries: unpacked.entries,
            moved: unpacked.moved,
        };
        let json = serde_json::to_vec(&description).map_err(|e| Error::Stream(e.into()))?;
        let path = dir.join(Description::FILE);
        private(&path).and_then(|mut f| f.write_all(&json)).map_err(|e| stead_sys::Error::new("write", &path, e))?;
        rustix::fs::chmod(&dir, Mode::from_raw_mode(0o711)).map_err(|e| stead_sys::Error::new("chmod", &dir, e))?;
        stead_sys::durable::sync_fs(&sync, &dir)?;
        let home = self.root.layer(digest.hex());
        staging.publish(&home, || Description::read(&digest, &home).is_err())?;
        Ok(layer)
    }

    /// Writes the layer's tar, byte for byte what was unpacked; answers its length.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::WrongDigest`] when the disk no longer holds the same bytes.
    pub fn assemble(&self, diff_id: &Digest, out: &mut dyn Write) -> Result<u64> {
        assemble::assemble(diff_id, &self.root.layer(diff_id.hex()), out)
    }

    /// Removes a layer if `unused` still says so under the lock. `false` when it stays: used after all, or somebody holds the layers
    /// just now and may be about to use it ([`Layers::list`] finds it again later).
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove(&self, diff_id: &Digest, unused: &dyn Fn() -> bool) -> Result<bool> {
        let trash = self.root.layers_trash();
        let name = format!("{}-{}", diff_id.hex(), staging::random_name()?);
        {
            let Some(_lock) = Lock::try_exclusive(&self.lock_path())? else { return Ok(false) };
            if !unused() {
                return Ok(false);
            }
            match stead_sys::durable::rename(&self.root.layer(diff_id.hex()), &trash.join(&name)) {
                Err(e) if e.io_kind() == std::io::ErrorKind::NotFound => return Ok(true),
                other => other?,
            }
        }
        staging::sweep(&trash, name.as_ref())?;
        Ok(true)
    }

    /// The directories overlayfs wants, top layer first. `diff_ids` is in the config's order, base layer first.
    #[must_use]
    pub fn lower_dirs(&self, diff_ids: &[Digest]) -> Vec<PathBuf> {
        lower_dirs(&self.root, diff_ids)
    }

    /// Removes what a crash left in `layers/.staging` and `layers/.trash`; answers the names. Does nothing while somebody holds the layers.
    ///
    /// # Errors
    /// The kernel's.
    pub fn recover(&self) -> Result<Vec<String>> {
        if !self.root.layers().exists() {
            return Ok(Vec::new());
        }
        let Some(_lock) = Lock::try_exclusive(&self.lock_path())? else { return Ok(Vec::new()) };
        let mut removed = Vec::new();
        for parent in [self.root.layers_staging(), self.root.layers_trash()] {
            for name in names(&parent)? {
                staging::sweep(&parent, name.as_ref())?;
                removed.push(name);
            }
        }
        Ok(removed)
    }

    fn lock_path(&self) -> PathBuf {
        self.root.layers().join(".lock")
    }
}

/// As [`Layers::lower_dirs`], without an opened room.
#[must_use]
pub fn lower_dirs(root: &Root, diff_ids: &[Digest]) -> Vec<PathBuf> {
    diff_ids.iter().rev().map(|id| root.layer(id.hex()).join("diff")).collect()
}

/// The root file system of a container, or with neither `upper` nor `work` a read-only view of an image.
#[must_use]
pub fn rootfs_mount(root: &Root, diff_ids: &[Digest], upper: Option<PathBuf>, work: Option<PathBuf>) -> Mount {
    Mount::rootfs(lower_dirs(root, diff_ids), upper, work)
}

/// Inflates and hashes in one thread, parses and writes in this one.
fn fill(dir: &Path, stream: &mut (dyn Read + Send)) -> Result<(Digest, u64, Unpacked)> {
    let mut decoded = Decoded::new(stream)?;
    let recipe_path = dir.join("recipe.zst");
    let at_recipe = |e| Error::Sys(stead_sys::Error::new("write", &recipe_path, e));
    let recipe = private(&recipe_path).map_err(at_recipe)?;
    let recorder = RefCell::new(Recorder::new(BufWriter::new(recipe)).map_err(at_recipe)?);
    let tree = Tree::new(&dir.join("diff"), dir.join("shadow"))?;
    let (feeder, reader) = pipe::pipe();
    let (digest, tar_size, unpacked) = std::thread::scope(|scope| {
        let feed = scope.spawn(move || feeder.feed(&mut decoded));
        let unpacked = unpack(reader, tree, &recorder);
        let (digest, tar_size) = feed.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok::<_, Error>((digest, tar_size, unpacked?))
    })?;
    let mut file = recorder.into_inner().finish().map_err(at_recipe)?;
    file.flush().map_err(at_recipe)?;
    Ok((digest, tar_size, unpacked))
}

/// A new file for root alone: what a layer's description and recipe say is nobody else's business.
fn private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// The names in a directory, except the hidden ones; none when it does not exist.
fn names(dir: &Path) -> Result<Vec<String>> {
    let fault = |e| stead_sys::Error::new("readdir", dir, e);
    let entries = match std::fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(fault)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(fault)?.file_name();
        // Every name we make is text; anything else is not ours to touch.
        if let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
