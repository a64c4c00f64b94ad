//! The `archive` room: a tree into a tar stream and back, hostile-safe.
//!
//! Purpose: what `stead cp` carries: reading a path of a root as tar, writing a tar below a root, and the rules of who lands where.
//! Door: [`stat`], [`read`], [`write`], [`account`], [`PathStat`], [`ReadOptions`], [`WriteOptions`]; [`copy`] for the client's side of `cp`.
//! Knows: tar, PAX, gzip and zstd, lookups that cannot leave a root, what must be flushed before anything is acknowledged.
//! Must not know: containers, mounts, volumes, the store, the terminal.
//! If we crash here: files written so far stay, each whole or (a new one) absent from the acknowledgement; nothing outside the root was touched.

mod account;
mod acl;
mod codec;
mod compress;
pub mod copy;
mod decode;
mod encode;
mod error;
mod list;
mod metadata;
mod read;
mod scope;
mod settle;
mod stat;
mod usage;
mod write;

#[cfg(test)]
mod tests;

pub use account::account;
pub use compress::{Compression, compressed};
pub use error::{Error, Result};
pub use list::{Entry, Kind, list, open_file};
pub use read::{Changes, ReadOptions, TreeReader, read};
pub use stat::{PathStat, go_mode, stat};
pub use usage::{Used, usage};
pub use write::{Devices, Follow, Limits, Owner, Rebase, WriteOptions, Written, write};
