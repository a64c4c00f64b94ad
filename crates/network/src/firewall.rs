//! The rules: one nftables table of this engine, written whole from what is true, so that it can neither drift nor leak.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::process::Stdio;

use stead_sys::durable;
use stead_sys::netlink::Netlink;

use crate::error::{Error, Result};
use crate::record::{Network, OPTION_MASQUERADE};
use crate::sandbox::{Published, Sandbox};
use crate::wire::Forwarding;

const FORWARD: &str = "type filter hook forward priority 0; policy accept;";
/// Bridges of other engines and of virtual machines, whose guests were forwarded for before we came or will be after.
const NEIGHBOURS: [&str; 9] = ["st-*", "docker*", "br-*", "podman*", "cni*", "virbr*", "lxcbr*", "lxdbr*", "incusbr*"];

/// Where hosts keep it. Nothing else is ever executed.
const PROGRAMS: [&str; 4] = ["/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft", "/usr/bin/nft"];

/// Finds the program.
///
/// # Errors
/// [`Error::Missing`].
pub(crate) fn program() -> Result<&'static str> {
    let missing = || Error::Missing { program: "nft", needed_for: "a bridge network".to_owned(), package: "nftables" };
    PROGRAMS.into_iter().find(|path| Path::new(path).exists()).ok_or_else(missing)
}

/// The engine's table as text. `networks` are the bridges that are there; `ours` is what this engine made the host forward.
pub(crate) fn render(table: &str, networks: &[Network], sandboxes: &[Sandbox], ours: Forwarding) -> String {
    // Added and deleted in the same transaction, so that it begins empty whether it was there or not.
    let mut text = format!("add table inet {table}\ndelete table inet {table}\n");
    let mut body = String::new();
    if networks.is_empty() {
        // The host forwards as long as it runs, so what keeps it from being a router stays as long.
        if ours != Forwarding::default() {
            chain(&mut body, "forward", FORWARD, &forward(networks, ours));
            let _infallible = writeln!(text, "table inet {table} {{\n{body}}}");
        }
        return text;
    }
    chain(&mut body, "published", "", &published(sandboxes));
    // From elsewhere, from this host, and from containers: whatever is meant for an address of this host.
    let to_published = "fib daddr type local jump published".to_owned();
    chain(&mut body, "prerouting", "type nat hook prerouting priority -100; policy accept;", std::slice::from_ref(&to_published));
    chain(&mut body, "output", "type nat hook output priority -100; policy accept;", &[to_published]);
    chain(&mut body, "guard", "type filter hook prerouting priority -300; policy accept;", &guard());
    chain(&mut body, "postrouting", "type nat hook postrouting priority 100; policy accept;", &masquerade(networks));
    chain(&mut body, "forward", FORWARD, &forward(networks, ours));
    // Writing to a String cannot fail.
    let _infallible = writeln!(text, "table inet {table} {{\n{body}}}");
    text
}

fn chain(body: &mut String, name: &str, kind: &str, rules: &[String]) {
    let rules: String = rules.iter().map(|rule| format!("  {rule}\n")).collect();
    let _infallible = writeln!(body, " chain {name} {{ {kind}\n{rules} }}");
}

fn published(sandboxes: &[Sandbox]) -> Vec<String> {
    let mut rules = Vec::new();
    for sandbox in sandboxes {
        for port in &sandbox.ports {
            rules.extend(publish(sandbox, port));
        }
    }
    rules
}

fn publish(sandbox: &Sandbox, port: &Published) -> Option<String> {
    let v4 = port.host_ip.is_ipv4();
    let endpoint = sandbox.gateway(v4)?;
    let (address, _) = if v4 { endpoint.ipv4? } else { endpoint.ipv6? };
    let (protocol, host_port, inner) = (port.protocol, port.host_port, port.container_port);
    let (family, word) = if v4 { ("ipv4", "ip") } else { ("ipv6", "ip6") };
    let to = match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    };
    let at = if port.host_ip.is_unspecified() { String::new() } else { format!("{word} daddr {} ", port.host_ip) };
    Some(format!("meta nfproto {family} {at}{protocol} dport {host_port} dnat {word} to {to}:{inner}"))
}

