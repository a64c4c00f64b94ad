//! The networks and published ports of `run` and `create`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use stead_engine::container::config::{Empty, HostConfig, NetworkingConfig};

use super::host::words;
use crate::command::Matches;
use crate::command::quote::go;

/// Flags that speak of the first network, and the key of the long form that says the same.
const OF_FIRST: [(&str, &str); 6] = [
    ("network-alias", "alias"),
    ("ip", "ip"),
    ("ip6", "ip6"),
    ("link", "link"),
    ("link-local-ip", "link-local-ip"),
    ("mac-address", "mac-address"),
];

/// One `--network`.
#[derive(Debug, Default)]
struct Attachment {
    target: String,
    fields: BTreeMap<String, Vec<String>>,
}

/// Resolves `--network` and what belongs to it.
///
/// # Errors
/// A field that is not known, or the same thing said twice.
pub(super) fn resolve(matches: &Matches, host: &mut HostConfig) -> Result<NetworkingConfig, String> {
    let asked: Vec<&str> = matches.list("network").chain(matches.list("net")).collect();
    let mut networks = asked.into_iter().map(attachment).collect::<Result<Vec<_>, _>>()?;
    if networks.is_empty() {
        networks.push(Attachment { target: "default".to_owned(), ..Attachment::default() });
    }
    let special = |target: &str| matches!(target, "host" | "none") || target.starts_with("container:");
    if networks.len() > 1 && networks.iter().any(|n| special(&n.target)) {
        return Err("conflicting options: cannot attach both user-defined and non-user-defined network-modes".to_owned());
    }
    for (flag, key) in OF_FIRST {
        let given: Vec<String> = matches.list(flag).map(str::to_owned).collect();
        if given.is_empty() {
            continue;
        }
        let first = &mut networks[0].fields;
        if first.contains_key(key) {
            return Err(format!("conflicting options: cannot specify both --{flag} and per-network {}", key.replace('-', " ")));
        }
        first.insert(key.to_owned(), given);
    }
    host.network_mode.clone_from(&networks[0].target);
    host.links = words(matches, "link").filter(|_| matches!(networks[0].target.as_str(), "default" | "bridge"));
    let mut endpoints = BTreeMap::new();
    for network in networks {
        let duplicate = format!("network \"{}\" is specified multiple times", network.target);
        if special(&network.target) && network.fields.is_empty() {
            continue;
        }
        let settings = settings(&network)?;
        if endpoints.insert(network.target, settings).is_some() {
            return Err(duplicate);
        }
    }
    Ok(NetworkingConfig { endpoints_config: endpoints })
}

/// `web`, or `name=web,alias=a,ip=10.0.0.2`.
fn attachment(word: &str) -> Result<Attachment, String> {
    let mut attachment = Attachment::default();
    if !word.contains('=') {
        word.clone_into(&mut attachment.target);
        return Ok(attachment);
    }
    for field in word.split(',') {
        let (key, value) = field.split_once('=').ok_or_else(|| format!("invalid field {field}"))?;
        let key = key.trim().to_lowercase();
        match key.as_str() {
            "name" => value.clone_into(&mut attachment.target),
            "alias" | "ip" | "ip6" | "mac-address" | "link-local-ip" | "driver-opt" | "gw-priority" => {
                attachment.fields.entry(key).or_default().push(value.to_owned());
            }
            _ => return Err(format!("invalid field key {key}")),
        }
    }
    if attachment.target.is_empty() { Err("network name/id is not specified".to_owned()) } else { Ok(attachment) }
}

/// The same in Docker's `EndpointSettings`.
fn settings(network: &Attachment) -> Result<Value, String> {
    let all = |key: &str| network.fields.get(key).cloned().unwrap_or_default();
    let one = |key: &str| all(key).last().cloned();
    let mut settings = Map::new();
    let mut ipam = Map::new();
    for (key, field) in [("ip", "IPv4Address"), ("ip6", "IPv6Address")] {
        if let Some(address) = one(key) {
            ipam.insert(field.to_owned(), json!(address));
        }
    }
    if !all("link-local-ip").is_empty() {
        ipam.insert("LinkLocalIPs".to_owned(), json!(all("link-local-ip")));
    }
    if !ipam.is_empty() {
        settings.insert("IPAMConfig".to_owned(), Value::Object(ipam));
    }
    for (key, field) in [("alias", "Aliases"), ("link", "Links")] {
        let default = matches!(network.target.as_str(), "default" | "bridge") && key == "link";
        if !all(key).is_empty() && !default {
            settings.insert(field.to_owned(), json!(all(key)));
        }
    }
    if let Some(mac) = one("mac-address") {
        settings.insert("MacAddress".to_owned(), json!(mac));
    }
    if let Some(priority) = one("gw-priority") {
        let number = crate::command::parse::parse_int(&priority).map_err(|_bad| format!("invalid gw-priority: {priority}"))?;
        settings.insert("GwPriority".to_owned(), json!(number));
    }
    let options: Map<String, Value> = all("driver-opt")
        .iter()
        .map(|option| {
            let (key, value) = option.split_once('=').ok_or_else(|| "invalid key/value pair format in driver options".to_owned())?;
            Ok((key.to_owned(), json!(value)))
        })
        .collect::<Result<_, String>>()?;
    if !options.is_empty() {
        settings.insert("DriverOpts".to_owned(), Value::Object(options));
    }
    Ok(Value::Object(settings))
}

