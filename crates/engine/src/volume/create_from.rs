//! `volume create --from`: a new volume with the content of a directory, an archive, an image or another volume.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::AtomicU64;

use stead_base::Kind;
use stead_mount::Mount;
use stead_mount::names::split_snapshot;
use stead_volume::{CloneRequest, CreateRequest};

use super::VolumeView;
use super::import::unpack;
use crate::{Engine, Failure, Result};

/// Where a new volume's content is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// A directory of this machine.
    Dir(String),
    /// An archive: plain, gzip or zstd. `-` stands for what the face reads.
    Tar(String),
    /// A directory of an image; `/` for all of it.
    Image {
        /// The image.
        reference: String,
        /// The directory.
        path: String,
    },
    /// `VOL` or `VOL@SNAP`.
    Volume(String),
}

impl From {
    /// Reads `dir:PATH`, `tar:FILE`, `image:REF[:PATH]`, `volume:VOL[@SNAP]`, or what is plainly one of them: `-` and names that end as archives do,
    /// paths with a slash, `VOL@SNAP`.
    ///
    /// # Errors
    /// Nothing of the kind.
    pub fn parse(text: &str) -> Result<Self> {
        let is_archive = |name: &str| [".tar", ".tgz", ".tar.gz", ".tzst", ".tar.zst"].iter().any(|ending| name.ends_with(ending));
        Ok(match text.split_once(':') {
            Some(("dir", path)) if !path.is_empty() => Self::Dir(path.to_owned()),
            Some(("tar", path)) if !path.is_empty() => Self::Tar(path.to_owned()),
            Some(("image", image)) if !image.is_empty() => {
                // A path begins with a slash, and nothing in a reference does after a colon.
                let (reference, path) = match image.split_once(":/") {
                    Some((reference, path)) => (reference, format!("/{path}")),
                    None => (image, "/".to_owned()),
                };
                Self::Image { reference: reference.to_owned(), path }
            }
            Some(("volume", name)) if !name.is_empty() => Self::Volume(name.to_owned()),
            _ if text == "-" || is_archive(text) => Self::Tar(text.to_owned()),
            _ if text.starts_with(['/', '.']) => Self::Dir(text.to_owned()),
            _ if split_snapshot(text).1.is_some_and(|snapshot| !snapshot.is_empty() && !snapshot.contains([':', '/'])) => {
                Self::Volume(text.to_owned())
            }
            _ => {
                return Err(Failure::invalid(format!("invalid --from {text:?}: it is not clear what it is"))
                    .with_hint("dir:PATH, tar:FILE, image:REF[:PATH] or volume:NAME[@SNAPSHOT]"));
            }
        })
    }

    fn shown(&self) -> String {
        match self {
            Self::Dir(path) => format!("dir:{path}"),
            Self::Tar(path) => format!("tar:{path}"),
            Self::Image { reference, path } => format!("image:{reference}:{path}"),
            Self::Volume(reference) => format!("volume:{reference}"),
        }
    }
}

impl Engine {
    /// Makes a volume that has its content from the beginning; a crash before that leaves none. `archive` is what `tar:-` reads, `copied` grows by
    /// the bytes of what is copied.
    ///
    /// # Errors
    /// There is a volume of that name; the source is not there or is refused; options that put the content on a device; the disk.
    pub fn volume_create_from(
        &self,
        request: &CreateRequest,
        from: &From,
        archive: &mut dyn Read,
        copied: &AtomicU64,
    ) -> Result<VolumeView> {
        let shown = from.shown();
        let fill = |data: &mut dyn FnMut(&OwnedFd) -> Result<()>| -> Result<VolumeView> {
            let volume = self.volumes.create_filled::<Failure>(request.clone(), &shown, data)?;
            self.emit_volume(&volume.name, "create", &[("driver", &volume.driver), ("from", &shown)]);
            Ok(self.view(&volume))
        };
        match from {
            From::Volume(reference) => self.create_clone(request, reference),
            From::Tar(path) if path == "-" => fill(&mut |place| unpack(place, archive).map(drop)),
            From::Tar(path) => {
                let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
                fill(&mut |place| unpack(place, &mut file).map(drop))
            }
            From::Dir(path) => {
                let dir = File::open(path).map_err(|error| unreadable(path, &error))?;
                if !dir.metadata().is_ok_and(|found| found.is_dir()) {
                    return Err(Failure::invalid(format!("{path} is no directory")));
                }
                fill(&mut |place| Ok(stead_volume::copy_into(dir.as_fd(), place, copied).map(drop)?))
            }
            From::Image { reference, path } => {
                let image = self.images.resolve(reference)?;
                let lower = self.layers.lower_dirs(image.diff_ids());
                let tree = stead_mount::prepare(&Mount::rootfs(lower, None, None))?;
                let root = tree.tree().ok_or_else(|| Failure::new(Kind::Internal, "the image's tree could not be opened"))?;
                let dir = stead_volume::open_directory(root, Path::new(path))
                    .map_err(|_missing| Failure::new(Kind::NotFound, format!("image {reference} has no directory {path}")))?;
                fill(&mut |place| Ok(stead_volume::copy_into(dir.as_fd(), place, copied).map(drop)?))
            }
        }
    }

    fn create_clone(&self, request: &CreateRequest, reference: &str) -> Result<VolumeView> {
        if !request.options.is_empty() {
            return Err(Failure::invalid(
                "options of a driver do not go with --from volume:NAME: the new volume lies where the old one does",
            ));
        }
        let (volume, snapshot) = split_snapshot(reference);
        self.volume_clone(&CloneRequest {
            volume: volume.to_owned(),
            snapshot: snapshot.map(str::to_owned),
            new: request.name.clone(),
            labels: request.labels.clone(),
        })
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> Failure {
    let kind = if error.kind() == std::io::ErrorKind::NotFound { Kind::NotFound } else { Kind::NotAllowed };
    Failure::new(kind, format!("open {path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::From;

    #[test]
    fn sources_are_told_apart() {
        let image = |reference: &str, path: &str| From::Image { reference: reference.to_owned(), path: path.to_owned() };
        for (text, is) in [
            ("dir:/srv/www", From::Dir("/srv/www".to_owned())),
            ("/srv/www", From::Dir("/srv/www".to_owned())),
            ("./www", From::Dir("./www".to_owned())),
            ("tar:backup", From::Tar("backup".to_owned())),
            ("/srv/a.tar.zst", From::Tar("/srv/a.tar.zst".to_owned())),
            ("-", From::Tar("-".to_owned())),
            ("image:redis:7:/data", image("redis:7", "/data")),
            ("image:localhost:5000/a", image("localhost:5000/a", "/")),
            ("data@monday", From::Volume("data@monday".to_owned())),
            ("volume:data", From::Volume("data".to_owned())),
        ] {
            assert_eq!(From::parse(text), Ok(is), "{text}");
        }
        for text in ["", "data", "dir:", "image:", "data@", "x@y/z"] {
            assert!(From::parse(text).is_err(), "{text}");
        }
    }
}
