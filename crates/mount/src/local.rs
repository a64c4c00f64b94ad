//! Options of the `local` volume driver: `type`, `device`, `o`, `size`. Checked when a volume is created, used when it is first mounted.

use std::collections::BTreeMap;
use std::path::Path;

use stead_base::{Kind, size};

use crate::gotext::quote;
use crate::point::Propagation;
use crate::value::{FilesystemSpec, Mount, Ro, Source};

/// Options the `local` driver refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// A key it does not know.
    #[error("invalid option: {}", quote(.0))]
    Unknown(String),
    /// A size that is none.
    #[error("invalid size: '{0}'")]
    Size(String),
    /// A size, and a file system that cannot limit a directory.
    #[error("quota size requested but no quota support")]
    NoQuota,
    /// `type`, `device` and `o` need each other.
    #[error("missing required option: {}", quote(.0))]
    Missing(&'static str),
    /// Words of ours that say where it lies.
    #[error("{0}")]
    Place(String),
    /// A CIFS device that is no URL.
    #[error("error parsing mount device url: parse {}: {reason}", quote(.url))]
    Url {
        /// The device.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A CIFS device with a port.
    #[error("port not allowed in CIFS device URL, include 'port' in 'o='")]
    CifsPort,
}

impl LocalError {
    /// A wrong request, except where the file system lacks a feature.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoQuota => Kind::Unsupported,
            _ => Kind::Invalid,
        }
    }
}

/// Whether the file system below the volumes can limit the size of one directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// It can.
    Supported,
    /// It cannot.
    Unsupported,
}

/// What a `local` volume's options mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalOptions {
    /// What is mounted on the volume's directory while it is used; none for a plain directory.
    pub filesystem: Option<FilesystemSpec>,
    /// Limit in bytes.
    pub size: Option<u64>,
    /// Where it lies.
    pub place: Placing,
}

/// Where a volume without a device of its own is to lie.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placing {
    /// In the pool or not; none: as the root is set.
    pub pool: Option<bool>,
    /// In a file system of its own, of this type.
    pub fs: Option<String>,
    /// What it grows by when it is nearly full.
    pub auto_extend: Option<AutoExtend>,
}

/// `20%,max=50g`: how a nearly full volume grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoExtend {
    /// By how much of its size.
    pub percent: u64,
    /// Never beyond, in bytes.
    pub max: Option<u64>,
}

fn place(options: &BTreeMap<String, String>) -> Result<Placing, LocalError> {
    let pool = match options.get("pool").map(String::as_str) {
        None => None,
        Some("" | "true" | "1" | "yes") => Some(true),
        Some("false" | "0" | "no") => Some(false),
        Some(other) => return Err(LocalError::Place(format!("pool is true or false, not {}", quote(other)))),
    };
    let fs = options.get("fs").cloned();
    if let Some(fs) = fs.as_deref()
        && !matches!(fs, "ext4" | "xfs")
    {
        return Err(LocalError::Place(format!("fs is ext4 or xfs, not {}", quote(fs))));
    }
    let auto_extend = options.get("auto-extend").map(|text| auto_extend(text)).transpose()?;
    let needs_size = fs.is_some() || auto_extend.is_some();
    if needs_size && !options.contains_key("size") {
        return Err(LocalError::Place("a volume with a file system of its own, or one that grows, needs a size".to_owned()));
    }
    Ok(Placing { pool, fs, auto_extend })
}

fn auto_extend(text: &str) -> Result<AutoExtend, LocalError> {
    let bad = || LocalError::Place(format!("auto-extend is a percentage and perhaps a maximum, as 20%,max=50g, not {}", quote(text)));
    let mut words = text.split(',');
    let percent =
        words.next().and_then(|word| word.strip_suffix('%')).and_then(|digits| digits.parse().ok()).filter(|p| (1..=1000).contains(p));
    let mut extend = AutoExtend { percent: percent.ok_or_else(bad)?, max: None };
    for word in words {
        let max = word.strip_prefix("max=").ok_or_else(bad)?;
        extend.max = size::parse_ram(max).ok().and_then(|bytes| u64::try_from(bytes).ok());
        if extend.max.is_none() {
            return Err(bad());
        }
    }
    Ok(extend)
}

/// The words of the `local` driver that are ours: where the volume lies, and what its own file system is.
const PLACES: [&str; 4] = ["pool", "fs", "auto-extend", "io-limit"];

