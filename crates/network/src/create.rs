//! From a request to a network that can be: every field is checked, blocks of addresses are read or chosen.

use std::net::IpAddr;

use stead_base::Kind;
use stead_base::time::Time;

use crate::error::{Error, Result};
use crate::record::{CreateRequest, IpamConfig, Network, OPTION_BINDING, OPTION_MTU, OPTION_NAME, PREDEFINED, Pool};
use crate::subnet::{Subnet, parse_prefix};

/// Longest name; it is shown, and never a file's.
const NAME_LEN_MAX: usize = 255;
/// So many blocks a network may have.
const POOLS_MAX: usize = 16;
/// Drivers that exist.
const DRIVERS: [&str; 3] = ["bridge", "macvlan", "ipvlan"];

/// Checks a request. The pools of the answer are those that were asked for; [`fill`] adds what is missing.
///
/// # Errors
/// The first thing that cannot be, in Docker's words.
pub(crate) fn check(request: &CreateRequest) -> Result<Network> {
    let name = request.name.trim();
    check_name(name)?;
    let driver = if request.driver.is_empty() || request.driver == "default" { "bridge" } else { &request.driver };
    if request.needs_swarm() {
        let why = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";
        return Err(Error::refused(Kind::Unavailable, why));
    }
    if matches!(driver, "host" | "null") {
        return Err(Error::refused(Kind::NotAllowed, format!("only one instance of \"{driver}\" network is allowed")));
    }
    if !DRIVERS.contains(&driver) {
        return Err(Error::refused(
            Kind::NotFound,
            format!("could not find plugin {driver} in v1 plugin registry: plugin \"{driver}\" not found"),
        ));
    }
    if !matches!(request.ipam.driver.as_str(), "" | "default") {
        let driver = &request.ipam.driver;
        return Err(Error::refused(
            Kind::NotFound,
            format!("could not find plugin {driver} in v1 plugin registry: plugin \"{driver}\" not found"),
        ));
    }
    check_options(driver, request)?;
    let ipv4 = request.enable_ipv4.unwrap_or(true);
    let ipv6 = request.enable_ipv6.unwrap_or(false);
    if !ipv4 && !ipv6 {
        return Err(Error::invalid("IPv4 or IPv6 must be enabled"));
    }
    Ok(Network {
        id: String::new(),
        name: name.to_owned(),
        created: Time::now(),
        driver: driver.to_owned(),
        internal: request.internal,
        attachable: request.attachable,
        ipv4,
        ipv6,
        pools: pools(&request.ipam.config, |v4| if v4 { ipv4 } else { ipv6 })?,
        ipam_options: request.ipam.options.clone(),
        options: request.options.clone(),
        labels: request.labels.clone(),
    })
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid("invalid network name: name is empty"));
    }
    if PREDEFINED.contains(&name) || name == "default" {
        return Err(Error::refused(Kind::NotAllowed, format!("operation is not permitted on predefined {name} network")));
    }
    if name.len() > NAME_LEN_MAX || name.chars().any(char::is_control) || name.contains('/') {
        return Err(Error::invalid(format!("invalid network name: {name:?}")));
    }
    Ok(())
}

fn check_options(driver: &str, request: &CreateRequest) -> Result<()> {
    if let Some(name) = request.options.get(OPTION_NAME).filter(|name| !name.is_empty())
        && !is_interface_name(name)
    {
        return Err(Error::invalid(format!(
            "invalid bridge name {name:?}: an interface's name has at most 15 characters and no space or slash"
        )));
    }
    if let Some(mtu) = request.options.get(OPTION_MTU)
        && !mtu.parse::<u32>().is_ok_and(|mtu| mtu == 0 || (68..=65535).contains(&mtu))
    {
        return Err(Error::invalid(format!("invalid MTU: {mtu}")));
    }
    if let Some(address) = request.options.get(OPTION_BINDING).filter(|a| !a.is_empty())
        && address.parse::<IpAddr>().is_err()
    {
        return Err(Error::invalid(format!("invalid address {address:?} for {OPTION_BINDING}")));
    }
    if driver != "bridge" && request.options.get("parent").is_some_and(|parent| !is_interface_name(parent)) {
        return Err(Error::invalid("invalid parent interface name"));
    }
    Ok(())
}

fn is_interface_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= stead_sys::link::NAME_MAX
        && name != "."
        && name != ".."
        && name.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b':' | b'"' | b'\\'))
}

