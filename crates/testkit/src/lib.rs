//! The testkit room: what the tests of every other room stand on. Never part of the product.
//!
//! Purpose: own roots for every test, commands with time limits, peers (dockerd, podman, a registry), small file systems, hostile archives, races, fault injection.
//! Door: [`Sandbox`], [`Output`], [`Disk`], [`Canary`], [`Swap`], [`hostile`], [`Dockerd`], [`Podman`], [`Registry`], [`netns`], [`trace`].
//! Knows: processes, mounts, cgroups, and where the test images are.
//! Must not know: the insides of any other room; it drives engines by their command line only.
//! If we crash here: a test leaves a directory below /var/tmp, whose name says that it is a test's.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot set its scene up has nothing better to do than to panic, and it has no durable state to protect"
)]

mod canary;
mod command;
mod disk;
pub mod hostile;
mod image;
mod kernel;
pub mod netns;
mod peer;
mod sandbox;
mod swap;
pub mod trace;
mod words;

pub use canary::{CANARY_DIR, Canary, NamedCanary};
pub use command::{Command, Output};
pub use disk::{Disk, Fs, LoopDevice};
pub use image::{image_tar, images_dir};
pub use kernel::{cgroup_dirs_of, mounts_below, processes_naming, unmount_below};
pub use peer::{Dockerd, Podman, Registry, docker_cli, free_port};
pub use sandbox::{Sandbox, Under, skip};
pub use swap::Swap;
pub use words::split;