/// Resolves `-p`: what is published, and what is exposed thereby.
///
/// # Errors
/// A port, a range or an address that is none.
pub(super) fn published(matches: &Matches, exposed: &mut BTreeMap<String, Empty>) -> Result<Option<Value>, String> {
    let mut bindings: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for word in matches.list("publish") {
        for (port, binding) in publish(word)? {
            exposed.insert(port.clone(), Empty {});
            bindings.entry(port).or_default().push(binding);
        }
    }
    Ok((!bindings.is_empty()).then(|| json!(bindings)))
}

/// `[[IP:]HOST:]CONTAINER[/PROTOCOL]`, with ranges, or `target=80,published=8080,protocol=tcp`.
fn publish(word: &str) -> Result<Vec<(String, Value)>, String> {
    let short = if word.contains("target=") { long_form(word)? } else { word.to_owned() };
    let (rest, protocol) = short.rsplit_once('/').unwrap_or((&short, "tcp"));
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!("invalid proto: {protocol}"));
    }
    let (before, container) = rest.rsplit_once(':').unwrap_or(("", rest));
    let (ip, host) = match before.rsplit_once(':') {
        // Behind the brackets of an IPv6 address, not in them.
        Some((ip, host)) if !host.ends_with(']') => (ip, host),
        _ if before.starts_with('[') => (before, ""),
        _ => ("", before),
    };
    let ip = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    if !ip.is_empty() && ip.parse::<std::net::IpAddr>().is_err() {
        return Err(format!("invalid IP address: {ip}"));
    }
    if container.is_empty() {
        return Err(format!("no port specified: {word}<empty>"));
    }
    let (first, last) = range(container).ok_or_else(|| format!("invalid containerPort: {container}"))?;
    let binding = |port: String| json!({ "HostIp": ip, "HostPort": port });
    if host.is_empty() {
        return Ok((first..=last).map(|port| (format!("{port}/{protocol}"), binding(String::new()))).collect());
    }
    let (host_first, host_last) = range(host).ok_or_else(|| format!("invalid hostPort: {host}"))?;
    if first == last && host_first != host_last {
        // Any free one of the range.
        return Ok(vec![(format!("{first}/{protocol}"), binding(host.to_owned()))]);
    }
    if last - first != host_last - host_first {
        return Err(format!("invalid ranges specified for container and host Ports: {container} and {host}"));
    }
    let pairs = (first..=last).zip(host_first..=host_last);
    Ok(pairs.map(|(port, host)| (format!("{port}/{protocol}"), binding(host.to_string()))).collect())
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let digits = |t: &str| if t.bytes().all(|b| b.is_ascii_digit()) { t.parse::<u16>().ok() } else { None };
    let (first, last) = (digits(first)?, digits(last)?);
    (first <= last).then_some((first, last))
}

fn long_form(word: &str) -> Result<String, String> {
    let (mut target, mut published, mut protocol) = ("", "", "tcp");
    for field in word.split(',') {
        let (key, value) = field.split_once('=').ok_or_else(|| format!("invalid field: {field}"))?;
        match key.to_lowercase().as_str() {
            "target" => target = value,
            "published" => published = value,
            "protocol" => protocol = value,
            "mode" if matches!(value, "host" | "ingress") => {}
            "mode" => return Err(format!("invalid publish mode value ({}): must be either 'ingress' or 'host'", go(value))),
            _ => return Err(format!("invalid field key: {key}")),
        }
    }
    if target.is_empty() {
        return Err(format!("missing mandatory field {}", go("target")));
    }
    let separator = if published.is_empty() { "" } else { ":" };
    Ok(format!("{published}{separator}{target}/{protocol}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(word: &str) -> String {
        let list = publish(word).unwrap();
        let show = |(port, b): &(String, Value)| format!("{}:{}:{port}", b["HostIp"].as_str().unwrap(), b["HostPort"].as_str().unwrap());
        list.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_way_to_publish() {
        assert_eq!(ports("80"), "::80/tcp");
        assert_eq!(ports("8080:80/udp"), ":8080:80/udp");
        assert_eq!(ports("127.0.0.1:8080:80"), "127.0.0.1:8080:80/tcp");
        assert_eq!(ports("127.0.0.1::80"), "127.0.0.1::80/tcp");
        assert_eq!(ports("[::1]:8080:80"), "::1:8080:80/tcp");
        assert_eq!(ports("8000-8001:80-81"), ":8000:80/tcp :8001:81/tcp");
        assert_eq!(ports("8000-8010:80"), ":8000-8010:80/tcp");
        assert_eq!(ports("target=80,published=8080,protocol=udp"), ":8080:80/udp");
        for bad in ["x", "80:", "1:2:3:4", "8000-8001:80-82", "80/x", "99999", "300.0.0.1:80:80", "-1:80"] {
            assert!(publish(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_long_form_of_a_network() {
        let web = attachment("name=web,alias=a,alias=b,ip=10.0.0.2,gw-priority=5,driver-opt=k=v").unwrap();
        let value = settings(&web).unwrap();
        assert_eq!(
            value.to_string(),
            r#"{"IPAMConfig":{"IPv4Address":"10.0.0.2"},"Aliases":["a","b"],"GwPriority":5,"DriverOpts":{"k":"v"}}"#
        );
        assert_eq!(attachment("web").unwrap().target, "web");
        assert!(attachment("alias=a").is_err() && attachment("name=x,bogus=1").is_err());
    }
}