/// The blocks that were asked for. All mistakes are told at once, as Docker does.
fn pools(asked: &[IpamConfig], enabled: impl Fn(bool) -> bool) -> Result<Vec<Pool>> {
    let (mut pools, mut wrong) = (Vec::new(), Vec::new());
    if asked.len() > POOLS_MAX {
        return Err(Error::invalid(format!("a network has at most {POOLS_MAX} subnets")));
    }
    for config in asked {
        if config.subnet.is_empty() {
            if !(config.gateway.is_empty() && config.ip_range.is_empty() && config.auxiliary.is_empty()) {
                wrong.push(format!("invalid subnet {}: invalid CIDR block notation", config.subnet));
            }
            continue;
        }
        let Ok((address, prefix)) = parse_prefix(&config.subnet) else {
            wrong.push(format!("invalid subnet {}: invalid CIDR block notation", config.subnet));
            continue;
        };
        let subnet = Subnet::around(address, prefix);
        if !enabled(subnet.is_ipv4()) {
            continue;
        }
        if subnet.first() != address {
            wrong.push(format!("invalid subnet {address}/{prefix}: it should be {subnet}"));
        }
        match pool(config, subnet) {
            Ok(pool) => pools.push(pool),
            Err(mut reasons) => wrong.append(&mut reasons),
        }
    }
    if !wrong.is_empty() {
        return Err(Error::invalid(format!("invalid network config:\n{}", wrong.join("\n"))));
    }
    pools.sort_by_key(|pool| !pool.subnet.is_ipv4());
    let clash = pools.iter().enumerate().any(|(i, a)| pools[i + 1..].iter().any(|b| a.subnet.overlaps(b.subnet)));
    if clash {
        return Err(overlap());
    }
    Ok(pools)
}

fn pool(config: &IpamConfig, subnet: Subnet) -> Result<Pool, Vec<String>> {
    let mut wrong = Vec::new();
    let family = if subnet.is_ipv4() { "IPv4" } else { "IPv6" };
    let range = if config.ip_range.is_empty() { None } else { Some(&config.ip_range) };
    let range = range.and_then(|text| match parse_prefix(text) {
        Err(_) => wrong_range(&mut wrong, text, "invalid CIDR block notation"),
        Ok((address, _)) if address.is_ipv4() != subnet.is_ipv4() => {
            wrong_range(&mut wrong, text, &format!("parent subnet is an {family} block"))
        }
        Ok((_, prefix)) if prefix < subnet.prefix() => {
            wrong_range(&mut wrong, text, &format!("CIDR block is bigger than its parent subnet {subnet}"))
        }
        Ok((address, prefix)) => {
            let range = Subnet::around(address, prefix);
            if range.first() != address {
                return wrong_range(&mut wrong, text, &format!("it should be {range}"));
            }
            if !subnet.holds(range) {
                return wrong_range(&mut wrong, text, &format!("parent subnet {subnet} doesn't contain ip-range"));
            }
            Some(range)
        }
    });
    let mut address = |what: &str, text: &str| -> Option<IpAddr> {
        let parsed: Option<IpAddr> = text.parse().ok();
        let why = match parsed {
            None => "invalid address".to_owned(),
            Some(address) if address.is_ipv4() != subnet.is_ipv4() => format!("parent subnet is an {family} block"),
            Some(address) if !subnet.contains(address) => format!("parent subnet {subnet} doesn't contain this address"),
            Some(address) => return Some(address),
        };
        wrong.push(format!("invalid {what} {text}: {why}"));
        None
    };
    let gateway = if config.gateway.is_empty() { first_usable(subnet) } else { address("gateway", &config.gateway) };
    let auxiliary = config.auxiliary.iter().filter_map(|(name, text)| Some((name.clone(), address("auxiliary address", text)?))).collect();
    match gateway {
        Some(gateway) if wrong.is_empty() => Ok(Pool { subnet, gateway, range, auxiliary, asked: true }),
        _ => Err(wrong),
    }
}

fn wrong_range(wrong: &mut Vec<String>, text: &str, why: &str) -> Option<Subnet> {
    wrong.push(format!("invalid ip-range {text}: {why}"));
    None
}

fn first_usable(subnet: Subnet) -> Option<IpAddr> {
    (0..4).filter_map(|n| subnet.nth(n)).find(|address| subnet.is_usable(*address))
}

/// Docker's words for a block that somebody has.
pub(crate) fn overlap() -> Error {
    Error::refused(Kind::NotAllowed, "invalid pool request: Pool overlaps with other one on this address space")
}

/// Refuses asked blocks that meet `taken`, and chooses blocks where none was asked for. `seed` makes this root's IPv6 blocks its own.
///
/// # Errors
/// A block is taken; nothing is free.
pub(crate) fn fill(network: &mut Network, taken: &[Subnet], seed: &str) -> Result<()> {
    let meets = |subnet: Subnet| taken.iter().any(|other| other.overlaps(subnet));
    if network.pools.iter().any(|pool| meets(pool.subnet)) {
        return Err(overlap());
    }
    let lacks = |v4: bool| !network.pools.iter().any(|pool| pool.subnet.is_ipv4() == v4);
    let mut missing = Vec::new();
    if network.ipv4 && lacks(true) {
        missing.push(default_pools().find(|subnet| !meets(*subnet)));
    }
    if network.ipv6 && lacks(false) {
        missing.push(unique_local(seed).find(|subnet| !meets(*subnet)));
    }
    for subnet in missing {
        let exhausted = || Error::refused(Kind::Invalid, "all predefined address pools have been fully subnetted");
        let subnet = subnet.ok_or_else(exhausted)?;
        let gateway = first_usable(subnet).ok_or_else(exhausted)?;
        network.pools.push(Pool { subnet, gateway, range: None, auxiliary: Default::default(), asked: false });
    }
    network.pools.sort_by_key(|pool| !pool.subnet.is_ipv4());
    Ok(())
}

