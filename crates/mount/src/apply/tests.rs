//! Tests of applying mounts, each in a mount namespace of its own.
