//! Walking and removing trees without ever crossing a mount.
