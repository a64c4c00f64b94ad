//! `volume ls VOL:PATH`: what lies in a directory of a volume.

use std::path::Path;

use serde::Serialize;

use super::copy::in_volume;
use crate::{Engine, Result};

/// One entry, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileView {
    /// Its name; what is not UTF-8 in it is shown as U+FFFD.
    pub name: String,
    /// The name's bytes in hexadecimal, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_hex: Option<String>,
    /// `file`, `directory`, `symlink`, `fifo`, `socket`, `char-device`, `block-device`.
    #[serde(rename = "Type")]
    pub kind: &'static str,
    /// As `ls -l` shows it: `-rw-r--r--`.
    pub mode: String,
    /// Bytes.
    pub size: u64,
    /// Owner's number.
    #[serde(rename = "UID")]
    pub uid: u32,
    /// Group's number.
    #[serde(rename = "GID")]
    pub gid: u32,
    /// Names it has.
    pub links: u64,
    /// When its content last changed.
    pub modified_at: String,
    /// Where a symlink points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl Engine {
    /// The entries of a directory of `VOL` or `VOL@SNAP` by name; of anything else, itself.
    ///
    /// # Errors
    /// No such volume, snapshot or path; a directory of more than a million entries.
    pub fn volume_files(&self, reference: &str, path: &str) -> Result<Vec<FileView>> {
        let held = self.hold_volume(reference)?;
        let entries = stead_archive::list(held.root(), Path::new(path)).map_err(|error| in_volume(error, reference))?;
        Ok(entries.iter().map(view).collect())
    }
}

fn view(entry: &stead_archive::Entry) -> FileView {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    FileView {
        name: lossy(&entry.name),
        name_hex: std::str::from_utf8(&entry.name).is_err().then(|| hex(&entry.name)),
        kind: entry.kind.as_str(),
        mode: shown(entry.kind.letter(), entry.mode),
        size: entry.size,
        uid: entry.uid,
        gid: entry.gid,
        links: entry.links,
        modified_at: entry.mtime.rfc3339(),
        target: entry.target.as_deref().map(lossy),
    }
}

/// `drwxr-xr-x`.
fn shown(letter: char, mode: u32) -> String {
    let mut text = String::from(letter);
    for (shift, special, set, unset) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (true, true) => set,
            (false, true) => unset,
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn modes_are_shown_as_ls_does() {
        assert_eq!(shown('-', 0o644), "-rw-r--r--");
        assert_eq!(shown('d', 0o1777), "drwxrwxrwt");
        assert_eq!(shown('-', 0o4755), "-rwsr-xr-x");
        assert_eq!(shown('-', 0o6644), "-rwSr-Sr--");
        assert_eq!(shown('d', 0o1770), "drwxrwx--T");
    }
}
