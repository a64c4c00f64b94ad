//! `port`: what of a container is published where.

use serde_json::Value;

use crate::{Engine, Failure, Result};

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPort {
    /// `80/tcp`.
    pub private: String,
    /// `0.0.0.0:8080`, `[::]:8080`.
    pub public: String,
}

impl Engine {
    /// The published ports of a container, all or those of one private port (`80`, `80/udp`).
    ///
    /// # Errors
    /// No such container; nothing is published for the port.
    pub fn container_port(&self, typed: &str, private: Option<&str>) -> Result<Vec<PublishedPort>> {
        let view = self.container_inspect(typed, false)?;
        let ports = view.pointer("/NetworkSettings/Ports").and_then(Value::as_object).cloned().unwrap_or_default();
        let wanted = private.map(full_port).transpose()?;
        let mut found = Vec::new();
        for (port, bindings) in ports.iter().filter(|(port, _)| wanted.as_ref().is_none_or(|w| w == *port)) {
            for binding in bindings.as_array().into_iter().flatten() {
                let text = |key: &str| binding.get(key).and_then(Value::as_str).unwrap_or_default();
                let ip = text("HostIp");
                let ip = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
                found.push(PublishedPort { private: port.clone(), public: format!("{ip}:{}", text("HostPort")) });
            }
        }
        found.sort_by_cached_key(|port| (number(&port.private), port.private.clone(), port.public.starts_with('[')));
        match wanted {
            Some(wanted) if found.is_empty() => Err(Failure::invalid(format!("no public port '{wanted}' published for {typed}"))),
            _ => Ok(found),
        }
    }
}

/// `80` is `80/tcp`.
fn full_port(text: &str) -> Result<String> {
    let (port, proto) = text.split_once('/').unwrap_or((text, "tcp"));
    if port.parse::<u16>().is_err() {
        return Err(Failure::invalid(format!("invalid port '{port}': invalid syntax")));
    }
    Ok(format!("{port}/{}", proto.to_ascii_lowercase()))
}

fn number(port: &str) -> u16 {
    port.split('/').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_without_a_protocol_is_tcp() {
        assert_eq!(full_port("80").unwrap(), "80/tcp");
        assert_eq!(full_port("53/UDP").unwrap(), "53/udp");
        assert!(full_port("http").is_err());
    }
}
