//! The root's marker, `stead.json`: which format lies here, and a name for this engine that no other has.

use serde::{Deserialize, Serialize};
use stead_base::layout::Root;
use stead_sys::durable;

/// The layout that docs/on-disk.md describes.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    format: u32,
    uuid: String,
}

/// The root's own name; the marker is made on first use. A marker that cannot be read is left as it is, and the root has no name.
///
/// # Errors
/// It cannot be made, or what lies here is of a later format.
pub fn identity(root: &Root) -> stead_sys::Result<String> {
    let path = root.marker();
    if let Ok(bytes) = std::fs::read(&path) {
        let marker = serde_json::from_slice::<Marker>(&bytes).unwrap_or(Marker { format: FORMAT, uuid: String::new() });
        if marker.format > FORMAT {
            let why = std::io::Error::new(
                std::io::ErrorKind::Unsupported,
                format!("format {} is of a later stead; this one knows {FORMAT}", marker.format),
            );
            return Err(stead_sys::Error::new("open", path, why));
        }
        return Ok(marker.uuid);
    }
    let marker = Marker { format: FORMAT, uuid: durable::unique_name()? };
    let bytes = serde_json::to_vec(&marker).map_err(|e| stead_sys::Error::new("write", &path, std::io::Error::other(e)))?;
    durable::replace_file(&path, &bytes, 0o600)?;
    Ok(marker.uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_a_later_format_is_refused() {
        let dir = std::path::PathBuf::from(format!("/var/tmp/stead-store-marker-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let root = Root::new(&dir);
        let first = identity(&root).unwrap();
        assert_eq!((first.len(), identity(&root).unwrap()), (32, first.clone()));
        durable::replace_file(&root.marker(), b"{\"format\":2,\"uuid\":\"x\"}", 0o600).unwrap();
        assert!(identity(&root).unwrap_err().to_string().contains("later stead"));
        durable::remove_file(&root.marker()).unwrap();
        std::fs::remove_dir(&dir).unwrap();
    }
}
