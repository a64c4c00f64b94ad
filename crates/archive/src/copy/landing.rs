//! Where a copied tree lands and what it is called there.

use super::paths::{asserts_directory, split_entry};

/// One end of a copy, as far as it is known before anything moves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoint {
    /// The path, symlinks in it resolved as far as the rules ask; a trailing `/` or `/.` is kept.
    pub path: String,
    /// Whether something is there.
    pub exists: bool,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// The name the user knows the source by, where following a symlink changed it.
    pub rebase: Option<String>,
}

/// Where the archive is unpacked, and the new name of its top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// The directory to unpack into.
    pub dir: String,
    /// The top's name in the archive and the name it gets; none when it stays.
    pub rename: Option<(String, String)>,
}

/// Why the source cannot land there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A directory onto something that is not one.
    #[error("cannot copy directory")]
    DirectoryOntoFile,
    /// A file to `name/`, and there is no such directory.
    #[error("no such directory")]
    NoSuchDirectory,
}

/// Decides.
///
/// # Errors
/// [`Refusal`], with Docker's words.
pub fn landing(source: &Endpoint, destination: &Endpoint) -> Result<Landing, Refusal> {
    if destination.exists && destination.is_dir {
        return Ok(Landing { dir: destination.path.clone(), rename: None });
    }
    if destination.exists && source.is_dir {
        return Err(Refusal::DirectoryOntoFile);
    }
    if !destination.exists && !source.is_dir && asserts_directory(&destination.path) {
        return Err(Refusal::NoSuchDirectory);
    }
    let (dir, new) = split_entry(&destination.path);
    let old = source.rebase.clone().unwrap_or_else(|| split_entry(&source.path).1);
    Ok(Landing { dir, rename: Some((old, new)) })
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Landing, Refusal, landing};

    fn end(path: &str, state: &str) -> Endpoint {
        Endpoint { path: path.into(), exists: state != "none", is_dir: state == "dir", rebase: None }
    }

    /// The table of `docker cp`'s manual: source kind x destination kind.
    #[test]
    fn the_manuals_table() {
        let lands = |dir: &str, rename: Option<(&str, &str)>| {
            Ok(Landing { dir: dir.into(), rename: rename.map(|(a, b)| (a.to_owned(), b.to_owned())) })
        };
        let source_dir = Endpoint { is_dir: true, exists: true, path: "/s/d".into(), rebase: None };
        for (source, destination, answer) in [
            (end("/s/f", "file"), end("/t/new", "none"), lands("/t", Some(("f", "new")))),
            (end("/s/f", "file"), end("/t/new/", "none"), Err(Refusal::NoSuchDirectory)),
            (end("/s/f", "file"), end("/t/old", "file"), lands("/t", Some(("f", "old")))),
            (end("/s/f", "file"), end("/t", "dir"), lands("/t", None)),
            (source_dir.clone(), end("/t/new", "none"), lands("/t", Some(("d", "new")))),
            (source_dir.clone(), end("/t/new/", "none"), lands("/t", Some(("d", "new")))),
            (source_dir.clone(), end("/t/old", "file"), Err(Refusal::DirectoryOntoFile)),
            (source_dir.clone(), end("/t", "dir"), lands("/t", None)),
            (Endpoint { path: "/s/d/.".into(), ..source_dir.clone() }, end("/t/new", "none"), lands("/t", Some((".", "new")))),
            (Endpoint { rebase: Some("link".into()), ..source_dir.clone() }, end("/t/new", "none"), lands("/t", Some(("link", "new")))),
        ] {
            assert_eq!(landing(&source, &destination), answer, "{source:?} -> {destination:?}");
        }
    }
}
