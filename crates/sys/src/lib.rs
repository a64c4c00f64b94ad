//! The kernel made safe.
//!
//! Purpose: every system call the house needs, behind functions that cannot be misused.
//! Door: one module a kernel subject (`path`, `process`, `mount`, `durable`, ...), [`Error`], [`Result`].
//! Knows: Linux, file descriptors, errno. The only crate with `unsafe`.
//! Must not know: containers, volumes, images, Docker, any other room.
//! If we crash here: a single system call was or was not done; the caller's publish order decides what that means.

pub mod activation;
pub mod bpf;
pub mod btrfs;
pub mod cgroup;
pub mod copy;
pub mod credential;
pub mod device;
pub mod durable;
mod error;
pub mod idmap;
pub mod lease;
pub mod link;
pub mod lock;
pub mod loop_device;
pub mod memory;
pub mod mount;
pub mod mountinfo;
pub mod namespace;
pub mod netlink;
pub mod owner;
pub mod path;
pub mod process;
pub mod quota;
pub mod rlimit;
pub mod selinux;
pub mod signal;
pub mod socket;
pub mod statfs;
#[cfg(test)]
mod testdir;
pub mod tree;
pub mod tty;
pub mod xattr;

pub use error::{Error, Result};
