//! Proxies in front, and what they say about where a request came from.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, header};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Hops that are looked at; nobody has so many proxies.
const MAX_HOPS: usize = 32;

/// Networks whose word about addresses is taken: none unless told.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[Network]>);

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address nor a network such as 10.0.0.0/8")]
pub struct NotAProxy(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    base: u128,
    mask: u128,
}

impl FromStr for Network {
    type Err = NotAProxy;

    fn from_str(text: &str) -> Result<Self, NotAProxy> {
        let wrong = || NotAProxy(text.to_owned());
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_not_an_address| wrong())?;
        let bits: u32 = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(bits), str::parse).map_err(|_not_a_number| wrong())?;
        if length > bits {
            return Err(wrong());
        }
        let mask = u128::MAX.checked_shl(bits - length).unwrap_or(0);
        Ok(Self { base: number(address) & mask, mask })
    }
}

impl TrustedProxies {
    /// Reads addresses and networks, separated by commas; empty trusts nobody.
    ///
    /// # Errors
    /// Names the first entry that is neither.
    pub fn parse(text: &str) -> Result<Self, NotAProxy> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(str::parse).collect::<Result<Vec<Network>, _>>().map(|networks| Self(networks.into()))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| number(address) & network.mask == network.base)
    }

    /// Where a request came from: the other side of the connection, or behind trusted proxies the last hop that
    /// is none of them.
    pub(crate) fn address_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let mut nearest = peer;
        for hop in hops(headers).into_iter().rev().take(MAX_HOPS) {
            // What stands before something unreadable cannot be believed either.
            let Some(hop) = hop else { break };
            nearest = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        nearest
    }
}

/// IPv4 as IPv6 maps it, so that one comparison serves both.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The hops that the request tells, the nearest one last.
///
/// A proxy appends to one of the two headers and passes the other on as it came, from anybody: when both are
/// there, nobody can tell which one it wrote, and neither counts.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let (listed, forwarded) = (headers.contains_key(X_FORWARDED_FOR), headers.contains_key(header::FORWARDED));
    let name = match (listed, forwarded) {
        (true, false) => X_FORWARDED_FOR,
        (false, true) => header::FORWARDED,
        (true, true) | (false, false) => return Vec::new(),
    };
    let entries = headers.get_all(&name).iter().flat_map(|value| value.to_str().unwrap_or_default().split(','));
    entries.map(|entry| if forwarded { address(for_of(entry)?) } else { address(entry) }).collect()
}

/// The value of `for` of an entry of `Forwarded`.
fn for_of(entry: &str) -> Option<&str> {
    entry.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// An address with or without port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let parsed: Option<IpAddr> = bare.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    parsed.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn address_of(trusted: &str, peer: &str, lines: &[(&'static str, &'static str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        TrustedProxies::parse(trusted).unwrap().address_of(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn without_trusted_proxies_the_connection_decides() {
        assert_eq!(address_of("", "10.0.0.1", &[("x-forwarded-for", "1.2.3.4")]), "10.0.0.1");
        assert_eq!(address_of("10.0.0.0/8", "192.0.2.1", &[("x-forwarded-for", "1.2.3.4")]), "192.0.2.1");
    }

    #[test]
    fn behind_trusted_proxies_the_last_hop_that_is_none_of_them_decides() {
        let behind = |lines| address_of("10.0.0.0/8, fd00::/8", "10.0.0.1", lines);
        let table: [(&[(&'static str, &'static str)], &str); 11] = [
            (&[], "10.0.0.1"),
            (&[("x-forwarded-for", "1.2.3.4")], "1.2.3.4"),
            // Whatever the caller claimed stands to the left.
            (&[("x-forwarded-for", "9.9.9.9, 1.2.3.4, 10.0.0.2")], "1.2.3.4"),
            (&[("x-forwarded-for", "9.9.9.9"), ("x-forwarded-for", "1.2.3.4")], "1.2.3.4"),
            (&[("x-forwarded-for", "1.2.3.4:5678")], "1.2.3.4"),
            (&[("x-forwarded-for", "1.2.3.4, nonsense")], "10.0.0.1"),
            (&[("x-forwarded-for", "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
            (&[("forwarded", "for=9.9.9.9, for=\"[2001:db8::1]:80\";proto=https, for=10.0.0.2")], "2001:db8::1"),
            (&[("forwarded", "proto=https;For=1.2.3.4")], "1.2.3.4"),
            (&[("forwarded", "for=unknown")], "10.0.0.1"),
            (&[("forwarded", "for=1.2.3.4"), ("x-forwarded-for", "5.6.7.8")], "10.0.0.1"),
        ];
        for (lines, expected) in table {
            assert_eq!(behind(lines), expected, "{lines:?}");
        }
        assert_eq!(address_of("10.0.0.1", "::ffff:10.0.0.1", &[("x-forwarded-for", "::ffff:1.2.3.4")]), "1.2.3.4");
    }

    #[test]
    fn what_is_no_network_is_named() {
        for wrong in ["10.0.0.0/33", "proxy.internal", "10.0.0.0/x", "::/129"] {
            assert_eq!(TrustedProxies::parse(wrong).unwrap_err(), NotAProxy(wrong.to_owned()));
        }
        assert!(TrustedProxies::parse("0.0.0.0/0, ::/0").is_ok());
    }
}