/// Ports published on the loopback are rewritten before the kernel looks whether such a packet may come in at all: containers and neighbours
/// on the wire, who can send a frame with any address in it, are kept out here.
fn guard() -> Vec<String> {
    vec!["iifname != \"lo\" ip daddr 127.0.0.0/8 drop".to_owned(), "iifname != \"lo\" ip6 daddr ::1 drop".to_owned()]
}

fn masquerade(networks: &[Network]) -> Vec<String> {
    let mut rules = Vec::new();
    for network in networks {
        let interface = network.interface();
        for pool in &network.pools {
            let (word, subnet) = (if pool.subnet.is_ipv4() { "ip" } else { "ip6" }, pool.subnet);
            // A container that asks the host for a port of its own network must get its answer from the host.
            rules.push(format!("oifname \"{interface}\" {word} saddr {subnet} ct status dnat masquerade"));
            if !network.internal && network.option(OPTION_MASQUERADE, true) {
                rules.push(format!("oifname != \"{interface}\" {word} saddr {subnet} masquerade"));
            }
        }
        rules.push(format!("oifname \"{interface}\" ip saddr 127.0.0.0/8 masquerade"));
    }
    rules
}

/// Nothing comes into a bridge but answers and published ports; nothing at all goes out of an internal one or into it.
/// Where the host forwards only because of us, it forwards nothing else.
fn forward(networks: &[Network], ours: Forwarding) -> Vec<String> {
    let mut rules = Vec::new();
    for network in networks.iter().filter(|n| n.internal) {
        let interface = network.interface();
        rules.push(format!("iifname \"{interface}\" oifname != \"{interface}\" drop"));
        rules.push(format!("oifname \"{interface}\" iifname != \"{interface}\" drop"));
    }
    rules.push("ct state established,related accept".to_owned());
    rules.push("ct status dnat accept".to_owned());
    for network in networks {
        let interface = network.interface();
        rules.push(format!("iifname \"{interface}\" oifname \"{interface}\" accept"));
        rules.push(format!("oifname \"{interface}\" drop"));
    }
    let families: Vec<_> = [("ipv4", ours.v4), ("ipv6", ours.v6)].into_iter().filter(|(_, on)| *on).map(|(word, _)| word).collect();
    if !families.is_empty() {
        let bridges = networks.iter().map(Network::interface).chain(NEIGHBOURS.map(str::to_owned));
        rules.extend(bridges.map(|bridge| format!("iifname \"{bridge}\" accept")));
        rules.extend(families.iter().map(|family| format!("meta nfproto {family} drop")));
    }
    rules
}

/// Makes the rules true. `applied` is the file that remembers what was made true last, and after which change of the kernel's rules; where it
/// says the same, nothing is done unless `force`. Whoever changes rules besides us (`nft flush ruleset`) makes us write ours again.
///
/// # Errors
/// `nft` is missing or refuses.
pub(crate) fn apply(applied: &Path, here: &str, text: &str, force: bool) -> Result<()> {
    let remembered = |generation: u32| format!("# {here} {generation}\n{text}");
    let before = generation();
    if !force && std::fs::read_to_string(applied).is_ok_and(|known| known == remembered(before)) {
        return Ok(());
    }
    // A crash from here on makes the next command apply again.
    match std::fs::remove_file(applied) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(stead_sys::Error::new("unlink", applied, error).into()),
        _ => {}
    }
    let before = generation();
    nft(&["-f", "-"], text)?;
    // Ours is one change. Where there were more, somebody else was at it meanwhile: what is remembered is not what is now, and the next looks again.
    let after = generation();
    let known = if after == before.wrapping_add(1) { after } else { before };
    Ok(durable::replace_unflushed(applied, remembered(known).as_bytes(), 0o600)?)
}

/// 0 where the kernel does not say.
fn generation() -> u32 {
    Netlink::rules_generation().unwrap_or(0)
}

