//! `--tmpfs PATH[:OPTIONS]` and the options of every tmpfs: Docker's defaults first, then the user's, the later winning.

use std::collections::HashSet;

use stead_base::Kind;

use crate::gotext::quote;
use crate::point::Propagation;
use crate::request::TmpfsOptions;
use crate::spec::{Fault, SpecError};
use crate::validate::target_path;
use crate::value::{Atime, Attr, Ro, TmpfsSpec};

/// A tmpfs option that does not exist or has a value the kernel would refuse. Found when the container starts, as with Docker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid tmpfs option {}", quote(.0))]
pub struct TmpfsError(pub String);

impl TmpfsError {
    /// A wrong request.
    pub fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// Splits `PATH[:OPTIONS]` into the key and the value of `HostConfig.Tmpfs`.
pub fn tmpfs(value: &str) -> (String, String) {
    let (path, options) = value.split_once(':').unwrap_or((value, ""));
    (path.to_owned(), options.to_owned())
}

/// Checks the path of a `--tmpfs` when the container is created.
///
/// # Errors
/// The root, or a path that is not absolute.
pub fn check_target(path: &str) -> Result<(), SpecError> {
    target_path(path).map_err(SpecError::Fault)
}

/// What applies where the user says nothing.
const DEFAULTS: [&str; 4] = ["noexec", "nosuid", "nodev", "rprivate"];

/// The options of a tmpfs as the kernel will be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Size, owner and so on.
    pub spec: TmpfsSpec,
    /// Flags of the mount.
    pub attr: Attr,
    /// Propagation.
    pub propagation: Propagation,
}

/// Merges the defaults with the user's comma-separated options: of flags that exclude one another, and of values of one key, the last one counts.
///
/// # Errors
/// An option that is unknown, or that cannot apply to a new tmpfs (`remount`, `bind`).
pub fn options(user: &str) -> Result<Options, TmpfsError> {
    let mut words: Vec<&str> = DEFAULTS.to_vec();
    if !user.is_empty() {
        words.extend(user.split(','));
    }
    let mut merged = Options::default();
    let mut seen: HashSet<&str> = HashSet::new();
    for word in words.into_iter().rev() {
        if word == "defaults" {
            continue;
        }
        let class = class_of(word).ok_or_else(|| TmpfsError(word.to_owned()))?;
        if seen.insert(class) {
            apply(&mut merged, word)?;
        }
    }
    Ok(merged)
}

/// What a word decides; of the words of one class the last one counts.
fn class_of(word: &str) -> Option<&str> {
    if let Some((key, _)) = word.split_once('=') {
        return matches!(key, "size" | "mode" | "uid" | "gid" | "nr_inodes" | "nr_blocks" | "mpol").then_some(key);
    }
    Some(match word {
        "ro" | "rw" => "ro",
        "suid" | "nosuid" => "suid",
        "dev" | "nodev" => "dev",
        "exec" | "noexec" => "exec",
        "sync" | "async" => "sync",
        "dirsync" => "dirsync",
        "mand" | "nomand" => "mand",
        "atime" | "noatime" => "atime",
        "diratime" | "nodiratime" => "diratime",
        "relatime" | "norelatime" => "relatime",
        "strictatime" | "nostrictatime" => "strictatime",
        "noswap" => "noswap",
        "tmpcopyup" | "notmpcopyup" => "copyup",
        "unbindable" | "runbindable" => "propagation",
        other if Propagation::from_word(other).is_some() => "propagation",
        _ => return None,
    })
}