/// Checks and reads the options of a `local` volume.
///
/// # Errors
/// See [`LocalError`].
pub fn local_options(options: &BTreeMap<String, String>, quota: Quota) -> Result<LocalOptions, LocalError> {
    let is_known = |key: &str| matches!(key, "type" | "o" | "device" | "size") || PLACES.contains(&key);
    if let Some(unknown) = options.keys().find(|key| !is_known(key)) {
        return Err(LocalError::Unknown(unknown.clone()));
    }
    let size = match options.get("size") {
        None => None,
        Some(text) => {
            let bytes = size::parse_ram(text).map_err(|_text| LocalError::Size(text.clone()))?;
            u64::try_from(bytes).ok().filter(|bytes| *bytes > 0)
        }
    };
    if size.is_some() && quota == Quota::Unsupported {
        return Err(LocalError::NoQuota);
    }
    let is_device = options.contains_key("type") || options.contains_key("device");
    if is_device && size.is_some() {
        return Err(LocalError::NoQuota);
    }
    let place = place(options)?;
    if is_device && place != Placing::default() {
        return Err(LocalError::Place("a volume with a device of its own lies where the device is".to_owned()));
    }
    for (given, needed) in [("device", "type"), ("o", "device"), ("o", "type"), ("type", "device")] {
        if options.contains_key(given) && !options.contains_key(needed) {
            return Err(LocalError::Missing(needed));
        }
    }
    let Some((fstype, device)) = options.get("type").zip(options.get("device")) else {
        return Ok(LocalOptions { filesystem: None, size, place });
    };
    if fstype == "cifs" && !device.is_empty() {
        check_cifs(device)?;
    }
    let words = options.get("o").map(String::as_str).unwrap_or_default();
    let filesystem = FilesystemSpec {
        fstype: fstype.clone(),
        device: device.clone(),
        options: words.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
    };
    Ok(LocalOptions { filesystem: Some(filesystem), size, place })
}

/// The part of Go's `url.Parse` that can fail for a CIFS device, and the refusal of a port.
fn check_cifs(device: &str) -> Result<(), LocalError> {
    let bad = |reason| Err(LocalError::Url { url: device.to_owned(), reason });
    if device.bytes().any(|b| b.is_ascii_control()) {
        return bad("net/url: invalid control character in URL");
    }
    let Some(rest) = after_scheme(device) else { return bad("missing protocol scheme") };
    let Some(authority) = rest.strip_prefix("//") else {
        let first = rest.split('/').next().unwrap_or_default();
        return if first.contains(':') && rest.len() == device.len() {
            bad("first path segment in URL cannot contain colon")
        } else {
            Ok(())
        };
    };
    let host = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let port = match host.rsplit_once(']') {
        Some((_, after)) => after.strip_prefix(':'),
        None => host.split_once(':').map(|(_, port)| port),
    };
    match port {
        None | Some("") => Ok(()),
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Err(LocalError::CifsPort),
        Some(_) => bad("invalid port after host"),
    }
}

/// What follows `scheme:`; the whole text where there is no scheme; none where a colon comes first.
fn after_scheme(text: &str) -> Option<&str> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return None,
            ':' => return Some(&text[at + 1..]),
            _ => return Some(text),
        }
    }
    Some(text)
}

/// The data of a mount as it may be shown: passwords are masked, as Docker does.
pub fn masked(options: &str) -> String {
    let mask = |word: &str| match word.split_once('=') {
        Some((key, _)) if key.trim().eq_ignore_ascii_case("password") || key.trim().eq_ignore_ascii_case("pass") => {
            format!("{key}=********")
        }
        _ => word.to_owned(),
    };
    options.split(',').map(mask).collect::<Vec<_>>().join(",")
}

/// Words of `o=` that are flags of a mount, with the bits Docker shows in its errors.
const FLAG_WORDS: [(&str, u64); 15] = [
    ("ro", 0x1),
    ("nosuid", 0x2),
    ("nodev", 0x4),
    ("noexec", 0x8),
    ("sync", 0x10),
    ("dirsync", 0x80),
    ("noatime", 0x400),
    ("nodiratime", 0x800),
    ("bind", 0x1000),
    ("rbind", 0x5000),
    ("private", 0x4_0000),
    ("slave", 0x8_0000),
    ("shared", 0x10_0000),
    ("relatime", 0x20_0000),
    ("strictatime", 0x100_0000),
];

fn flag_bits(word: &str) -> Option<u64> {
    FLAG_WORDS.iter().find(|(name, _)| *name == word).map(|(_, bits)| *bits)
}

