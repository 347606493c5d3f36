//! Blocks of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses of one family, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// The IPv4 block that begins at `octets`.
    pub(super) const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = octets;
        Self { network: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    /// The IPv6 block that begins with the 16-bit groups `head`; the other groups are zero.
    pub(super) const fn v6(head: [u16; 3], prefix: u8) -> Self {
        let [a, b, c] = head;
        Self { network: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), prefix }
    }

    /// The block that holds `address` alone.
    #[must_use]
    pub const fn single(address: IpAddr) -> Self {
        let prefix = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        Self { network: address, prefix }
    }

    /// The block of `prefix` leading bits of `network`; nothing when the prefix is longer than the
    /// address or bits after the prefix are set.
    #[must_use]
    pub fn new(network: IpAddr, prefix: u8) -> Option<Self> {
        let whole = Self::single(network);
        (prefix <= whole.prefix && masked(network, prefix) == bits(network)).then_some(Self { network, prefix })
    }

    /// Whether `address` is of the same family and in the block. A mapped IPv4 address counts as IPv6.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && masked(address, self.prefix) == bits(self.network)
    }

    /// Whether the block holds one address only.
    #[must_use]
    pub fn is_single(self) -> bool {
        Self::single(self.network).prefix == self.prefix
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// The address as a number whose highest bit is the address's first.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn masked(address: IpAddr, prefix: u8) -> u128 {
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    bits(address) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_block_holds_its_first_and_last_address_and_not_their_neighbours() {
        let block = Cidr::new(ip("172.16.0.0"), 12).unwrap();
        assert!(block.contains(ip("172.16.0.0")) && block.contains(ip("172.31.255.255")));
        assert!(!block.contains(ip("172.15.255.255")) && !block.contains(ip("172.32.0.0")));
        let block = Cidr::new(ip("fc00::"), 7).unwrap();
        assert!(block.contains(ip("fdff:ffff::1")) && !block.contains(ip("fe00::")));
    }

    #[test]
    fn a_block_of_every_address_keeps_to_its_family() {
        let all = Cidr::new(ip("0.0.0.0"), 0).unwrap();
        assert!(all.contains(ip("255.255.255.255")) && !all.contains(ip("::")));
    }

    #[test]
    fn bits_after_the_prefix_and_prefixes_longer_than_the_address_are_refused() {
        assert_eq!(Cidr::new(ip("10.0.0.1"), 8), None);
        assert_eq!(Cidr::new(ip("10.0.0.0"), 33), None);
        assert_eq!(Cidr::new(ip("fd00::"), 129), None);
        assert!(Cidr::new(ip("10.0.0.1"), 32).unwrap().is_single());
    }
}
