//! Mount specifications of Windows containers: `c:\data:d:`, `name:d:\path:ro`, `\\.\pipe\a:\\.\pipe\b`.
//!
//! Only the grammar lives here; what exists on a Windows host is asked through a [`Probe`].

use crate::parse::VolumesFrom;
use crate::point::{MountPoint, Origin};
use crate::request::{DriverConfig, MountRequest, MountType, VolumeOptions};
use crate::spec::{ConfigError, Fault, SpecError};
use crate::validate::{Found, Probe, foreign_options};

/// What may be a target: the one thing in which Linux containers on Windows differ.
pub(super) struct Platform {
    /// Whether a lower-cased text has the shape of a target.
    pub(super) is_destination: fn(&str) -> bool,
    /// The checks of a target that need its type.
    pub(super) check_target: fn(&MountRequest) -> Result<(), Fault>,
    /// Whether slashes of a target become backslashes.
    pub(super) backslashes: bool,
}

const WINDOWS: Platform = Platform { is_destination, check_target, backslashes: true };

/// Reads one `-v` of a Windows container. The specification is lower-cased first, as file names there have no case.
///
/// # Errors
/// The first thing wrong with it, in Docker's words.
pub fn raw(spec: &str, driver: &str, probe: &dyn Probe) -> Result<MountPoint, SpecError> {
    raw_on(&WINDOWS, spec, driver, probe)
}

/// Turns one entry of `HostConfig.Mounts` into a mount point of a Windows container.
///
/// # Errors
/// The first thing wrong with it, in Docker's words.
pub fn spec(request: &MountRequest, probe: &dyn Probe) -> Result<MountPoint, SpecError> {
    Ok(spec_on(&WINDOWS, request, probe)?)
}

/// Checks a volume name: any file name but the names of devices.
///
/// # Errors
/// [`Fault::VolumeName`] or [`Fault::ReservedName`].
pub fn check_volume_name(name: &str) -> Result<(), SpecError> {
    volume_name(name).map_err(SpecError::Fault)
}

/// The name under which a volume is stored: NTFS does not tell cases apart.
pub fn stored_volume_name(name: &str) -> String {
    name.to_lowercase()
}

/// Reads one `--volumes-from`: the mode is `ro`, `rw` or absent, in any case.
///
/// # Errors
/// The empty string or another mode.
pub fn volumes_from(spec: &str) -> Result<VolumesFrom, SpecError> {
    if spec.is_empty() {
        return Err(SpecError::EmptyVolumesFrom);
    }
    let (container, mode) = spec.split_once(':').unwrap_or((spec, ""));
    if !is_mode(mode) {
        return Err(SpecError::InvalidMode(mode.to_owned()));
    }
    Ok(VolumesFrom { container: container.to_owned(), read_only: mode.eq_ignore_ascii_case("ro") })
}

/// `--tmpfs` and `--mount type=tmpfs` do not exist on Windows.
///
/// # Errors
/// Always.
pub fn check_tmpfs() -> Result<(), SpecError> {
    Err(SpecError::Fault(Fault::TmpfsOnWindows))
}

pub(super) fn raw_on(platform: &Platform, spec: &str, driver: &str, probe: &dyn Probe) -> Result<MountPoint, SpecError> {
    let shape = || SpecError::Shape(spec.to_owned());
    let lowered = spec.to_lowercase();
    let (source, target, mode) = split(platform, &lowered).ok_or_else(shape)?;
    if source.is_empty() {
        not_a_file(target, probe)?;
        if !mode.is_empty() {
            return Err(shape());
        }
    }
    let source = source.replace('/', "\\");
    let kind = kind_of(&source);
    let target = if platform.backslashes { target.replace('/', "\\") } else { target.to_owned() };
    let volume_options = (kind == MountType::Volume && !driver.is_empty()).then(|| VolumeOptions {
        driver_config: Some(DriverConfig { name: driver.to_owned(), ..DriverConfig::default() }),
        ..VolumeOptions::default()
    });
    let request = MountRequest { kind, source, target, read_only: mode == "ro", volume_options, ..MountRequest::default() };
    let mut point = spec_on(platform, &request, probe).map_err(|fault| SpecError::Part { raw: spec.to_owned(), fault })?;
    mode.clone_into(&mut point.mode);
    point.origin = Origin::Bind;
    Ok(point)
}