/// Whether the rules that were applied last are in the kernel, as far as can be told from their number. True where nothing was applied.
pub(crate) fn is_applied(applied: &Path, here: &str, table: &str) -> bool {
    let Ok(known) = std::fs::read_to_string(applied) else { return true };
    let Some(first) = known.lines().next().and_then(|line| line.strip_prefix("# ")?.rsplit_once(' ')) else { return true };
    if first.0 != here || first.1 == generation().to_string() || !known.contains(&format!("\ntable inet {table} {{")) {
        return true;
    }
    let count = |text: &str| ["masquerade", "drop", "dnat"].map(|word| text.matches(word).count());
    nft(&["list", "table", "inet", table], "").is_ok_and(|there| count(&there) == count(&known))
}

fn nft(arguments: &[&str], text: &str) -> Result<String> {
    let program = program()?;
    let failed = |error: std::io::Error| Error::from(stead_sys::Error::new("run", program, error));
    let mut command = stead_sys::process::command(program);
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ended early says why itself.
        drop(stdin.write_all(text.as_bytes()));
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let why = said.lines().find(|line| line.contains("Error")).or_else(|| said.lines().next()).unwrap_or("it failed").trim();
    Err(Error::Program { program: "nft", why: why.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create;
    use crate::record::CreateRequest;
    use crate::sandbox::Endpoint;
    use crate::settings::Protocol;

    fn network(internal: bool) -> Network {
        let request = CreateRequest { name: "n".into(), internal, ..CreateRequest::default() };
        let mut network = create::check(&request).unwrap();
        network.id = "0123456789ab0123".into();
        create::fill(&mut network, &[], "").unwrap();
        network
    }

    #[test]
    fn rules_follow_from_what_is_there() {
        let endpoint = Endpoint {
            id: String::new(),
            network: String::new(),
            network_name: "n".into(),
            interface: "eth0".into(),
            outside: None,
            mac: String::new(),
            ipv4: Some(("172.17.0.2".parse().unwrap(), 16)),
            ipv6: None,
            gateway4: Some("172.17.0.1".parse().unwrap()),
            gateway6: None,
            names: Vec::new(),
            priority: 0,
        };
        let port = |ip: &str| Published { container_port: 80, protocol: Protocol::Tcp, host_ip: ip.parse().unwrap(), host_port: 8080 };
        let ports = vec![port("0.0.0.0"), port("127.0.0.1"), port("::")];
        let sandbox = Sandbox { endpoints: vec![endpoint], ports, ..Sandbox::default() };
        let text = render("stead-x", &[network(false)], &[sandbox], Forwarding::default());
        assert!(text.contains("meta nfproto ipv4 tcp dport 8080 dnat ip to 172.17.0.2:80\n"), "{text}");
        assert!(text.contains("meta nfproto ipv4 ip daddr 127.0.0.1 tcp dport 8080 dnat ip to 172.17.0.2:80\n"));
        assert!(!text.contains("ipv6"), "a container without an IPv6 address has no IPv6 ports: {text}");
        assert!(text.contains("oifname != \"st-0123456789ab\" ip saddr 172.17.0.0/16 masquerade"));
        assert!(text.contains("iifname != \"lo\" ip daddr 127.0.0.0/8 drop"));
        assert!(!text.contains("nfproto ipv4 drop"), "a host that forwarded before us goes on: {text}");
        let text = render("stead-x", &[network(true)], &[], Forwarding { v4: true, v6: false });
        let at = |rule: &str| text.find(rule).unwrap_or_else(|| panic!("{rule} in {text}"));
        assert!(at("iifname \"st-0123456789ab\" oifname != \"st-0123456789ab\" drop") < at("ct status dnat accept"));
        assert!(at("iifname \"st-*\" accept") < at("meta nfproto ipv4 drop") && !text.contains(" masquerade\n  oifname != "));
        assert_eq!(render("stead-x", &[], &[], Forwarding::default()), "add table inet stead-x\ndelete table inet stead-x\n");
        assert!(render("stead-x", &[], &[], Forwarding { v4: true, v6: true }).contains("meta nfproto ipv6 drop"));
    }
}
