//! The engine as a whole.

pub mod check;
pub mod df;
mod info;
pub mod login;
mod repair;
mod sweep;
