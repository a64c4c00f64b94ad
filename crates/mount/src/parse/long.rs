//! `--mount type=...,source=...,target=...`: one CSV record of `key[=value]` fields.
//!
//! The keys and their meaning are those of Docker's client 28.x; the checks for blanks and empty values, the words about a wrong
//! boolean and `bind-create-src` are those of the client after it; `tmpfs-noswap` is our own.

use std::path::Path;

use stead_base::{Kind, size};

use crate::access::Access;
use crate::extra::Extras;
use crate::gotext::{clean, parse_bool, quote};
use crate::parse::{csv, extra};
use crate::request::{BindOptions, DriverConfig, ImageOptions, MountRequest, MountType, TmpfsOptions, VolumeOptions};

/// A `--mount` value that cannot be read. The command line puts it into its own envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LongError {
    /// Nothing was given.
    #[error("value is empty")]
    Empty,
    /// Not one CSV record.
    #[error(transparent)]
    Csv(#[from] csv::CsvError),
    /// Blanks around a key.
    #[error("invalid option '{option}' in '{field}': option should not have whitespace")]
    OptionBlanks {
        /// The key without its blanks.
        option: String,
        /// The whole field.
        field: String,
    },
    /// `key=` with nothing after it.
    #[error("invalid value for '{0}': value is empty")]
    ValueEmpty(String),
    /// Blanks around a value.
    #[error("invalid value for '{option}' in '{field}': value should not have whitespace")]
    ValueBlanks {
        /// The key.
        option: String,
        /// The whole field.
        field: String,
    },
    /// A key without a value that is no switch.
    #[error("invalid field '{0}' must be a key=value pair")]
    NotAPair(String),
    /// A key nobody knows.
    #[error("unexpected key '{key}' in '{field}'")]
    UnknownKey {
        /// The key, lower-cased.
        key: String,
        /// The whole field.
        field: String,
    },
    /// A switch with a value that is neither true nor false.
    #[error("invalid value for '{key}': invalid boolean value ({}): must be one of \"true\", \"1\", \"false\", or \"0\" (default \"true\")", quote(.value))]
    NotABool {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// A size or a mode that is none.
    #[error("invalid value for {key}: {value}")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// A `bind-recursive` that does not exist.
    #[error("invalid value for bind-recursive: {0} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")")]
    Recursive(String),
    /// An `access` that does not exist.
    #[error("invalid value for access: {0} (must be \"exclusive\", \"single-writer\", \"read-only\", or \"shared\")")]
    Access(String),
    /// `access` of something nobody else has.
    #[error("cannot use 'access' with mount type '{0}': nobody else has it")]
    NothingShared(MountType),
    /// No target.
    #[error("target is required")]
    NoTarget,
    /// An option of binds and volumes with another type.
    #[error("option '{option}' cannot be used with mount type '{kind}'")]
    Extra {
        /// The key.
        option: String,
        /// The mount's type.
        kind: MountType,
    },
    /// Options of another type than the mount's.
    #[error("cannot mix '{group}-*' options with mount type '{kind}'")]
    Mix {
        /// The options' prefix.
        group: &'static str,
        /// The mount's type.
        kind: MountType,
    },
    /// An option that makes sense only together with another.
    #[error("option 'bind-recursive={value}' requires '{needed}' to be specified in conjunction")]
    Needs {
        /// The value of `bind-recursive`.
        value: &'static str,
        /// What it needs.
        needed: &'static str,
    },
}

impl LongError {
    /// A wrong request.
    pub fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// What Docker's client says about `bind-nonrecursive=...`.
const NONRECURSIVE_WARNING: &str = "bind-nonrecursive is deprecated, use bind-recursive=disabled instead";

/// Reads one `--mount`. A source that begins with a dot is taken relative to `cwd`; any other is left as it is.
///
/// # Errors
/// The first thing wrong with it; what only the engine can judge is left to [`crate::validate`].
pub fn long(value: &str, cwd: &Path) -> Result<MountRequest, LongError> {
    let value = value.trim();
    if value.is_empty() {
        return Err(LongError::Empty);
    }
    let mut request = MountRequest::default();
    let mut access = None;
    let mut extras = Extras::default();
    let mut first_extra = None;
    for field in csv::record(value)? {
        let (key, value) = split_field(&field)?;
        let wrong = |_bad| LongError::Value { key: key.clone(), value: value.unwrap_or_default().to_owned() };
        if extra::take(&mut extras, &key, value).map_err(wrong)? {
            first_extra.get_or_insert(key);
            continue;
        }
        match value {
            // Whose option it is only the type says, which may come later.
            Some(value) if key == "access" => access = Some(value.to_owned()),
            Some(value) => set(&mut request, &key, value, &field, cwd)?,
            None => switch_on(&mut request, &key, &field)?,
        }
    }
    if let Some(word) = access {
        share(&mut request, word)?;
    }
    if let Some(option) = first_extra {
        put_extras(&mut request, extras, option)?;
    }
    check(&request)?;
    Ok(request)
}

/// `access=`: who may use the source at the same time.
fn share(request: &mut MountRequest, word: String) -> Result<(), LongError> {
    if Access::from_word(&word).is_none() {
        return Err(LongError::Access(word));
    }
    match request.kind {
        MountType::Bind => bind(request).access = word,
        MountType::Volume => volume(request).access = word,
        _ => return Err(LongError::NothingShared(request.kind.clone())),
    }
    Ok(())
}

/// Gives what Docker does not have to the options of the mount's type, which may have come after it.
fn put_extras(request: &mut MountRequest, extras: Extras, option: String) -> Result<(), LongError> {
    match request.kind {
        MountType::Bind => bind(request).extras = extras,
        MountType::Volume => volume(request).extras = extras,
        // Docker's API has these two for a tmpfs already.
        MountType::Tmpfs if !extras.flags.is_empty() && (Extras { flags: Vec::new(), ..extras.clone() }).is_empty() => {
            tmpfs(request).options = extras.flags.into_iter().map(|flag| vec![flag]).collect();
        }
        _ => return Err(LongError::Extra { option, kind: request.kind.clone() }),
    }
    Ok(())
}

/// The deprecation a `--mount` value deserves on stderr, if any.
pub fn long_warning(value: &str) -> Option<&'static str> {
    let fields = csv::record(value.trim()).ok()?;
    let used = fields.iter().any(|field| field.split_once('=').is_some_and(|(key, _)| key.eq_ignore_ascii_case("bind-nonrecursive")));
    used.then_some(NONRECURSIVE_WARNING)
}

/// The lower-cased key and the value, if there is one.
fn split_field(field: &str) -> Result<(String, Option<&str>), LongError> {
    let (key, value) = match field.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (field, None),
    };
    if key.trim() != key {
        return Err(LongError::OptionBlanks { option: key.trim().to_owned(), field: field.to_owned() });
    }
    if let Some(value) = value {
        if value.trim().is_empty() {
            return Err(LongError::ValueEmpty(key.to_owned()));
        }
        if value.trim() != value {
            return Err(LongError::ValueBlanks { option: key.to_owned(), field: field.to_owned() });
        }
    }
    Ok((key.to_lowercase(), value))
}

