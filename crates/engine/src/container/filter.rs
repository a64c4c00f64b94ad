//! Filters of `ps` that have a grammar of their own.

use serde_json::Value;
use stead_base::filter::Filters;

use crate::{Failure, Result};

const STATES: [&str; 7] = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const HEALTHS: [&str; 4] = ["starting", "healthy", "unhealthy", "none"];
/// Most ports that one filter may name.
const PORTS_MAX: u32 = 65_536;

/// Refuses values that no container could have, in Docker's words for each.
pub(super) fn check(filters: &Filters) -> Result<()> {
    let first = |key: &str, fits: &dyn Fn(&str) -> bool| filters.get(key).iter().find(|value| !fits(value)).cloned();
    let refuse = |text: String| Err(Failure::invalid(text));
    if let Some(value) = first("status", &|value| STATES.contains(&value)) {
        return refuse(format!("invalid filter 'status={value}'"));
    }
    if let Some(value) = first("health", &|value| HEALTHS.contains(&value)) {
        return refuse(format!("unrecognized filter value for health: {value}"));
    }
    if let Some(value) = first("exited", &|value| value.parse::<i32>().is_ok()) {
        return refuse(format!("strconv.Atoi: parsing {value:?}: invalid syntax"));
    }
    for key in ["publish", "expose"] {
        if let Some(value) = first(key, &|value| range(value).is_some()) {
            return refuse(format!("error while looking up for {key} {value}: invalid port"));
        }
    }
    filters.flag("is-task")?;
    Ok(())
}

/// Whether any of the container's ports is asked for; true where no port is.
pub(super) fn ports(filters: &Filters, ports: &[Value]) -> bool {
    let wanted = |key: &str| filters.get(key).iter().filter_map(|value| range(value)).collect::<Vec<_>>();
    let (published, exposed) = (wanted("publish"), wanted("expose"));
    if published.is_empty() && exposed.is_empty() {
        return true;
    }
    ports.iter().any(|port| {
        let number = |key: &str| port.get(key).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        let proto = port.get("Type").and_then(Value::as_str).unwrap_or("tcp");
        let among = |ranges: &[Range], key: &str| number(key).is_some_and(|n| ranges.iter().any(|range| range.holds(n, proto)));
        among(&published, "PublicPort") || among(&exposed, "PrivatePort")
    })
}

/// `80`, `80-90`, `53/udp`.
struct Range {
    low: u32,
    high: u32,
    proto: String,
}

impl Range {
    fn holds(&self, port: u32, proto: &str) -> bool {
        (self.low..=self.high).contains(&port) && self.proto == proto
    }
}

fn range(text: &str) -> Option<Range> {
    let (ports, proto) = text.split_once('/').unwrap_or((text, "tcp"));
    let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
    let (low, high): (u32, u32) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high && high < PORTS_MAX && matches!(proto, "tcp" | "udp" | "sctp")).then(|| Range { low, high, proto: proto.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filters(words: &[&str]) -> Filters {
        Filters::from_words(words).unwrap()
    }

    #[test]
    fn values_that_cannot_be_are_refused_in_dockers_words() {
        let refused = |word: &str| check(&filters(&[word])).unwrap_err().message;
        assert_eq!(refused("status=bogus"), "invalid filter 'status=bogus'");
        assert_eq!(refused("exited=x"), "strconv.Atoi: parsing \"x\": invalid syntax");
        assert_eq!(refused("health=well"), "unrecognized filter value for health: well");
        assert_eq!(refused("is-task=maybe"), "invalid filter 'is-task=[maybe]'");
        assert_eq!(refused("publish=90-80"), "error while looking up for publish 90-80: invalid port");
        assert!(check(&filters(&["status=paused", "exited=-1", "health=none", "is-task=0", "expose=1-2/udp"])).is_ok());
    }

    #[test]
    fn ports_are_found_by_both_their_numbers() {
        let one = [json!({"PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"})];
        for (word, want) in [
            ("publish=8080", true),
            ("publish=8000-9000", true),
            ("publish=80", false),
            ("expose=80", true),
            ("expose=80/udp", false),
            ("name=x", true),
        ] {
            assert_eq!(ports(&filters(&[word]), &one), want, "{word}");
        }
        assert!(!ports(&filters(&["expose=80"]), &[]));
    }
}
