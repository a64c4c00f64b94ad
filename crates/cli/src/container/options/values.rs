//! Values of flags that have a grammar of their own. Pure: text in, value or Docker's refusal out.

use std::net::IpAddr;

use stead_engine::container::config::{DeviceMapping, DeviceRequest, RestartPolicy, ThrottleDevice, Ulimit, WeightDevice};

use crate::command::quote::go;

/// go-units `RAMInBytes`: `64m`, `1.5GiB`; every multiple is binary.
pub(super) fn ram(text: &str) -> Result<i64, String> {
    let bad = || format!("invalid size: '{text}'");
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').ok_or_else(bad)?;
    let suffix = &text[last + 1..];
    let number = if text.as_bytes().get(last) == Some(&b' ') { &text[..last] } else { &text[..=last] };
    // Rust reads `inf` and `nan` too; Go's texts for them are not worth imitating, a refusal is.
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    let value: Option<f64> = if plain { number.parse().ok() } else { None };
    let value = value.ok_or_else(|| format!("strconv.ParseFloat: parsing {}: invalid syntax", go(number)))?;
    if value.is_sign_negative() && value != 0.0 {
        return Err(bad());
    }
    let power = match suffix.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return Err(format!("invalid suffix: '{suffix}'")),
    };
    let bytes = value * 1024f64.powi(power);
    if bytes >= 9.2e18 {
        return Err(bad());
    }
    #[expect(clippy::cast_possible_truncation, reason = "below i64's range just above; Docker drops fractions of a byte")]
    let whole = bytes as i64;
    Ok(whole)
}

/// `--memory-swap`: a size, or -1 for no limit.
pub(super) fn ram_or_unlimited(text: &str) -> Result<i64, String> {
    if text == "-1" { Ok(-1) } else { ram(text) }
}

/// `--cpus`: a decimal or a fraction, in units of 1e-9.
pub(super) fn nano_cpus(text: &str) -> Result<i64, String> {
    let bad = || format!("failed to parse {text} as a rational number");
    let (top, bottom) = match text.split_once('/') {
        Some((top, bottom)) => (top, bottom.parse::<i128>().ok().filter(|b| *b > 0).ok_or_else(bad)?),
        None => (text, 1),
    };
    let (negative, digits) = top.strip_prefix('-').map_or((false, top.strip_prefix('+').unwrap_or(top)), |d| (true, d));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || whole.len() + fraction.len() > 18 || !all_digits(whole) || !all_digits(fraction) {
        return Err(bad());
    }
    let number: i128 = format!("{whole}{fraction}").parse().map_err(|_digits| bad())?;
    let scale = 10i128.pow(u32::try_from(fraction.len()).unwrap_or(0)) * bottom;
    let nano = number * 1_000_000_000;
    if nano % scale != 0 {
        return Err("value is too precise".to_owned());
    }
    let nano = nano / scale;
    i64::try_from(if negative { -nano } else { nano }).map_err(|_range| bad())
}

