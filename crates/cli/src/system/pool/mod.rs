//! `stead system pool`: a file system of the engine's own for volumes.

mod create;
mod grow;
mod inspect;
mod rm;

use stead_base::size;

use crate::command::{Act, Command, Matches};

/// The group.
pub(super) static POOL: Command = Command {
    name: "pool",
    usage: "COMMAND",
    about: "Manage the pool, in which snapshots of volumes take milliseconds",
    long: "The pool is a btrfs of the engine's own: in a sparse file below the root, or on a device. Volumes made with -o pool live in it, each as\n\
           a subvolume, so that snapshots, clones and rollbacks are done at once on any machine. 'stead system config set volume.pool true' makes\n\
           it the place of new volumes that say nothing.",
    act: Act::Group(&[&create::CREATE, &grow::GROW, &inspect::INSPECT, &rm::RM]),
    ..Command::NEW
};

/// Refuses what is no size.
fn check_size(text: &str) -> Result<(), String> {
    bytes(text).map(drop).ok_or_else(|| format!("{text}: it is a size such as 50g"))
}

fn bytes(text: &str) -> Option<u64> {
    size::parse_ram(text).ok().and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0)
}

/// `--size`.
fn size_of(matches: &Matches) -> Option<u64> {
    matches.filled("size").and_then(bytes)
}
