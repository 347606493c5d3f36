//! Which addresses are never called unless an operator says so.
//!
//! Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates)
//! and the metadata addresses documented by the large clouds.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cidr::Cidr;

/// Why an address is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// This host or this network.
    Unspecified,
    /// This machine.
    Loopback,
    /// A private network.
    Private,
    /// The link itself.
    LinkLocal,
    /// The carrier's network behind its address translation.
    Shared,
    /// A service of a cloud that hands out the machine's credentials.
    Metadata,
    /// Many receivers.
    Multicast,
    /// An IPv6 address that stands for an IPv4 address, and could hide any of the others.
    EmbeddedIpv4,
    /// Documentation, benchmarks, protocol assignments and what is not assigned.
    Reserved,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "an unspecified address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Shared => "a carrier-shared address",
            Self::Metadata => "a cloud metadata address",
            Self::Multicast => "a multicast address",
            Self::EmbeddedIpv4 => "an IPv6 address with an IPv4 address inside",
            Self::Reserved => "a reserved address",
        })
    }
}

const V4: &[(Cidr, Forbidden)] = &[
    (Cidr::v4([0, 0, 0, 0], 8), Forbidden::Unspecified),
    (Cidr::v4([10, 0, 0, 0], 8), Forbidden::Private),
    (Cidr::v4([100, 64, 0, 0], 10), Forbidden::Shared),
    (Cidr::v4([127, 0, 0, 0], 8), Forbidden::Loopback),
    (Cidr::v4([169, 254, 0, 0], 16), Forbidden::LinkLocal),
    (Cidr::v4([172, 16, 0, 0], 12), Forbidden::Private),
    (Cidr::v4([192, 0, 0, 0], 24), Forbidden::Reserved),
    (Cidr::v4([192, 0, 2, 0], 24), Forbidden::Reserved),
    (Cidr::v4([192, 88, 99, 0], 24), Forbidden::Reserved),
    (Cidr::v4([192, 168, 0, 0], 16), Forbidden::Private),
    (Cidr::v4([198, 18, 0, 0], 15), Forbidden::Reserved),
    (Cidr::v4([198, 51, 100, 0], 24), Forbidden::Reserved),
    (Cidr::v4([203, 0, 113, 0], 24), Forbidden::Reserved),
    (Cidr::v4([224, 0, 0, 0], 4), Forbidden::Multicast),
    (Cidr::v4([240, 0, 0, 0], 4), Forbidden::Reserved),
];

const V6: &[(Cidr, Forbidden)] = &[
    (Cidr::v6([0x0064, 0xff9b, 0], 96), Forbidden::EmbeddedIpv4),
    (Cidr::v6([0x0064, 0xff9b, 1], 48), Forbidden::EmbeddedIpv4),
    (Cidr::v6([0x2001, 0, 0], 32), Forbidden::EmbeddedIpv4),
    (Cidr::v6([0x2002, 0, 0], 16), Forbidden::EmbeddedIpv4),
    (Cidr::v6([0x2001, 0, 0], 23), Forbidden::Reserved),
    (Cidr::v6([0x2001, 0x0db8, 0], 32), Forbidden::Reserved),
    (Cidr::v6([0x3fff, 0, 0], 20), Forbidden::Reserved),
    (Cidr::v6([0xfc00, 0, 0], 7), Forbidden::Private),
    (Cidr::v6([0xfe80, 0, 0], 10), Forbidden::LinkLocal),
    (Cidr::v6([0xfec0, 0, 0], 10), Forbidden::Private),
    (Cidr::v6([0xff00, 0, 0], 8), Forbidden::Multicast),
];

/// The only IPv6 block from which global unicast addresses are assigned.
const GLOBAL_UNICAST: Cidr = Cidr::v6([0x2000, 0, 0], 3);

const METADATA: &[IpAddr] = &[
    // AWS, Azure, Google, Oracle, DigitalOcean and others.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // AWS: task and pod credentials.
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    // Alibaba, Oracle (classic), Azure's wire server (in the public range).
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // AWS (instances, pods) and Google over IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0023)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
];