const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// `--ulimit NAME=SOFT[:HARD]`.
pub(super) fn ulimit(text: &str) -> Result<Ulimit, String> {
    let (name, limits) = text.split_once('=').ok_or_else(|| format!("invalid ulimit argument: {text}"))?;
    if !ULIMITS.contains(&name) {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let decimal = |t: &str| t.parse::<i64>().map_err(|_syntax| format!("strconv.ParseInt: parsing {}: invalid syntax", go(t)));
    let (soft, hard) = match limits.split(':').collect::<Vec<_>>().as_slice() {
        [one] => (decimal(one)?, decimal(one)?),
        [soft, hard] => {
            let hard = decimal(hard)?;
            (decimal(soft)?, hard)
        }
        _ => return Err(format!("too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`")),
    };
    if hard != -1 && soft == -1 {
        return Err(format!("ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: {hard}"));
    }
    if hard != -1 && soft > hard {
        return Err(format!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"));
    }
    Ok(Ulimit { name: name.to_owned(), hard, soft })
}

/// `--device HOST[:CONTAINER[:MODE]]`.
pub(super) fn device(text: &str) -> Result<DeviceMapping, String> {
    let bad = || format!("bad format for path: {text}");
    let is_mode = |m: &str| {
        let once = |c| m.matches(c).count() <= 1;
        !m.is_empty() && m.chars().all(|c| "rwm".contains(c)) && "rwm".chars().all(once)
    };
    let (host, inside, mode) = match text.split(':').collect::<Vec<_>>().as_slice() {
        ["", ..] => return Err(bad()),
        [host] => (*host, *host, "rwm"),
        [host, mode] if is_mode(mode) => (*host, *host, *mode),
        [host, inside] => (*host, *inside, "rwm"),
        [host, inside, mode] if is_mode(mode) => (*host, *inside, *mode),
        [_, _, mode] => return Err(format!("bad mode specified: {mode}")),
        _ => return Err(bad()),
    };
    if !inside.starts_with('/') {
        return Err(format!("{inside} is not an absolute path"));
    }
    Ok(DeviceMapping { path_on_host: host.to_owned(), path_in_container: inside.to_owned(), cgroup_permissions: mode.to_owned() })
}

/// `--device-read-bps DEVICE:RATE` and its like; `read` understands the rate.
pub(super) fn throttle(text: &str, read: fn(&str) -> Result<i64, String>) -> Result<ThrottleDevice, String> {
    let (path, rate) = text.split_once(':').filter(|(path, _)| !path.is_empty()).ok_or_else(|| format!("bad format: {text}"))?;
    if !path.starts_with("/dev/") {
        return Err(format!("bad format for device path: {text}"));
    }
    let bad = || {
        format!("invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer")
    };
    let rate = read(rate).ok().and_then(|rate| u64::try_from(rate).ok()).ok_or_else(bad)?;
    Ok(ThrottleDevice { path: path.to_owned(), rate })
}

/// A plain number.
pub(super) fn count(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_syntax| format!("invalid number: {text}"))
}

/// `--blkio-weight-device DEVICE:WEIGHT`.
pub(super) fn weight_device(text: &str) -> Result<WeightDevice, String> {
    let (path, weight) = text.split_once(':').filter(|(path, _)| !path.is_empty()).ok_or_else(|| format!("bad format: {text}"))?;
    if !path.starts_with("/dev/") {
        return Err(format!("bad format for device path: {text}"));
    }
    let weight: Option<u16> = weight.parse().ok().filter(|weight| *weight == 0 || (10..=1000).contains(weight));
    let weight = weight.ok_or_else(|| format!("invalid weight for device: {text}"))?;
    Ok(WeightDevice { path: path.to_owned(), weight })
}

/// `--gpus all`, `--gpus 2`, `--gpus '"device=0,1",capabilities=compute'`.
pub(super) fn gpu_request(text: &str) -> Result<DeviceRequest, String> {
    let mut request = DeviceRequest { count: 0, ..DeviceRequest::default() };
    let mut capabilities = vec!["gpu".to_owned()];
    for field in fields(text) {
        let (key, value) = field.split_once('=').unwrap_or(("count", field.as_str()));
        match key {
            "driver" => value.clone_into(&mut request.driver),
            "count" if value == "all" => request.count = -1,
            "count" => {
                let bad = || format!("invalid count ({value}): value must be either \"all\" or an integer");
                request.count = value.parse().map_err(|_syntax| bad())?;
            }
            "device" => request.device_ids = Some(value.split(',').map(str::to_owned).collect()),
            "capabilities" => capabilities = value.split(',').map(str::to_owned).chain(capabilities).collect(),
            "options" => {
                let pairs = value.split(',').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()));
                request.options = Some(pairs.collect());
            }
            other => return Err(format!("unexpected key '{other}' in '{field}'")),
        }
    }
    if request.count != 0 && request.device_ids.is_some() {
        return Err("cannot set both Count and DeviceIDs on device request".to_owned());
    }
    if request.count == 0 && request.device_ids.is_none() {
        request.count = 1;
    }
    request.capabilities = vec![capabilities];
    Ok(request)
}

