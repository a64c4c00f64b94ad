//! The checks every mount of a Linux container passes, whichever way it was asked for; texts and order are Docker's.

use crate::access::Access;
use crate::gotext::{clean, is_local};
use crate::names::split_snapshot;
use crate::parse::tmpfs::request_options;
use crate::point::Propagation;
use crate::request::{MountRequest, MountType};
use crate::spec::{ConfigError, Fault, SpecError};

/// What a look at a host path found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A directory.
    Directory,
    /// Anything else that exists.
    Other,
}

/// Looks at host paths for the grammar, which does no I/O itself. Symlinks are followed.
pub trait Probe {
    /// What is at `path`; `None` if nothing is.
    ///
    /// # Errors
    /// The system's words for any failure other than absence, e.g. `permission denied`.
    fn look(&self, path: &str) -> Result<Option<Found>, String>;
}

/// Checks one entry of `HostConfig.Mounts`, the existence of a bind source included.
///
/// # Errors
/// The first thing wrong with it, in Docker's envelope.
pub fn validate(request: &MountRequest, probe: &dyn Probe) -> Result<(), SpecError> {
    Ok(check(request, Some(probe))?)
}

/// The same without the look at the host, as `-v` is checked: a missing source is created at start.
pub(crate) fn check(request: &MountRequest, probe: Option<&dyn Probe>) -> Result<(), ConfigError> {
    let inspect = || {
        target(&request.target)?;
        match &request.kind {
            MountType::Bind => bind(request, probe),
            MountType::Volume => volume(request),
            MountType::Tmpfs => tmpfs(request),
            MountType::Image => image(request),
            MountType::Npipe | MountType::Cluster | MountType::Unknown(_) => Err(Fault::UnknownType),
        }
    };
    inspect().map_err(|fault| fault.of(&request.kind))
}

/// Checks a path in the container: not empty, not the root, absolute.
pub(crate) fn target(path: &str) -> Result<(), Fault> {
    if path.is_empty() {
        return Err(Fault::Missing("Target"));
    }
    target_path(path)
}

/// Checks the path of a `--tmpfs`.
pub(crate) fn target_path(path: &str) -> Result<(), Fault> {
    if clean(&path.replace('\\', "/")) == "/" {
        return Err(Fault::TargetIsRoot);
    }
    absolute(path)
}

fn absolute(path: &str) -> Result<(), Fault> {
    if path.contains('\0') {
        return Err(Fault::NulByte(path.to_owned()));
    }
    // Docker looks at the path with its backslashes turned, and would later use a relative one. Here such a path is refused.
    if path.starts_with('/') { Ok(()) } else { Err(Fault::NotAbsolute(path.to_owned())) }
}

fn bind(request: &MountRequest, probe: Option<&dyn Probe>) -> Result<(), Fault> {
    let source = &request.source;
    if source.is_empty() {
        return Err(Fault::Missing("Source"));
    }
    if let Some(options) = &request.bind_options
        && !options.propagation.is_empty()
        && Propagation::from_word(&options.propagation).is_none()
    {
        return Err(Fault::Propagation(options.propagation.clone()));
    }
    foreign_options(request)?;
    access(request.bind_options.as_ref().map(|options| &options.access))?;
    extras(request)?;
    absolute(source)?;
    let Some(probe) = probe else { return Ok(()) };
    let found = probe.look(source).map_err(|reason| Fault::Stat { path: source.clone(), reason })?;
    let create = request.bind_options.as_ref().is_some_and(|options| options.create_mountpoint);
    if found.is_none() && !create { Err(Fault::NoSource(source.clone())) } else { Ok(()) }
}

/// What Docker does not have.
fn extras(request: &MountRequest) -> Result<(), Fault> {
    let Some(extras) = request.extras() else { return Ok(()) };
    if request.kind == MountType::Volume && extras.overlay.as_ref().is_some_and(|o| !o.volume.is_empty() && o.volume == request.source) {
        return Err(Fault::Extras("a volume cannot keep what is written over itself".to_owned()));
    }
    if request.kind == MountType::Volume && split_snapshot(&request.source).1.is_some() && (extras.chown || !extras.relabel.is_empty()) {
        return Err(Fault::Extras("a snapshot is nobody's to change: use idmap".to_owned()));
    }
    extras.fault().map_or(Ok(()), |words| Err(Fault::Extras(words)))
}

fn volume(request: &MountRequest) -> Result<(), Fault> {
    foreign_options(request)?;
    access(request.volume_options.as_ref().map(|options| &options.access))?;
    extras(request)?;
    match request.subpath() {
        None => Ok(()),
        Some(_) if request.source.is_empty() => Err(Fault::AnonymousSubpath),
        Some(subpath) => local(subpath),
    }
}

fn access(word: Option<&String>) -> Result<(), Fault> {
    match word {
        Some(word) if !word.is_empty() && Access::from_word(word).is_none() => Err(Fault::Access(word.clone())),
        _ => Ok(()),
    }
}

fn tmpfs(request: &MountRequest) -> Result<(), Fault> {
    foreign_options(request)?;
    if !request.source.is_empty() {
        return Err(Fault::Extra("Source"));
    }
    request_options(request.tmpfs_options.as_ref(), request.read_only).map(drop)
}

fn image(request: &MountRequest) -> Result<(), Fault> {
    foreign_options(request)?;
    if request.source.is_empty() {
        return Err(Fault::Missing("Source"));
    }
    request.subpath().map_or(Ok(()), local)
}

fn local(subpath: &str) -> Result<(), Fault> {
    if is_local(subpath) && !subpath.contains('\0') { Ok(()) } else { Err(Fault::Subpath) }
}

/// Refuses options of another type than the request's own.
pub(crate) fn foreign_options(request: &MountRequest) -> Result<(), Fault> {
    let groups = [
        (MountType::Bind, request.bind_options.is_some(), "BindOptions"),
        (MountType::Volume, request.volume_options.is_some(), "VolumeOptions"),
        (MountType::Image, request.image_options.is_some(), "ImageOptions"),
        (MountType::Tmpfs, request.tmpfs_options.is_some(), "TmpfsOptions"),
        (MountType::Cluster, request.cluster_options.is_some(), "ClusterOptions"),
    ];
    match groups.iter().find(|(owner, given, _)| *given && *owner != request.kind) {
        Some((_, _, name)) => Err(Fault::Extra(name)),
        None => Ok(()),
    }
}
