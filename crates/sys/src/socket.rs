//! Unix sockets that carry descriptors and tell who is there.