fn switch_on(request: &mut MountRequest, key: &str, field: &str) -> Result<(), LongError> {
    match switch(request, key) {
        Some(flag) => {
            *flag = true;
            Ok(())
        }
        None => Err(LongError::NotAPair(field.to_owned())),
    }
}

/// The field behind a key that may stand alone.
fn switch<'r>(request: &'r mut MountRequest, key: &str) -> Option<&'r mut bool> {
    Some(match key {
        "readonly" | "ro" => &mut request.read_only,
        "bind-nonrecursive" => &mut bind(request).non_recursive,
        "bind-create-src" => &mut bind(request).create_mountpoint,
        "volume-nocopy" => &mut volume(request).no_copy,
        "tmpfs-noswap" => &mut tmpfs(request).no_swap,
        "tmpfs-copyup" | "tmpcopyup" => &mut tmpfs(request).copy_up,
        _ => return None,
    })
}

fn set(request: &mut MountRequest, key: &str, value: &str, field: &str, cwd: &Path) -> Result<(), LongError> {
    let wrong = || LongError::Value { key: key.to_owned(), value: value.to_owned() };
    match key {
        "type" => request.kind = MountType::from(value.to_lowercase().as_str()),
        "source" | "src" => request.source = absolute_source(value, cwd),
        "target" | "dst" | "destination" => value.clone_into(&mut request.target),
        "consistency" => request.consistency = value.to_lowercase(),
        "bind-propagation" => bind(request).propagation = value.to_lowercase(),
        "bind-recursive" => recursive(request, value)?,
        "volume-subpath" => value.clone_into(&mut volume(request).subpath),
        "volume-label" => put(&mut volume(request).labels, value),
        "volume-driver" => value.clone_into(&mut driver(request).name),
        "volume-opt" => put(&mut driver(request).options, value),
        "image-subpath" => {
            value.clone_into(&mut request.image_options.get_or_insert_with(ImageOptions::default).subpath);
        }
        "tmpfs-size" => tmpfs(request).size_bytes = size::parse_ram(value).map_err(|_text| wrong())?,
        "tmpfs-mode" => tmpfs(request).mode = parse_octal(value).ok_or_else(wrong)?,
        "tmpfs-uid" => tmpfs(request).uid = Some(parse_id(value).ok_or_else(wrong)?),
        "tmpfs-gid" => tmpfs(request).gid = Some(parse_id(value).ok_or_else(wrong)?),
        _ => {
            let Some(flag) = switch(request, key) else {
                return Err(LongError::UnknownKey { key: key.to_owned(), field: field.to_owned() });
            };
            *flag = parse_bool(value).ok_or_else(|| LongError::NotABool { key: key.to_owned(), value: value.to_owned() })?;
        }
    }
    Ok(())
}