fn apply(merged: &mut Options, word: &str) -> Result<(), TmpfsError> {
    if let Some((key, value)) = word.split_once('=') {
        return apply_value(&mut merged.spec, key, value).ok_or_else(|| TmpfsError(word.to_owned()));
    }
    let (attr, spec) = (&mut merged.attr, &mut merged.spec);
    match word {
        "ro" => attr.ro = Ro::Shallow,
        "nosuid" => attr.nosuid = true,
        "nodev" => attr.nodev = true,
        "noexec" => attr.noexec = true,
        "nodiratime" => attr.nodiratime = true,
        // The three ways exclude one another in the kernel; the later word wins, and words are met last one first.
        "noatime" if attr.atime == Atime::Inherit => attr.atime = Atime::Noatime,
        "relatime" if attr.atime == Atime::Inherit => attr.atime = Atime::Relatime,
        "strictatime" if attr.atime == Atime::Inherit => attr.atime = Atime::Strictatime,
        "sync" => spec.sync = true,
        "dirsync" => spec.dirsync = true,
        "noswap" => spec.noswap = true,
        "tmpcopyup" => spec.copy_up = true,
        // A tmpfs of a container has nobody to share with; private is the closest to unbindable that changes nothing inside.
        "unbindable" | "runbindable" => merged.propagation = Propagation::RPrivate,
        other => {
            if let Some(propagation) = Propagation::from_word(other) {
                merged.propagation = propagation;
            }
        }
    }
    Ok(())
}

fn apply_value(spec: &mut TmpfsSpec, key: &str, value: &str) -> Option<()> {
    let amount = |percent| is_amount(value, percent).then(|| value.to_owned());
    match key {
        "size" => spec.size = Some(amount(true)?),
        "nr_inodes" => spec.nr_inodes = Some(amount(false)?),
        "nr_blocks" => spec.nr_blocks = Some(amount(false)?),
        "mode" => spec.mode = Some(u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777)?),
        "uid" => spec.uid = Some(value.parse().ok()?),
        "gid" => spec.gid = Some(value.parse().ok()?),
        _ => spec.mpol = Some(value.bytes().all(|b| b.is_ascii_alphanumeric() || b":=-".contains(&b)).then(|| value.to_owned())?),
    }
    Some(())
}

/// A number the kernel reads itself: decimal or hexadecimal, with one suffix.
fn is_amount(value: &str, percent: bool) -> bool {
    let number = value.strip_suffix(|c: char| "kmgtpeKMGTPE".contains(c) || (percent && c == '%')).unwrap_or(value);
    match number.strip_prefix("0x") {
        Some(hex) => !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()),
    }
}

/// The options string that `--mount type=tmpfs` stands for, e.g. `ro,mode=700,size=2m`.
///
/// # Errors
/// An entry of `Options` that is neither `exec` nor `noexec`.
pub(crate) fn request_options(options: Option<&TmpfsOptions>, read_only: bool) -> Result<String, Fault> {
    let mut words: Vec<String> = Vec::new();
    if read_only {
        words.push("ro".to_owned());
    }
    let Some(options) = options else { return Ok(words.join(",")) };
    if options.mode != 0 {
        words.push(format!("mode={:o}", options.mode));
    }
    if options.size_bytes != 0 {
        words.push(format!("size={}", with_suffix(options.size_bytes)));
    }
    for option in &options.options {
        let (name, rest) = option.split_first().filter(|(_, rest)| rest.len() <= 1).ok_or(Fault::TmpfsOptionLength)?;
        if !matches!(name.as_str(), "exec" | "noexec") {
            return Err(Fault::TmpfsOption(name.clone()));
        }
        words.push(rest.first().map_or_else(|| name.clone(), |value| format!("{name}={value}")));
    }
    words.extend(options.no_swap.then(|| "noswap".to_owned()));
    words.extend(options.uid.map(|uid| format!("uid={uid}")));
    words.extend(options.gid.map(|gid| format!("gid={gid}")));
    words.extend(options.copy_up.then(|| "tmpcopyup".to_owned()));
    Ok(words.join(","))
}

/// The largest suffix that divides evenly, as Docker writes sizes.
fn with_suffix(bytes: i64) -> String {
    for (suffix, shift) in [("g", 30), ("m", 20), ("k", 10)] {
        if bytes % (1 << shift) == 0 {
            return format!("{}{suffix}", bytes >> shift);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
#[path = "tmpfs/tests.rs"]
mod tests;
