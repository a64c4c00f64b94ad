//! Blocks of addresses: what lies in them, what they share, the n-th of them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A block of addresses, its first one and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    first: IpAddr,
    prefix: u8,
}

/// A text that is no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid CIDR block notation")]
pub struct NoSubnet;

impl Subnet {
    /// The block of this length that holds `address`.
    #[must_use]
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        let width = width(address);
        let prefix = prefix.min(width);
        let mask = if prefix == 0 { 0 } else { u128::MAX << (width - prefix) };
        Self { first: from_bits(bits(address) & mask, address.is_ipv4()), prefix }
    }

    /// Its first address.
    #[must_use]
    pub fn first(self) -> IpAddr {
        self.first
    }

    /// The length of its prefix.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether its addresses are IPv4's.
    #[must_use]
    pub fn is_ipv4(self) -> bool {
        self.first.is_ipv4()
    }

    /// How many addresses it has, less one.
    #[must_use]
    pub fn last_number(self) -> u128 {
        let host = width(self.first) - self.prefix;
        if host >= 128 { u128::MAX } else { (1u128 << host) - 1 }
    }

    /// Its n-th address, from 0.
    #[must_use]
    pub fn nth(self, n: u128) -> Option<IpAddr> {
        (n <= self.last_number()).then(|| from_bits(bits(self.first) + n, self.is_ipv4()))
    }

    /// Whether an address lies in it.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.is_ipv4() == address.is_ipv4() && Self::around(address, self.prefix) == self
    }

    /// Whether another block lies in it.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        other.prefix >= self.prefix && self.contains(other.first)
    }

    /// Whether the two share an address.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.holds(other) || other.holds(self)
    }

    /// The first address and those that mean "all of them" are nobody's.
    #[must_use]
    pub fn is_usable(self, address: IpAddr) -> bool {
        let number = bits(address).wrapping_sub(bits(self.first));
        let reserved = self.is_ipv4() && self.prefix < 31 && number == self.last_number();
        self.contains(address) && (number != 0 || self.last_number() < 2) && !reserved
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn from_bits(bits: u128, v4: bool) -> IpAddr {
    if v4 { IpAddr::V4(Ipv4Addr::from(u32::try_from(bits & u128::from(u32::MAX)).unwrap_or(0))) } else { IpAddr::V6(Ipv6Addr::from(bits)) }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// Reads an address with the length of its prefix, whatever bits are set.
///
/// # Errors
/// [`NoSubnet`].
pub(crate) fn parse_prefix(text: &str) -> Result<(IpAddr, u8), NoSubnet> {
    let (address, prefix) = text.split_once('/').ok_or(NoSubnet)?;
    let address: IpAddr = address.parse().map_err(|_syntax| NoSubnet)?;
    let digits = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit()) && (prefix == "0" || !prefix.starts_with('0'));
    let prefix: u8 = prefix.parse().map_err(|_syntax| NoSubnet)?;
    if digits && prefix <= width(address) { Ok((address, prefix)) } else { Err(NoSubnet) }
}

impl FromStr for Subnet {
    type Err = NoSubnet;

    /// Bits behind the prefix are dropped.
    fn from_str(text: &str) -> Result<Self, NoSubnet> {
        let (address, prefix) = parse_prefix(text)?;
        Ok(Self::around(address, prefix))
    }
}

impl TryFrom<String> for Subnet {
    type Error = NoSubnet;

    fn try_from(text: String) -> Result<Self, NoSubnet> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn blocks_are_read_and_masked() {
        assert_eq!(net("10.1.2.3/8").to_string(), "10.0.0.0/8");
        assert_eq!(net("fd00::5/64").to_string(), "fd00::/64");
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/+8", "fd00::/129", "x/8"] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
    }

    #[test]
    fn blocks_know_what_is_in_them() {
        assert!(net("172.17.0.0/16").contains(ip("172.17.255.255")));
        assert!(!net("172.17.0.0/16").contains(ip("172.18.0.0")));
        assert!(!net("0.0.0.0/0").contains(ip("::1")));
        assert!(net("172.17.0.0/16").overlaps(net("172.17.4.0/24")));
        assert!(net("172.17.4.0/24").overlaps(net("172.17.0.0/16")));
        assert!(!net("172.17.0.0/16").overlaps(net("172.18.0.0/16")));
    }

    #[test]
    fn the_ends_of_a_block_are_nobodys() {
        let block = net("10.0.0.0/30");
        let usable: Vec<_> = (0..=block.last_number()).filter_map(|n| block.nth(n)).filter(|a| block.is_usable(*a)).collect();
        assert_eq!(usable, [ip("10.0.0.1"), ip("10.0.0.2")]);
        assert!(net("10.0.0.7/32").is_usable(ip("10.0.0.7")));
        assert!(net("10.0.0.6/31").is_usable(ip("10.0.0.6")) && net("10.0.0.6/31").is_usable(ip("10.0.0.7")));
        assert!(!net("fd00::/64").is_usable(ip("fd00::")) && net("fd00::/64").is_usable(ip("fd00::ffff:ffff:ffff:ffff")));
        assert_eq!(net("::/0").last_number(), u128::MAX);
    }
}