/// The mount that a volume's file system stands for, on the volume's directory. `o=bind` makes it a bind of the device.
pub fn mount_of(spec: &FilesystemSpec, on: &Path) -> Mount {
    let has = |word: &str| spec.options.iter().any(|option| option == word);
    if !has("bind") && !has("rbind") {
        let mut mount = Mount::new(Source::Filesystem(spec.clone()), on);
        mount.propagation = Propagation::RPrivate;
        return mount;
    }
    let mut mount = Mount::bind(&spec.device, on);
    mount.recursive = has("rbind");
    mount.attr.ro = if has("ro") { Ro::Shallow } else { Ro::No };
    mount.attr.nosuid = has("nosuid");
    mount.attr.nodev = has("nodev");
    mount.attr.noexec = has("noexec");
    mount
}

/// `mount DEVICE:DIRECTORY, flags: 0x400, data: ...`, as Docker names a mount that failed; passwords are masked.
pub(crate) fn describe(mount: &Mount, on: &Path) -> String {
    let (device, flags, data) = match &mount.source {
        Source::Filesystem(spec) => {
            let flags = spec.options.iter().filter_map(|word| flag_bits(word)).fold(0, |all, bits| all | bits);
            let data: Vec<&str> = spec.options.iter().filter(|word| flag_bits(word).is_none()).map(String::as_str).collect();
            (spec.device.clone(), flags, masked(&data.join(",")))
        }
        Source::Path(path) => {
            let flags = if mount.recursive { 0x5000 } else { 0x1000 };
            (path.display().to_string(), flags | u64::from(mount.attr.ro != Ro::No), String::new())
        }
        _ => (String::new(), 0, String::new()),
    };
    let mut text = format!("mount {device}:{}", on.display());
    if flags != 0 {
        text.push_str(&format!(", flags: {flags:#x}"));
    }
    if !data.is_empty() {
        text.push_str(&format!(", data: {data}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<LocalOptions, LocalError> {
        let map = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        local_options(&map, Quota::Unsupported)
    }

    #[test]
    fn the_three_options_need_each_other() {
        for (pairs, missing) in [
            (vec![("type", "nfs")], "device"),
            (vec![("device", "/x")], "type"),
            (vec![("o", "bind")], "device"),
            (vec![("o", "x"), ("type", "y")], "device"),
        ] {
            assert_eq!(parse(&pairs).unwrap_err().to_string(), format!("missing required option: \"{missing}\""));
        }
        assert_eq!(parse(&[]), Ok(LocalOptions::default()));
    }

    #[test]
    fn options_become_a_file_system() {
        let options = parse(&[("type", "nfs"), ("device", ":/export"), ("o", "addr=1.2.3.4,vers=4")]).unwrap();
        let spec =
            FilesystemSpec { fstype: "nfs".into(), device: ":/export".into(), options: vec!["addr=1.2.3.4".into(), "vers=4".into()] };
        assert_eq!(options.filesystem, Some(spec));
    }

    #[test]
    fn sizes_need_a_quota() {
        assert_eq!(parse(&[("size", "1g")]), Err(LocalError::NoQuota));
        assert_eq!(parse(&[("size", "x")]).unwrap_err().to_string(), "invalid size: 'x'");
        assert_eq!(parse(&[("size", "0")]), Ok(LocalOptions::default()));
        let map = BTreeMap::from([("size".to_owned(), "1k".to_owned())]);
        assert_eq!(local_options(&map, Quota::Supported).unwrap().size, Some(1024));
    }

    #[test]
    fn cifs_devices_are_urls_without_a_port() {
        let cifs = |device| parse(&[("type", "cifs"), ("device", device)]).map(drop);
        assert_eq!(cifs("//host/share"), Ok(()));
        assert_eq!(cifs("//user@host/share"), Ok(()));
        assert_eq!(cifs("//[::1]/share"), Ok(()));
        assert_eq!(cifs("//host:445/share"), Err(LocalError::CifsPort));
        assert_eq!(cifs("//[::1]:445/share"), Err(LocalError::CifsPort));
        assert_eq!(cifs(":::").unwrap_err().to_string(), "error parsing mount device url: parse \":::\": missing protocol scheme");
        assert!(cifs("//host:x/share").unwrap_err().to_string().contains("invalid port"));
    }

    #[test]
    fn passwords_are_never_shown() {
        assert_eq!(masked("username=u,password=p,vers=3"), "username=u,password=********,vers=3");
        assert_eq!(masked("pass=x"), "pass=********");
        assert_eq!(masked(""), "");
    }
}
