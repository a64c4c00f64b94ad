//! statfs
