//! Networks of containers: which one a container asks for, and the three files that tell it its own name.
//!
//! - Purpose: turn `--network` into a namespace choice, and write /etc/hosts, /etc/hostname and /etc/resolv.conf.
//! - Door: [`Mode`], [`files`].
//! - Knows: Docker's words for network modes and the format of the resolver's files.
//! - Must not know: containers' records, images, volumes.
//! - If we crash here: nothing is half done; the files are written anew at each start.

pub mod files;
mod mode;

pub use mode::{Mode, ModeError};
