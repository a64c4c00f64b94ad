//! `--log-driver` and `--log-opt`, checked with Docker's texts.

use std::collections::BTreeMap;

use stead_base::Kind;

use crate::config::{LogConfig, LogDriver};

/// What `labels`, `env` and `tag` can name.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The container's full id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The image as the user named it.
    pub image: &'a str,
    /// The image's full id.
    pub image_id: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its environment, `K=V`.
    pub env: &'a [String],
}

/// A driver or an option that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// No driver of this name.
    #[error("logger: no log driver named '{0}' is registered")]
    Driver(String),
    /// The driver does not have this option.
    #[error("unknown log opt '{option}' for {driver} log driver")]
    Unknown {
        /// The option.
        option: String,
        /// The driver.
        driver: String,
    },
    /// A size that is no size.
    #[error("invalid value for max-size: {0}")]
    Size(String),
    /// Zero bytes.
    #[error("max-size must be a positive number")]
    NoSize,
    /// A number that is no number.
    #[error("invalid value for max-file: \"{0}\" is not a number")]
    NotANumber(String),
    /// Fewer than one file.
    #[error("max-file cannot be less than 1")]
    NoFile,
    /// A word that is neither true nor false.
    #[error("invalid value for compress: \"{0}\" is not a boolean")]
    NotABoolean(String),
    /// Nothing would ever be compressed.
    #[error("compress cannot be true when max-file is less than 2 or max-size is not set")]
    Compress,
    /// `mode` other than its two words.
    #[error("logger: log mode \"{0}\" is not supported (blocking, non-blocking)")]
    Mode(String),
    /// A tag we cannot fill in.
    #[error("failed to parse log tag: \"{0}\" is not one of .ID .FullID .Name .ImageID .ImageFullID .ImageName .DaemonName")]
    Tag(String),
}

impl OptionError {
    /// The universal kind: the request is wrong.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// Checks a driver and its options and resolves what they add to each line. An empty driver is `json-file`.
///
/// `compress` is accepted and rotated files are left as they are: readers of ours and of others find them the same either way.
///
/// # Errors
/// Docker's refusals.
pub fn options(driver: &str, options: &BTreeMap<String, String>, subject: &Subject<'_>) -> Result<LogConfig, OptionError> {
    match driver {
        "" | "json-file" => json_file(options, subject),
        "none" => match options.keys().next() {
            Some(option) => Err(OptionError::Unknown { option: option.clone(), driver: driver.to_owned() }),
            None => Ok(LogConfig { driver: LogDriver::None, ..LogConfig::default() }),
        },
        other => Err(OptionError::Driver(other.to_owned())),
    }
}

fn json_file(options: &BTreeMap<String, String>, subject: &Subject<'_>) -> Result<LogConfig, OptionError> {
    let mut config = LogConfig::default();
    let mut compress = false;
    for (option, value) in options {
        match option.as_str() {
            "max-size" => config.max_size = size(value)?,
            "max-file" => config.max_file = files(value)?,
            "compress" => compress = boolean(value)?,
            "labels" => config.attrs.extend(pick(value, subject.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())))),
            "env" => config.attrs.extend(pick(value, subject.env.iter().filter_map(|pair| pair.split_once('=')))),
            "tag" => drop(config.attrs.insert("tag".to_owned(), tag(value, subject)?)),
            // Our writer never makes the container wait for more than one write to a file, so both modes are the same here.
            "mode" if matches!(value.as_str(), "" | "blocking" | "non-blocking") => {}
            "mode" => return Err(OptionError::Mode(value.clone())),
            "max-buffer-size" => drop(size(value)?),
            _ => return Err(OptionError::Unknown { option: option.clone(), driver: "json-file".to_owned() }),
        }
    }
    if compress && (config.max_file < 2 || config.max_size.is_none()) {
        return Err(OptionError::Compress);
    }
    Ok(config)
}

/// go-units `FromHumanSize` (powers of 1000 there; `RAMInBytes` here differs below one part in fourteen, so the decimal suffixes are read as such).
fn size(value: &str) -> Result<Option<u64>, OptionError> {
    if value == "-1" {
        return Ok(None);
    }
    let bytes = human_size(value).ok_or_else(|| OptionError::Size(format!("invalid size: '{value}'")))?;
    if bytes == 0 { Err(OptionError::NoSize) } else { Ok(Some(bytes)) }
}