/// Docker's: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/16 in pieces of /20.
fn default_pools() -> impl Iterator<Item = Subnet> {
    let big = (17..32u8).map(|n| Subnet::around(IpAddr::from([172, n, 0, 0]), 16));
    let small = (0..16u8).map(|n| Subnet::around(IpAddr::from([192, 168, n * 16, 0]), 20));
    big.chain(small)
}

/// RFC 4193: 40 random bits of this root, then a counter.
fn unique_local(seed: &str) -> impl Iterator<Item = Subnet> {
    let global = seed.bytes().fold(0x00c6_a4a7_935b_d1e9_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let prefix = (0xfd_u128 << 120) | (u128::from(global & 0xff_ffff_ffff) << 80);
    (0..1u128 << 16).map(move |n| Subnet::around(IpAddr::from((prefix | (n << 64)).to_be_bytes()), 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(subnet: &str, range: &str, gateway: &str) -> Result<Network> {
        let config = IpamConfig { subnet: subnet.into(), ip_range: range.into(), gateway: gateway.into(), ..IpamConfig::default() };
        let mut request = CreateRequest { name: "n".into(), ..CreateRequest::default() };
        request.ipam.config.push(config);
        check(&request)
    }

    #[test]
    fn blocks_are_refused_in_dockers_words() {
        let why = |subnet: &str, range: &str, gateway: &str| ask(subnet, range, gateway).unwrap_err().to_string();
        assert!(why("10.0.0.1/8", "", "").ends_with("invalid subnet 10.0.0.1/8: it should be 10.0.0.0/8"));
        assert!(why("x", "", "").contains("invalid subnet x: invalid CIDR block notation"));
        assert!(why("10.0.0.0/24", "10.0.0.0/8", "").contains("CIDR block is bigger than its parent subnet 10.0.0.0/24"));
        assert!(why("10.0.0.0/24", "10.1.0.0/24", "").contains("parent subnet 10.0.0.0/24 doesn't contain ip-range"));
        assert!(
            why("10.0.0.0/24", "", "10.1.0.1").contains("invalid gateway 10.1.0.1: parent subnet 10.0.0.0/24 doesn't contain this address")
        );
        assert!(why("10.0.0.0/24", "fd00::/80", "fd00::1").matches("parent subnet is an IPv4 block").count() == 2);
        assert!(why("", "", "10.0.0.1").contains("invalid subnet : invalid CIDR"));
        assert_eq!(ask("10.0.0.0/24", "10.0.0.128/25", "").unwrap().pools[0].gateway.to_string(), "10.0.0.1");
    }

    #[test]
    fn free_blocks_are_found_and_taken_ones_refused() {
        let mut first = check(&CreateRequest { name: "a".into(), enable_ipv6: Some(true), ..CreateRequest::default() }).unwrap();
        fill(&mut first, &["172.16.0.0/15".parse().unwrap(), "172.18.4.0/24".parse().unwrap()], "root").unwrap();
        assert_eq!(first.pools[0].subnet.to_string(), "172.19.0.0/16");
        assert_eq!((first.pools[0].gateway.to_string().as_str(), first.pools[1].subnet.prefix()), ("172.19.0.1", 64));
        assert!(first.pools[1].subnet.to_string().starts_with("fd"));
        let mut other = ask("172.19.0.0/24", "", "").unwrap();
        assert!(fill(&mut other, &[first.pools[0].subnet], "root").unwrap_err().to_string().contains("Pool overlaps"));
        let mut none = check(&CreateRequest { name: "b".into(), ..CreateRequest::default() }).unwrap();
        assert!(fill(&mut none, &["0.0.0.0/0".parse().unwrap()], "root").unwrap_err().to_string().contains("fully subnetted"));
    }

    #[test]
    fn names_and_drivers_are_checked() {
        let with =
            |name: &str, driver: &str| check(&CreateRequest { name: name.into(), driver: driver.into(), ..CreateRequest::default() });
        assert_eq!(with("bridge", "").unwrap_err().kind(), Kind::NotAllowed);
        assert_eq!(with("x", "nope").unwrap_err().kind(), Kind::NotFound);
        assert_eq!(with("x", "overlay").unwrap_err().kind(), Kind::Unavailable);
        assert!(with("", "").is_err() && with("a/b", "").is_err() && with("my net", "macvlan").is_ok());
    }
}
