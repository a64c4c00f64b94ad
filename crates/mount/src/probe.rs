//! A look at this machine's files for the grammar, which does none itself.

use std::io::ErrorKind;

use crate::apply::system_words;
use crate::validate::{Found, Probe};

/// Looks at the host, symlinks followed, as the engine will when it mounts.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostProbe;

impl Probe for HostProbe {
    fn look(&self, path: &str) -> Result<Option<Found>, String> {
        match std::fs::metadata(path) {
            Ok(data) if data.is_dir() => Ok(Some(Found::Directory)),
            Ok(_) => Ok(Some(Found::Other)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(system_words(&e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_is_no_error_and_errors_are_the_systems_words() {
        assert_eq!(HostProbe.look("/"), Ok(Some(Found::Directory)));
        assert_eq!(HostProbe.look("/proc/version"), Ok(Some(Found::Other)));
        assert_eq!(HostProbe.look("/nonexistent/x"), Ok(None));
        assert_eq!(HostProbe.look("/proc/version/x"), Err("not a directory".to_owned()));
        let long = format!("/{}", "x".repeat(70_000));
        assert_eq!(HostProbe.look(&long), Err("file name too long".to_owned()));
    }
}
