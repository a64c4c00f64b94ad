//! The birth of one process in its own namespaces, and of more beside it.
//!
//! Purpose: turn a [`Plan`] into a running process confined as Docker confines it, or say in Docker's words why not.
//! Door: [`Plan`], [`launch::start`], [`exec::start`], [`capability::resolve`], [`cgroup`], [`bundle`].
//! Knows: namespaces, control groups, capabilities, seccomp, /dev, users as the image names them.
//! Must not know: images, volumes' records, the store, logs, restart policies, the terminal.
//! If we crash here: a half-born child dies with its error pipe; a cgroup directory may stay and is removed by the next delete.

pub mod bundle;
pub mod capability;
pub mod cgroup;
mod confine;
pub mod defaults;
mod device;
pub mod exec;
mod init;
pub mod launch;
pub mod process_list;
mod program;
mod reaper;
mod report;
mod rootfs;
pub mod seccomp;
pub mod spec;
#[cfg(test)]
mod stage;
pub mod user;
pub mod view;

pub use launch::{Child, ChildIo, LaunchError, LaunchErrorKind, Stdio, WindowSize};
pub use spec::{
    BlkioDevice, CgroupLimits, Device, DeviceRule, ExecProcess, Namespace, Namespaces, NetNamespace, Plan, Process, Rlimit, Seccomp,
};