fn human_size(value: &str) -> Option<u64> {
    let lower = value.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, suffix) = lower.split_at(digits);
    let suffix = suffix.trim_start();
    let power = match suffix.strip_suffix("ib").or_else(|| suffix.strip_suffix('b')).unwrap_or(suffix) {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let unit = 1000u64.checked_pow(power)?;
    let whole = if whole.is_empty() && !fraction.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let mut bytes = whole.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        bytes = bytes.checked_add(u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?) * place)?;
    }
    Some(bytes)
}

fn files(value: &str) -> Result<u32, OptionError> {
    let number: i64 = value.parse().map_err(|_not_a_number| OptionError::NotANumber(value.to_owned()))?;
    if number < 1 {
        return Err(OptionError::NoFile);
    }
    u32::try_from(number).map_err(|_too_many| OptionError::NotANumber(value.to_owned()))
}

fn boolean(value: &str) -> Result<bool, OptionError> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(OptionError::NotABoolean(value.to_owned())),
    }
}

fn pick<'a>(names: &str, from: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
    from.filter(|(key, _)| names.contains(key)).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn tag(template: &str, subject: &Subject<'_>) -> Result<String, OptionError> {
    let refused = || OptionError::Tag(template.to_owned());
    let short = |id: &str| id.trim_start_matches("sha256:").chars().take(12).collect::<String>();
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (field, after) = after.split_once("}}").ok_or_else(refused)?;
        out.push_str(&match field.trim() {
            ".ID" => short(subject.id),
            ".FullID" => subject.id.to_owned(),
            ".Name" => subject.name.trim_start_matches('/').to_owned(),
            ".ImageID" => short(subject.image_id),
            ".ImageFullID" => subject.image_id.to_owned(),
            ".ImageName" => subject.image.to_owned(),
            ".DaemonName" => "docker".to_owned(),
            _ => return Err(refused()),
        });
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(driver: &str, pairs: &[(&str, &str)]) -> Result<LogConfig, String> {
        let labels = BTreeMap::from([("role".to_owned(), "db".to_owned()), ("other".to_owned(), "x".to_owned())]);
        let subject = Subject {
            id: "0123456789abcdef",
            name: "/web",
            image: "redis:latest",
            image_id: "sha256:fedcba9876543210",
            labels: &labels,
            env: &["A=1".to_owned(), "B=2=3".to_owned()],
        };
        let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        options(driver, &pairs, &subject).map_err(|error| error.to_string())
    }

    #[test]
    fn sizes_and_files() {
        let config = check("json-file", &[("max-size", "10m"), ("max-file", "3"), ("compress", "true")]).unwrap();
        assert_eq!((config.max_size, config.max_file), (Some(10_000_000), 3));
        assert_eq!(check("", &[("max-size", "1.5k")]).unwrap().max_size, Some(1500));
        assert_eq!(check("", &[("max-size", "-1")]).unwrap().max_size, None);
        assert_eq!(check("", &[]).unwrap(), LogConfig::default());
    }

    #[test]
    fn refusals_name_option_and_value() {
        for (driver, pairs, want) in [
            ("syslog", vec![], "logger: no log driver named 'syslog' is registered"),
            ("local", vec![], "logger: no log driver named 'local' is registered"),
            ("json-file", vec![("bogus", "1")], "unknown log opt 'bogus' for json-file log driver"),
            ("none", vec![("max-size", "1m")], "unknown log opt 'max-size' for none log driver"),
            ("", vec![("max-size", "0")], "max-size must be a positive number"),
            ("", vec![("max-size", "ten")], "invalid value for max-size: invalid size: 'ten'"),
            ("", vec![("max-file", "0")], "max-file cannot be less than 1"),
            ("", vec![("max-file", "x")], "invalid value for max-file: \"x\" is not a number"),
            ("", vec![("compress", "true")], "compress cannot be true when max-file is less than 2 or max-size is not set"),
            (
                "",
                vec![("tag", "{{.Nope}}")],
                "failed to parse log tag: \"{{.Nope}}\" is not one of .ID .FullID .Name .ImageID .ImageFullID .ImageName .DaemonName",
            ),
        ] {
            assert_eq!(check(driver, &pairs), Err(want.to_owned()));
        }
    }

    #[test]
    fn attributes_come_from_the_container() {
        let config = check("", &[("labels", "role,missing"), ("env", "B"), ("tag", "{{.Name}}/{{ .ID }}")]).unwrap();
        let want = [("B", "2=3"), ("role", "db"), ("tag", "web/0123456789ab")];
        assert_eq!(config.attrs, want.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
    }
}
