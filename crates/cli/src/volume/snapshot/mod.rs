//! `stead volume snapshot`: one verb a file.

mod create;
mod inspect;
mod ls;
mod rm;

use stead_mount::names::split_snapshot;

use crate::command::{Act, Command};
use crate::failure::Failure;

/// The group.
pub(super) static SNAPSHOT: Command = Command {
    name: "snapshot",
    usage: "COMMAND",
    about: "Manage snapshots of volumes",
    long: "A snapshot keeps what a volume has at one moment. It lies beside the volume and goes where the volume goes: into the trash with it, and back.\n\
           On btrfs it takes milliseconds whatever it holds, on xfs no file's data is copied, elsewhere what did not change since the last one is\n\
           shared with it; 'stead volume inspect' says which (Status.SnapshotMethod).",
    act: Act::Group(&[&create::CREATE, &inspect::INSPECT, &ls::LS, &rm::RM]),
    ..Command::NEW
};

/// Words that are `VOL@SNAP`; `VOL SNAP` as two words is one such.
fn joined(words: &[String]) -> Result<Vec<String>, Failure> {
    match words {
        [volume, snapshot] if !volume.contains('@') && !snapshot.contains('@') => Ok(vec![format!("{volume}@{snapshot}")]),
        _ => words.iter().map(|word| pair(word).map(|_pair| word.clone())).collect(),
    }
}

/// A word that has to name a snapshot.
pub(super) fn pair(word: &str) -> Result<(String, String), Failure> {
    match split_snapshot(word) {
        (volume, Some(snapshot)) => Ok((volume.to_owned(), snapshot.to_owned())),
        (volume, None) => {
            let why =
                format!("{word:?} names a volume and no snapshot: say {volume}@SNAPSHOT ('stead volume snapshot ls {volume}' shows them)");
            Err(Failure::plain(1, why))
        }
    }
}
