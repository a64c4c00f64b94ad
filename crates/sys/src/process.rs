//! Processes by handle: clone3, pidfd, file descriptors at exec, what a child may keep.