pub(super) fn spec_on(platform: &Platform, request: &MountRequest, probe: &dyn Probe) -> Result<MountPoint, ConfigError> {
    check(platform, request, probe).map_err(|fault| fault.of(&request.kind))?;
    let turned = |path: &str| path.replace('/', "\\");
    let mut point = MountPoint {
        kind: request.kind.clone(),
        destination: if platform.backslashes { turned(&request.target) } else { request.target.clone() },
        rw: !request.read_only,
        origin: Origin::Mount,
        spec: request.clone(),
        ..MountPoint::default()
    };
    match request.kind {
        MountType::Volume => {
            request.source.clone_into(&mut point.name);
            if let Some(config) = request.volume_options.as_ref().and_then(|options| options.driver_config.as_ref()) {
                config.name.clone_into(&mut point.driver);
            }
        }
        _ => point.source = turned(&request.source),
    }
    for path in [&mut point.source, &mut point.destination] {
        // `c:\` keeps its backslash.
        if path.len() > 3 && path.ends_with('\\') {
            path.pop();
        }
    }
    Ok(point)
}

/// A target that is a file of this host was meant as a source.
fn not_a_file(target: &str, probe: &dyn Probe) -> Result<(), SpecError> {
    if is_name(target) {
        return if is_reserved(target) { Err(SpecError::Fault(Fault::ReservedName(target.to_owned()))) } else { Ok(()) };
    }
    match probe.look(target) {
        Ok(Some(Found::Other)) => Err(SpecError::Fault(Fault::FileNotMappable(target.to_owned()))),
        _ => Ok(()),
    }
}

fn check(platform: &Platform, request: &MountRequest, probe: &dyn Probe) -> Result<(), Fault> {
    foreign_options(request)?;
    if request.target.is_empty() {
        return Err(Fault::Missing("Target"));
    }
    (platform.check_target)(request)?;
    match request.kind {
        MountType::Bind => check_bind(request, probe),
        MountType::Volume => check_volume(request),
        MountType::Npipe => check_pipe(request),
        _ => Err(Fault::UnknownType),
    }
}

fn check_bind(request: &MountRequest, probe: &dyn Probe) -> Result<(), Fault> {
    let source = &request.source;
    if source.is_empty() {
        return Err(Fault::Missing("Source"));
    }
    if let Some(options) = &request.bind_options
        && !options.propagation.is_empty()
    {
        return Err(Fault::Propagation(options.propagation.clone()));
    }
    if !is_destination(&source.to_lowercase()) {
        return Err(Fault::NotAbsolute(source.clone()));
    }
    match probe.look(source).map_err(|reason| Fault::Stat { path: source.clone(), reason })? {
        None => Err(Fault::NoSource(source.clone())),
        Some(Found::Other) => Err(Fault::SourceNotDirectory),
        Some(Found::Directory) => Ok(()),
    }
}

fn check_volume(request: &MountRequest) -> Result<(), Fault> {
    if let Some(subpath) = request.subpath() {
        if request.source.is_empty() {
            return Err(Fault::AnonymousSubpath);
        }
        if !is_local(subpath) {
            return Err(Fault::Subpath);
        }
    }
    if request.source.is_empty() { Ok(()) } else { volume_name(&request.source) }
}

fn check_pipe(request: &MountRequest) -> Result<(), Fault> {
    if request.source.is_empty() {
        return Err(Fault::Missing("Source"));
    }
    if request.read_only {
        return Err(Fault::Extra("ReadOnly"));
    }
    for path in [&request.source, &request.target] {
        if kind_of(path) != MountType::Npipe {
            return Err(Fault::NotAPipe(path.clone()));
        }
    }
    Ok(())
}

fn check_target(request: &MountRequest) -> Result<(), Fault> {
    let turned = request.target.replace('/', "\\").to_lowercase();
    if matches!(turned.as_str(), "c:" | "c:\\") {
        return Err(Fault::TargetIsSystemDrive(turned));
    }
    if is_destination(&request.target.to_lowercase()) { Ok(()) } else { Err(Fault::BadPath(request.target.clone())) }
}

/// Go's `filepath.IsLocal` on Windows: relative, without a drive, and nowhere above its start.
fn is_local(path: &str) -> bool {
    let turned = path.replace('\\', "/");
    let devices = turned.split('/').any(|part| is_reserved(&part.split('.').next().unwrap_or_default().to_lowercase()));
    !turned.contains(':') && !devices && crate::gotext::is_local(&turned)
}

