//! The files of the journal: `journal.00000001`, `journal.00000002`, ... The highest number is written to; the lowest go first.
//!
//! Numbers instead of renames: a reader that has one open reads on in the next one and cannot mistake one for another.

use std::io;
use std::path::{Path, PathBuf};

use stead_sys::{Error, Result};

const PREFIX: &str = "journal.";

/// A segment of this size is not written to any more.
pub(crate) const SEGMENT_MAX: u64 = 2 << 20;
/// So many segments are kept: 8 MiB in all, some 25,000 events.
pub(crate) const SEGMENTS: usize = 4;

/// Where the segment of this number lies.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{number:08}"))
}

/// The numbers of all segments, rising. No directory means no segments.
pub(crate) fn all(dir: &Path) -> Result<Vec<u64>> {
    let listing = match std::fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::new("readdir", dir, error)),
    };
    let mut numbers = Vec::new();
    for entry in listing {
        let entry = entry.map_err(|error| Error::new("readdir", dir, error))?;
        numbers.extend(entry.file_name().to_str().and_then(number));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The number in a segment's name. Only the form we write: anything else is somebody's file and stays untouched.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    (digits == format!("{number:08}")).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_names_have_numbers() {
        assert_eq!(number("journal.00000012"), Some(12));
        assert_eq!(number("journal.123456789"), Some(123_456_789));
        for other in ["journal.12", "journal.00000000", "journal.0000001x", "journal.00000001~", "lock", "journal.+0000001"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