/// A line of comma-separated fields, of which those in quotes may hold commas.
fn fields(text: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => {
                if let Some(last) = fields.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    fields
}

/// `--restart POLICY[:TRIES]`; whether the policy exists is the engine's to say.
pub(crate) fn restart(text: &str) -> Result<RestartPolicy, String> {
    let (name, tries) = match text.split_once(':') {
        Some(("", _)) => return Err("invalid restart policy format: no policy provided before colon".to_owned()),
        Some((name, tries)) => (name, tries),
        None => (text, ""),
    };
    let bad = |_syntax| "invalid restart policy format: maximum retry count must be an integer".to_owned();
    let maximum_retry_count = if tries.is_empty() { 0 } else { tries.parse().map_err(bad)? };
    Ok(RestartPolicy { name: name.to_owned(), maximum_retry_count })
}

const SYSCTLS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// `--sysctl NAME=VALUE`: only what a namespace has of its own.
pub(super) fn check_sysctl(text: &str) -> Result<(), String> {
    let name = text.split_once('=').map(|(name, _)| name);
    let ok = name.is_some_and(|n| SYSCTLS.contains(&n) || n.starts_with("net.") || n.starts_with("fs.mqueue."));
    if ok { Ok(()) } else { Err(format!("sysctl '{text}' is not allowed")) }
}

/// `--env NAME[=VALUE]`.
pub(crate) fn check_env(text: &str) -> Result<(), String> {
    if text.is_empty() || text.starts_with('=') { Err(format!("invalid environment variable: {text}")) } else { Ok(()) }
}

/// `--label KEY[=VALUE]`.
pub(crate) fn check_label(text: &str) -> Result<(), String> {
    let key = text.split_once('=').map_or(text, |(k, _)| k).trim_start_matches([' ', '\t']);
    if key.is_empty() {
        return Err(format!("invalid label '{text}': empty name"));
    }
    if key.contains([' ', '\t']) {
        return Err(format!("label '{key}' contains whitespaces"));
    }
    Ok(())
}

/// `--attach STREAM`.
pub(super) fn check_stream(text: &str) -> Result<(), String> {
    match text.to_ascii_lowercase().as_str() {
        "stdin" | "stdout" | "stderr" => Ok(()),
        _ => Err("valid streams are STDIN, STDOUT and STDERR".to_owned()),
    }
}

/// `--add-host HOST:IP`, also `HOST=IP` and `host-gateway`.
pub(super) fn check_host(text: &str) -> Result<(), String> {
    let (name, ip) = text.split_once('=').or_else(|| text.split_once(':')).unwrap_or((text, ""));
    if name.is_empty() || ip.is_empty() {
        return Err(format!("bad format for add-host: {}", go(text)));
    }
    let bare = ip.strip_prefix('[').and_then(|i| i.strip_suffix(']')).unwrap_or(ip);
    if bare != "host-gateway" && bare.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address in add-host: {}", go(ip)));
    }
    Ok(())
}

/// `--dns IP`.
pub(super) fn check_ip(text: &str) -> Result<(), String> {
    let ok = text.trim().parse::<IpAddr>().is_ok();
    if ok { Ok(()) } else { Err(format!("IP address is not correctly formatted: {text}")) }
}

/// `--device-cgroup-rule 'c 1:3 rwm'`.
pub(super) fn check_device_rule(text: &str) -> Result<(), String> {
    let number = |t: &str| t == "*" || (!t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()));
    let ok = match text.split(' ').collect::<Vec<_>>().as_slice() {
        [kind, numbers, access] => {
            let (major, minor) = numbers.split_once(':').unwrap_or(("", ""));
            matches!(*kind, "a" | "b" | "c")
                && number(major)
                && number(minor)
                && (1..=3).contains(&access.len())
                && access.chars().all(|c| "rwm".contains(c))
        }
        _ => false,
    };
    if ok { Ok(()) } else { Err(format!("invalid device cgroup format '{text}'")) }
}

/// `--pid`, `--uts`, `--userns`, `--cgroupns`: the few words they know.
pub(super) fn check_mode(flag: &str, text: &str) -> Result<(), String> {
    let is_container = text.strip_prefix("container:").is_some_and(|c| !c.is_empty());
    let (ok, name) = match flag {
        "pid" => (text.is_empty() || text == "host" || is_container, "PID"),
        "uts" => (text.is_empty() || text == "host", "UTS"),
        "userns" => (text.is_empty() || text == "host", "USER"),
        _ => (matches!(text, "" | "host" | "private"), "CGROUP"),
    };
    if ok { Ok(()) } else { Err(format!("--{flag}: invalid {name} mode")) }
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