fn volume_name(name: &str) -> Result<(), Fault> {
    if !is_name(name) {
        return Err(Fault::VolumeName);
    }
    if is_reserved(name) {
        return Err(Fault::ReservedName(name.to_owned()));
    }
    Ok(())
}

/// Source, target and mode of a lower-cased specification; empty where absent.
///
/// A colon ends a section except after a drive, so there are few ways to cut, tried in the order in which Docker's pattern prefers them:
/// with a source before without, a directory before a name before a pipe, and with a mode before without.
fn split<'s>(platform: &Platform, spec: &'s str) -> Option<(&'s str, &'s str, &'s str)> {
    let rest = |from: &'s str| -> Option<(&'s str, &'s str)> {
        if let Some((target, mode)) = from.rsplit_once(':')
            && matches!(mode, "ro" | "rw")
            && (platform.is_destination)(target)
        {
            return Some((target, mode));
        }
        (platform.is_destination)(from).then_some((from, ""))
    };
    for is_source in [is_host_dir, is_name, is_pipe] {
        for (at, _) in spec.rmatch_indices(':') {
            let (source, from) = (&spec[..at], &spec[at + 1..]);
            if is_source(source)
                && let Some((target, mode)) = rest(from)
            {
                return Some((source, target, mode));
            }
        }
    }
    rest(spec).map(|(target, mode)| ("", target, mode))
}

fn kind_of(source: &str) -> MountType {
    if source.starts_with(r"\\.\pipe\") {
        MountType::Npipe
    } else if is_host_dir(source) {
        MountType::Bind
    } else {
        MountType::Volume
    }
}

fn is_mode(mode: &str) -> bool {
    mode.is_empty() || mode.eq_ignore_ascii_case("ro") || mode.eq_ignore_ascii_case("rw")
}

fn is_separator(c: char) -> bool {
    matches!(c, '/' | '\\')
}

/// A character that a path component of a target may have.
fn is_target_char(c: char) -> bool {
    !matches!(c, '\\' | '/' | ':' | '*' | '?' | '"' | '<' | '>' | '\r' | '\n')
}

/// A character that a file name may have.
fn is_name_char(c: char) -> bool {
    is_target_char(c) && c != '|'
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_name_char)
}

fn is_reserved(name: &str) -> bool {
    match name.as_bytes() {
        [b'c', b'o', b'm', digit] | [b'l', b'p', b't', digit] => (b'1'..=b'9').contains(digit),
        _ => matches!(name, "con" | "prn" | "nul" | "aux"),
    }
}

/// What follows the drive of `c:\x` or `\\?\c:\x`.
fn after_drive(text: &str) -> Option<&str> {
    let text = text.strip_prefix(r"\\?\").unwrap_or(text);
    match text.as_bytes() {
        [letter, b':', ..] if letter.is_ascii_lowercase() => Some(&text[2..]),
        _ => None,
    }
}

/// Components with single separators between them; an empty one in the middle is none. A separator at the end is allowed.
fn is_path(text: &str, allowed: fn(char) -> bool) -> bool {
    let inner = text.strip_suffix(is_separator).unwrap_or(text);
    inner.split(is_separator).all(|part| !part.is_empty() && part.chars().all(allowed))
}

fn is_host_dir(text: &str) -> bool {
    let Some(path) = after_drive(text).and_then(|rest| rest.strip_prefix(is_separator)) else { return false };
    path.is_empty() || is_path(path, is_name_char)
}

fn is_pipe(text: &str) -> bool {
    let mut chars = text.chars();
    let mut take = |wanted: fn(char) -> bool| chars.next().is_some_and(wanted);
    // Docker's pattern has an unescaped dot there: any character.
    if !(take(is_separator) && take(is_separator) && take(|c| c != '\n') && take(is_separator)) {
        return false;
    }
    let Some(name) = chars.as_str().strip_prefix("pipe").and_then(|rest| rest.strip_prefix(is_separator)) else { return false };
    !name.is_empty() && name.chars().all(|c| !matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\r' | '\n'))
}

fn is_destination(text: &str) -> bool {
    if is_pipe(text) {
        return true;
    }
    match after_drive(text) {
        Some("") => true,
        Some(rest) => rest.strip_prefix(is_separator).is_some_and(|path| path.is_empty() || is_path(path, is_target_char)),
        None => false,
    }
}

#[cfg(test)]
#[path = "windows/tests.rs"]
mod tests;
