//! Loop devices: attach a file, detach by itself.
