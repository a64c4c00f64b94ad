//! The engine as a whole.

pub mod check;
pub mod df;
mod info;
mod repair;
mod sweep;
