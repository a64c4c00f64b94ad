//! `volume.json` next to `_data`: it describes the volume even when the records are lost.

use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use stead_base::time::Time;
use stead_mount::Access;
use stead_store::Record;
use stead_sys::durable;

use crate::error::disk;
use crate::record::{LOCAL, Limits, Place, State, Volume};
use crate::{Error, Result};

/// Far above what labels and options of one volume can sensibly take; a larger file is not ours.
const LENGTH_MAX: u64 = 4 << 20;

/// What lies on the disk under a volume's name.
#[derive(Debug)]
pub(crate) enum Found {
    /// A directory with a sidecar we believe.
    Volume(Volume),
    /// A directory with `_data` and without sidecar: somebody put it there, and it is a volume, as in Docker.
    Adopted(Volume),
    /// A sidecar that can not be believed.
    Damaged(String),
    /// No volume.
    Nothing,
}

/// The sidecar's form: the record with the version of its form.
#[derive(serde::Serialize)]
struct Sidecar {
    version: u32,
    #[serde(flatten)]
    volume: Volume,
}

/// The version alone. Read apart from the record, because a flattened one is read by way of a map, which takes several times as long.
#[derive(serde::Deserialize)]
struct Form {
    version: u32,
}

/// Looks at the disk.
pub(crate) fn look(area: &Path, name: &str) -> Result<Found> {
    let path = area.join(name).join("volume.json");
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return adopt(area, name),
        Err(e) if e.kind() == ErrorKind::NotADirectory => return Ok(Found::Nothing),
        Err(e) => return Err(disk("get", name)(stead_sys::Error::new("open", &path, e))),
    };
    // Room for the whole of nearly every sidecar: one read and the one that finds the end.
    let mut bytes = Vec::with_capacity(1024);
    if let Err(e) = file.take(LENGTH_MAX).read_to_end(&mut bytes) {
        return Ok(Found::Damaged(e.to_string()));
    }
    let read = serde_json::from_slice::<Form>(&bytes).map(|form| (form.version, serde_json::from_slice::<Volume>(&bytes)));
    let (version, volume) = match read {
        Ok(read) => read,
        Err(e) => return Ok(Found::Damaged(e.to_string())),
    };
    if version > Volume::VERSION {
        return Ok(Found::Damaged(format!("it has version {version}, and this stead knows versions up to {}", Volume::VERSION)));
    }
    match volume {
        // A directory that was copied or renamed by hand is the volume of its new name.
        Ok(volume) => Ok(Found::Volume(Volume { name: name.to_owned(), ..volume })),
        Err(e) => Ok(Found::Damaged(e.to_string())),
    }
}

/// The volume that the sidecar in a directory describes, under the name it has there; `None` where it can not be believed.
pub(crate) fn read_in(directory: &Path) -> Option<Volume> {
    let mut bytes = Vec::with_capacity(1024);
    std::fs::File::open(directory.join("volume.json")).ok()?.take(LENGTH_MAX).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice::<Form>(&bytes).ok().filter(|form| form.version <= Volume::VERSION)?;
    serde_json::from_slice(&bytes).ok()
}

fn adopt(area: &Path, name: &str) -> Result<Found> {
    let data = area.join(name).join("_data");
    match data.symlink_metadata() {
        Ok(found) if found.is_dir() => {
            let directory = area.join(name).symlink_metadata().map_err(|e| disk("get", name)(stead_sys::Error::new("stat", &data, e)))?;
            if !directory.is_dir() {
                return Ok(Found::Nothing);
            }
            // The same id for the same directory at every look, until it gets a sidecar.
            let uuid = format!("{:016x}{:016x}", directory.dev(), directory.ino());
            Ok(Found::Adopted(Volume {
                name: name.to_owned(),
                driver: LOCAL.to_owned(),
                uuid,
                labels: Default::default(),
                options: Default::default(),
                created_at: Time::from_nanos(i128::from(directory.ctime()) * 1_000_000_000 + i128::from(directory.ctime_nsec())),
                anonymous: false,
                state: State::New,
                populated_from: None,
                protected: false,
                access: Access::Shared,
                last_holder: None,
                origin: None,
                place: Place::Directory,
                limits: Limits::default(),
            }))
        }
        _ => Ok(Found::Nothing),
    }
}

/// The sidecar's bytes.
pub(crate) fn encode(volume: &Volume) -> Result<Vec<u8>> {
    let sidecar = Sidecar { version: Volume::VERSION, volume: volume.clone() };
    let mut bytes = serde_json::to_vec_pretty(&sidecar)
        .map_err(|source| Error::Store(stead_store::Error::Encode { kind: Volume::KIND, id: volume.name.clone(), source }))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes the sidecar into `directory`, durably.
pub(crate) fn write(directory: &Path, volume: &Volume) -> Result<()> {
    durable::replace_file(&directory.join("volume.json"), &encode(volume)?, 0o600).map_err(disk("write", &volume.name))
}
