//! Removed volumes: one verb a file.

pub(super) mod empty;
pub(super) mod inspect;
pub(super) mod ls;
