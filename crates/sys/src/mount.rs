//! Mounts by file descriptor: open_tree, mount_setattr, move_mount, fsopen.
