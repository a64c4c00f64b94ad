//! What lies in a source, in Docker's shapes, whoever keeps it.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rustix::fs::{FileType, Mode, OFlags};
use serde_json::Value;
use stead_base::Digest;
use stead_base::time::Time;
use stead_sys::{path as lookup, tree};

use crate::split::{Assembled, Files};
use crate::tree::{Source, open_regular};
use crate::{Error, Result, docker, podman};

/// Whose data root it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// Docker: `--data-root`.
    Docker,
    /// Podman: the graph root of containers/storage.
    Podman,
}

impl Maker {
    /// The engine of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "docker" => Some(Self::Docker),
            "podman" => Some(Self::Podman),
            _ => None,
        }
    }

    /// Where it keeps its data unless told otherwise.
    #[must_use]
    pub fn default_root(self) -> &'static Path {
        Path::new(match self {
            Self::Docker => "/var/lib/docker",
            Self::Podman => "/var/lib/containers/storage",
        })
    }

    /// Its name as people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "Docker",
            Self::Podman => "Podman",
        }
    }
}

/// A volume that can be taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// `local` or a plugin.
    pub driver: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Options of the driver. With a device its content does not lie in the source.
    pub options: BTreeMap<String, String>,
    /// When it was made, if that is known.
    pub created: Option<Time>,
    /// Whether nobody named it.
    pub anonymous: bool,
    /// Where its content lies below the source.
    pub data: PathBuf,
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Digest of its tar.
    pub diff_id: Digest,
    /// Its files, below the source.
    pub files: PathBuf,
    /// The rest of its tar.
    pub split: PathBuf,
    /// Bytes of its files, as that engine counted them.
    pub size: u64,
}

/// An image that can be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Digest of the config.
    pub id: Digest,
    /// The exact bytes of the config.
    pub config: Vec<u8>,
    /// Names with tag or digest.
    pub names: Vec<String>,
    /// Base first.
    pub layers: Vec<Layer>,
}

/// A container's definition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Without a slash.
    pub name: String,
    /// When it was made.
    pub created: Option<Time>,
    /// The image's id.
    pub image: String,
    /// Docker's `Config`.
    pub config: Value,
    /// Docker's `HostConfig`.
    pub host: Value,
    /// Volumes that nobody named, by the path they are mounted at.
    pub anonymous: BTreeMap<String, String>,
    /// Whether it runs now.
    pub running: bool,
    /// What it changed of its image, as overlayfs keeps it, below the source.
    pub changes: Option<PathBuf>,
    /// What will be different.
    pub notes: Vec<String>,
}

/// Something that cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `volume`, `image` or `container`.
    pub kind: &'static str,
    /// Its name, or its id.
    pub name: String,
    /// Why not.
    pub why: String,
    /// Whether that is as it should be: nothing that its own engine would show is lost.
    pub is_expected: bool,
}

/// What lies in a source.
#[derive(Debug)]
pub struct Survey {
    pub(crate) source: Source,
    /// Whose.
    pub maker: Maker,
    /// Volumes, by name.
    pub volumes: Vec<Volume>,
    /// Images.
    pub images: Vec<Image>,
    /// Containers.
    pub containers: Vec<Container>,
    /// What cannot be taken over.
    pub problems: Vec<Problem>,
    /// Sentences about the source as a whole.
    pub remarks: Vec<String>,
    /// Who is using the source now, in words.
    pub users: Vec<String>,
}

/// Looks at a source. Nothing in it is changed.
///
/// # Errors
/// It is no data root of that engine. What is wrong with single things is a [`Problem`].
pub fn survey(maker: Maker, path: &Path) -> Result<Survey> {
    let source = Source::open(path)?;
    let mut survey = Survey {
        source,
        maker,
        volumes: Vec::new(),
        images: Vec::new(),
        containers: Vec::new(),
        problems: Vec::new(),
        remarks: Vec::new(),
        users: Vec::new(),
    };
    match maker {
        Maker::Docker => docker::look(&mut survey)?,
        Maker::Podman => podman::look(&mut survey)?,
    }
    survey.volumes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(survey)
}

impl Survey {
    /// The directory of a volume's content.
    ///
    /// # Errors
    /// It is not there or cannot be opened.
    pub fn open_volume(&self, volume: &Volume) -> Result<OwnedFd> {
        self.source.dir(&volume.data)
    }

    /// The whole path of a volume's content.
    #[must_use]
    pub fn volume_path(&self, volume: &Volume) -> PathBuf {
        self.source.path(&volume.data)
    }

    /// Entries and bytes of a volume, as they are now.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn volume_size(&self, volume: &Volume) -> Result<u64> {
        Ok(tree::measure(self.open_volume(volume)?)?.bytes)
    }

    /// The directory of a container's changes; `None` where there are none.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open_changes(&self, container: &Container) -> Result<Option<OwnedFd>> {
        container.changes.as_ref().map(|rel| self.source.dir(rel)).transpose()
    }

    /// Bytes of a container's changes, as they are now.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn changes_size(&self, container: &Container) -> Result<u64> {
        let changes = self.open_changes(container)?;
        Ok(changes.map(tree::measure).transpose()?.unwrap_or_default().bytes)
    }

    /// The tar of a layer, made from its files as they are now. Whether it is the right one, its digest says.
    ///
    /// # Errors
    /// The layer's directory or the rest of its tar cannot be opened.
    pub fn layer(&self, layer: &Layer) -> Result<Box<dyn Read + Send>> {
        let lines = BufReader::with_capacity(256 << 10, MultiGzDecoder::new(BufReader::new(self.source.file(&layer.split)?)));
        Ok(Box::new(Assembled::new(lines, Directory(self.source.dir(&layer.files)?))))
    }

    pub(crate) fn problem(&mut self, kind: &'static str, name: impl Into<String>, why: impl std::fmt::Display) {
        self.problems.push(Problem { kind, name: name.into(), why: why.to_string(), is_expected: false });
    }

    pub(crate) fn not_for_us(&mut self, kind: &'static str, name: impl Into<String>, why: impl std::fmt::Display) {
        self.problems.push(Problem { kind, name: name.into(), why: why.to_string(), is_expected: true });
    }

    /// Notes what cannot be read and goes on without it.
    pub(crate) fn or_problem<T>(&mut self, kind: &'static str, name: &str, outcome: Result<T>) -> Option<T> {
        outcome.map_err(|error: Error| self.problem(kind, name, error)).ok()
    }
}

/// A layer's directory. The layer's own symbolic links lead through it as they did when it was unpacked, and never out of it.
struct Directory(OwnedFd);

impl Files for Directory {
    fn open(&mut self, name: &[u8], size: u64) -> std::io::Result<Box<dyn Read + Send>> {
        use std::os::fd::AsFd as _;
        let rel = lookup::relative(Path::new(std::ffi::OsStr::from_bytes(name)));
        let named = |error: std::io::Error| std::io::Error::new(error.kind(), format!("{}: {error}", rel.display()));
        let handle = lookup::open_in_root(self.0.as_fd(), rel, OFlags::PATH, Mode::empty()).map_err(|error| named(error.source))?;
        let stat = rustix::fs::fstat(&handle)?;
        let is_whole =
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && u64::try_from(stat.st_size).is_ok_and(|n| n == size);
        if !is_whole {
            return Err(named(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not the file that the layer had")));
        }
        Ok(Box::new(open_regular(&handle).map_err(named)?))
    }
}