/// Why `address` is not called; nothing for an ordinary public address.
pub(super) fn forbidden(address: IpAddr) -> Option<Forbidden> {
    if METADATA.contains(&address) {
        return Some(Forbidden::Metadata);
    }
    match address {
        IpAddr::V4(_) => find(V4, address),
        IpAddr::V6(v6) if v6.is_loopback() => Some(Forbidden::Loopback),
        IpAddr::V6(v6) if v6.is_unspecified() => Some(Forbidden::Unspecified),
        IpAddr::V6(v6) if embeds_ipv4(v6) => Some(Forbidden::EmbeddedIpv4),
        IpAddr::V6(_) => {
            find(V6, address).or_else(|| (!GLOBAL_UNICAST.contains(address)).then_some(Forbidden::Reserved))
        }
    }
}

fn find(table: &[(Cidr, Forbidden)], address: IpAddr) -> Option<Forbidden> {
    table.iter().find(|(block, _)| block.contains(address)).map(|(_, why)| *why)
}

/// IPv4-mapped (`::ffff:a.b.c.d`), IPv4-compatible (`::a.b.c.d`) and ISATAP (`…:5efe:a.b.c.d`) forms.
fn embeds_ipv4(v6: Ipv6Addr) -> bool {
    matches!(v6.segments(), [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [_, _, _, _, 0 | 0x0200, 0x5efe, _, _])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_block_is_forbidden_at_both_of_its_ends() {
        let table = [
            ("0.0.0.0", Forbidden::Unspecified),
            ("0.255.255.255", Forbidden::Unspecified),
            ("10.0.0.0", Forbidden::Private),
            ("10.255.255.255", Forbidden::Private),
            ("100.64.0.0", Forbidden::Shared),
            ("100.127.255.255", Forbidden::Shared),
            ("127.0.0.0", Forbidden::Loopback),
            ("127.255.255.255", Forbidden::Loopback),
            ("169.254.0.1", Forbidden::LinkLocal),
            ("169.254.169.254", Forbidden::Metadata),
            ("172.31.255.255", Forbidden::Private),
            ("192.0.0.8", Forbidden::Reserved),
            ("192.88.99.1", Forbidden::Reserved),
            ("192.168.255.255", Forbidden::Private),
            ("198.19.255.255", Forbidden::Reserved),
            ("203.0.113.9", Forbidden::Reserved),
            ("224.0.0.1", Forbidden::Multicast),
            ("239.255.255.255", Forbidden::Multicast),
            ("240.0.0.1", Forbidden::Reserved),
            ("255.255.255.255", Forbidden::Reserved),
            ("168.63.129.16", Forbidden::Metadata),
            ("::", Forbidden::Unspecified),
            ("::1", Forbidden::Loopback),
            ("::2", Forbidden::EmbeddedIpv4),
            ("::ffff:8.8.8.8", Forbidden::EmbeddedIpv4),
            ("::127.0.0.1", Forbidden::EmbeddedIpv4),
            ("64:ff9b::a00:1", Forbidden::EmbeddedIpv4),
            ("64:ff9b:1::a00:1", Forbidden::EmbeddedIpv4),
            ("100::1", Forbidden::Reserved),
            ("2001::1", Forbidden::EmbeddedIpv4),
            ("2001:2::1", Forbidden::Reserved),
            ("2001:db8::1", Forbidden::Reserved),
            ("2002:7f00:1::", Forbidden::EmbeddedIpv4),
            ("2a00:1450::5efe:a00:1", Forbidden::EmbeddedIpv4),
            ("3fff::1", Forbidden::Reserved),
            ("4000::1", Forbidden::Reserved),
            ("5f00::1", Forbidden::Reserved),
            ("fc00::1", Forbidden::Private),
            ("fd00:ec2::254", Forbidden::Metadata),
            ("fe80::1", Forbidden::LinkLocal),
            ("febf::1", Forbidden::LinkLocal),
            ("fec0::1", Forbidden::Private),
            ("ff02::1", Forbidden::Multicast),
        ];
        for (text, why) in table {
            assert_eq!(forbidden(text.parse().unwrap()), Some(why), "{text}");
        }
    }

    #[test]
    fn ordinary_public_addresses_are_callable_right_up_to_the_special_blocks() {
        let public = "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
            169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 198.17.255.255 \
            198.20.0.0 223.255.255.255 2001:200::1 2606:4700::1111 2a00:1450:4001::200e";
        for text in public.split_whitespace() {
            assert_eq!(forbidden(text.parse().unwrap()), None, "{text}");
        }
    }
}
