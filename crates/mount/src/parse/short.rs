//! `-v [SOURCE:]TARGET[:MODE]`: first as the client looks at it, platform unknown, then as the engine does on Linux.

use std::path::Path;

use stead_base::Kind;

use crate::access::Access;
use crate::extra::Extras;
use crate::gotext::clean;
use crate::parse::Mode;
use crate::parse::long::absolute_source;
use crate::point::{MountPoint, Origin, Propagation};
use crate::request::{BindOptions, DriverConfig, MountRequest, MountType, VolumeOptions};
use crate::spec::{ConfigError, SpecError};
use crate::validate::{Probe, check};

/// Where the client puts a `-v`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Short {
    /// With a source: a string for `HostConfig.Binds`, verbatim but for a relative host path.
    Bind(String),
    /// Without: a path for `Config.Volumes`.
    Anonymous(String),
}

/// A `-v` the client refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShortError {
    /// `-v ""`.
    #[error("invalid empty volume spec")]
    Empty,
    /// `a:b:c:d`.
    #[error("invalid spec: {0}: too many colons")]
    TooManyColons(String),
    /// `a::b`.
    #[error("invalid spec: {0}: empty section between colons")]
    EmptySection(String),
}

impl ShortError {
    /// A wrong request.
    pub fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// Reads a `-v` as the client does: Windows drives are recognised, unknown modes are left to the engine,
/// a host path that begins with a dot is taken relative to `cwd`.
///
/// # Errors
/// See [`ShortError`].
pub fn client(spec: &str, cwd: &Path) -> Result<Short, ShortError> {
    if spec.is_empty() {
        return Err(ShortError::Empty);
    }
    // Two bytes can only be a target; Docker's client takes `:x` for one too, and the engine refuses it.
    if spec.len() <= 2 {
        return Ok(Short::Anonymous(spec.to_owned()));
    }
    let sections = sections(spec);
    for (index, section) in sections.iter().enumerate() {
        if section.is_empty() {
            return Err(ShortError::EmptySection(spec.to_owned()));
        }
        if index == 2 && sections.len() > 3 {
            return Err(ShortError::TooManyColons(spec.to_owned()));
        }
    }
    if sections.len() == 1 {
        return Ok(Short::Anonymous(spec.to_owned()));
    }
    // The cut is at the first colon, drive or not: such a source does not begin with a dot.
    match spec.split_once(':') {
        Some((host, rest)) if host.starts_with('.') => Ok(Short::Bind(format!("{}:{rest}", absolute_source(host, cwd)))),
        _ => Ok(Short::Bind(spec.to_owned())),
    }
}

/// Splits at colons, except at one that follows a single letter: a Windows drive.
fn sections(spec: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let mut start = 0;
    for (at, _) in spec.match_indices(':') {
        let section = &spec[start..at];
        let mut chars = section.chars();
        let drive = chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none();
        if !drive {
            sections.push(section);
            start = at + 1;
        }
    }
    sections.push(&spec[start..]);
    sections
}

/// Reads one entry of `HostConfig.Binds` as the engine does on Linux.
/// `driver` is the container's default volume driver, empty for none.
///
/// # Errors
/// The first thing wrong with it, in Docker's words.
pub fn linux_raw(raw: &str, driver: &str) -> Result<MountPoint, SpecError> {
    let shape = || SpecError::Shape(raw.to_owned());
    let parts: Vec<&str> = raw.splitn(4, ':').collect();
    if parts.first().is_none_or(|first| first.is_empty()) {
        return Err(shape());
    }
    let (source, target, flags) = match parts.as_slice() {
        [target] => ("", *target, ""),
        // A target with a mode is no volume: what would be kept?
        [_, second] if Mode::parse(second).is_some_and(|mode| mode.extras.is_empty()) => return Err(shape()),
        [source, target] => (*source, *target, ""),
        [source, target, flags] => (*source, *target, *flags),
        _ => return Err(shape()),
    };
    let mode = Mode::parse(flags).ok_or_else(|| SpecError::InvalidMode(flags.to_owned()))?;
    let request = request_of(source, target, mode, driver);
    let mut point = from_checked(&request, None).map_err(|fault| SpecError::Part { raw: raw.to_owned(), fault })?;
    flags.clone_into(&mut point.mode);
    point.origin = Origin::Bind;
    // What `-v` names on the host is made when it is missing, unlike with `--mount`.
    point.skip_source_creation = false;
    Ok(point)
}

/// Reads a path of `Config.Volumes` (`-v /path`, the image's `VOLUME`): an anonymous volume, whatever colons the path has.
///
/// # Errors
/// A path that is not absolute, or the root.
pub fn linux_anonymous(path: &str, driver: &str) -> Result<MountPoint, SpecError> {
    let request = request_of("", path, Mode::default(), driver);
    let mut point = from_checked(&request, None).map_err(|fault| SpecError::Part { raw: path.to_owned(), fault })?;
    point.origin = Origin::Anonymous;
    Ok(point)
}

fn request_of(source: &str, target: &str, mode: Mode, driver: &str) -> MountRequest {
    let kind = if source.starts_with('/') { MountType::Bind } else { MountType::Volume };
    let driver_config =
        (kind == MountType::Volume && !driver.is_empty()).then(|| DriverConfig { name: driver.to_owned(), ..DriverConfig::default() });
    let asked = mode.access.map(|access| access.as_str().to_owned());
    let (of_volume, of_bind) = if kind == MountType::Volume { (asked, None) } else { (None, asked) };
    let (for_bind, for_volume) = if kind == MountType::Bind { (mode.extras, Extras::default()) } else { (Extras::default(), mode.extras) };
    let volume_options = (mode.nocopy || driver_config.is_some() || of_volume.is_some() || !for_volume.is_empty()).then(|| VolumeOptions {
        no_copy: mode.nocopy,
        driver_config,
        access: of_volume.unwrap_or_default(),
        extras: for_volume,
        ..VolumeOptions::default()
    });
    let bind_options = (mode.propagation != Propagation::Unset || of_bind.is_some() || !for_bind.is_empty()).then(|| BindOptions {
        propagation: mode.propagation.as_str().to_owned(),
        access: of_bind.unwrap_or_default(),
        extras: for_bind,
        ..BindOptions::default()
    });
    MountRequest {
        kind,
        source: source.to_owned(),
        target: target.to_owned(),
        read_only: mode.read_only,
        bind_options,
        volume_options,
        ..MountRequest::default()
    }
}

/// Turns one entry of `HostConfig.Mounts` into a mount point.
///
/// # Errors
/// See [`crate::validate`].
pub fn linux_spec(request: &MountRequest, probe: &dyn Probe) -> Result<MountPoint, SpecError> {
    Ok(from_checked(request, Some(probe))?)
}

fn from_checked(request: &MountRequest, probe: Option<&dyn Probe>) -> Result<MountPoint, ConfigError> {
    check(request, probe)?;
    let mut point = MountPoint {
        kind: request.kind.clone(),
        destination: clean(&request.target),
        rw: !request.read_only && request.access() != Some(Access::ReadOnly),
        origin: Origin::Mount,
        spec: request.clone(),
        ..MountPoint::default()
    };
    match request.kind {
        MountType::Volume => {
            request.source.clone_into(&mut point.name);
            let options = request.volume_options.as_ref();
            point.copy_data = !options.is_some_and(|options| options.no_copy);
            if let Some(config) = options.and_then(|options| options.driver_config.as_ref()) {
                config.name.clone_into(&mut point.driver);
            }
        }
        MountType::Bind => {
            let options = request.bind_options.as_ref();
            point.source = clean(&request.source);
            point.propagation = options.and_then(|options| Propagation::from_word(&options.propagation)).unwrap_or(Propagation::RPrivate);
            point.skip_source_creation = !options.is_some_and(|options| options.create_mountpoint);
        }
        MountType::Image => {
            request.source.clone_into(&mut point.name);
            request.source.clone_into(&mut point.source);
            point.propagation = Propagation::RPrivate;
            point.rw = false;
        }
        _ => {}
    }
    Ok(point)
}

#[cfg(test)]
#[path = "short/tests.rs"]
mod tests;
