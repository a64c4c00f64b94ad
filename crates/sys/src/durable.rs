//! Writes that survive a power cut: temporary file, fsync, rename, fsync of the directory.
