//! Ports as `ps` shows them: neighbours that keep their number are one range.

use serde_json::Value;

/// One line of ports; the answer to `PORTS`.
pub(crate) fn words(ports: &[Value]) -> String {
    let mut sorted: Vec<Port<'_>> = ports.iter().map(Port::of).collect();
    sorted.sort();
    let mut done: Vec<String> = Vec::new();
    let mut mapped = Vec::new();
    let mut groups: Vec<((&str, &str), u64, u64)> = Vec::new();
    for port in sorted {
        if !port.ip.is_empty() && port.public != port.private {
            mapped.push(format!("{}->{}/{}", at(port.ip, &port.public.to_string()), port.private, port.kind));
            continue;
        }
        match groups.iter_mut().find(|(key, ..)| *key == (port.ip, port.kind)) {
            None => groups.push(((port.ip, port.kind), port.private, port.private)),
            Some((_, _, last)) if port.private == *last + 1 => *last = port.private,
            Some(group) => {
                done.push(group_words(*group));
                *group = ((port.ip, port.kind), port.private, port.private);
            }
        }
    }
    done.extend(groups.into_iter().map(group_words));
    done.extend(mapped);
    done.join(", ")
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Port<'a> {
    private: u64,
    ip: &'a str,
    public: u64,
    kind: &'a str,
}

impl<'a> Port<'a> {
    fn of(value: &'a Value) -> Self {
        let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        Self { private: number("PrivatePort"), ip: text("IP"), public: number("PublicPort"), kind: text("Type") }
    }
}

/// An address of the host with its port or ports.
pub(crate) fn at(ip: &str, port: &str) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

fn group_words(((ip, kind), first, last): ((&str, &str), u64, u64)) -> String {
    let range = if first == last { first.to_string() } else { format!("{first}-{last}") };
    if ip.is_empty() { format!("{range}/{kind}") } else { format!("{}->{range}/{kind}", at(ip, &range)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::words;

    #[test]
    fn ports_are_shown_as_docker_does() {
        let p = |ip: &str, private: u16, public: u16| json!({"IP": ip, "PrivatePort": private, "PublicPort": public, "Type": "tcp"});
        let exposed = json!({"PrivatePort": 6379, "Type": "tcp"});
        assert_eq!(words(&[p("0.0.0.0", 80, 8080), exposed.clone()]), "6379/tcp, 0.0.0.0:8080->80/tcp");
        assert_eq!(words(&[p("0.0.0.0", 81, 81), p("0.0.0.0", 80, 80), p("::", 80, 80)]), "0.0.0.0:80-81->80-81/tcp, [::]:80->80/tcp");
        assert_eq!(words(&[]), "");
    }
}
