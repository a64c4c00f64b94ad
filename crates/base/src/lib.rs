//! The words every room shares: ids, names, labels, filters, sizes, times, error kinds and the layout below the root.
//!
//! - Purpose: one definition of each small value that crosses rooms.
//! - Door: [`Kind`], [`ids`], [`names`], [`label`], [`filter`], [`size`], [`time`], [`layout`].
//! - Knows: the grammar of these values and Docker's texts for refusing them.
//! - Must not know: files, processes, clocks other than the one it is told, the terminal.
//! - If we crash here: nothing is lost, nothing here does I/O.

pub mod detach;
pub mod digest;
pub mod filter;
pub mod ids;
pub mod kind;
pub mod label;
pub mod layout;
pub mod names;
pub mod size;
pub mod time;

pub use digest::Digest;
pub use kind::Kind;
