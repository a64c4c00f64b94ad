//! The data roots of other engines: looked at, never touched.
//!
//! Purpose: say which volumes, images and containers lie in a Docker or Podman data root, and read them out.
//! Door: [`survey()`], [`Survey`], [`Maker`], [`Volume`], [`Image`], [`Layer`], [`Container`], [`bolt`], [`split`], [`Error`].
//! Knows: how Docker and Podman keep things on the disk: their JSON, bbolt and SQLite files, tar-split, overlay directories.
//! Must not know: our own root, records, layers or volumes; what becomes of what it reads.
//! If we crash here: nothing happened. Files are opened for reading only, nothing is locked, mounted or written below the source.
//!
//! Everything in a source is hostile: no symbolic link below it is followed, sizes and counts have limits, and one thing that cannot be read
//! hides no other.

pub mod bolt;
mod docker;
mod error;
mod live;
mod podman;
pub mod split;
mod survey;
mod tree;

pub use error::{Error, Result};
pub use survey::{Container, Image, Layer, Maker, Problem, Survey, Volume, survey};