/// `./x`, `..` and `.hidden` are made absolute; `rel` is not and will be refused by the engine.
pub(super) fn absolute_source(value: &str, cwd: &Path) -> String {
    if !value.starts_with('.') {
        return value.to_owned();
    }
    clean(&format!("{}/{value}", cwd.display()))
}

fn recursive(request: &mut MountRequest, value: &str) -> Result<(), LongError> {
    match value {
        "enabled" => {}
        "disabled" => bind(request).non_recursive = true,
        "writable" => bind(request).read_only_non_recursive = true,
        "readonly" => bind(request).read_only_force_recursive = true,
        other => return Err(LongError::Recursive(other.to_owned())),
    }
    Ok(())
}

/// Go's `ParseUint(value, 8, 32)`: digits only.
fn parse_octal(value: &str) -> Option<u32> {
    value.bytes().all(|b| b.is_ascii_digit()).then(|| u32::from_str_radix(value, 8).ok()).flatten()
}

/// A user or group number; the last of 32 bits is none.
fn parse_id(value: &str) -> Option<u32> {
    value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok().filter(|id| *id != u32::MAX)).flatten()
}

/// `k=v`, `k=` and `k`; an empty key is dropped, as Docker's client does.
fn put(map: &mut std::collections::BTreeMap<String, String>, pair: &str) {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    if !key.is_empty() {
        map.insert(key.to_owned(), value.to_owned());
    }
}

fn bind(request: &mut MountRequest) -> &mut BindOptions {
    request.bind_options.get_or_insert_with(BindOptions::default)
}

fn volume(request: &mut MountRequest) -> &mut VolumeOptions {
    // The client sends an empty driver with every volume option, and inspect shows it.
    let options = request.volume_options.get_or_insert_with(VolumeOptions::default);
    options.driver_config.get_or_insert_with(DriverConfig::default);
    options
}

fn driver(request: &mut MountRequest) -> &mut DriverConfig {
    volume(request).driver_config.get_or_insert_with(DriverConfig::default)
}

fn tmpfs(request: &mut MountRequest) -> &mut TmpfsOptions {
    request.tmpfs_options.get_or_insert_with(TmpfsOptions::default)
}

fn check(request: &MountRequest) -> Result<(), LongError> {
    if request.target.is_empty() {
        return Err(LongError::NoTarget);
    }
    let groups = [
        (MountType::Volume, request.volume_options.is_some(), "volume"),
        (MountType::Image, request.image_options.is_some(), "image"),
        (MountType::Bind, request.bind_options.is_some(), "bind"),
        (MountType::Tmpfs, request.tmpfs_options.is_some(), "tmpfs"),
        (MountType::Cluster, request.cluster_options.is_some(), "cluster"),
    ];
    if let Some((_, _, group)) = groups.into_iter().find(|(owner, given, _)| *given && *owner != request.kind) {
        return Err(LongError::Mix { group, kind: request.kind.clone() });
    }
    let Some(bind) = &request.bind_options else { return Ok(()) };
    let needs = |value, needed| Err(LongError::Needs { value, needed });
    if bind.read_only_non_recursive && !request.read_only {
        return needs("writable", "readonly");
    }
    if bind.read_only_force_recursive && !request.read_only {
        return needs("readonly", "readonly");
    }
    if bind.read_only_force_recursive && bind.propagation != "rprivate" {
        return needs("readonly", "bind-propagation=rprivate");
    }
    Ok(())
}

#[cfg(test)]
#[path = "long/tests.rs"]
mod tests;
