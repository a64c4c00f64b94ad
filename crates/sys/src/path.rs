//! Paths that cannot escape: openat2 below a root.
