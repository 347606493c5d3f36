//! What an operator allows beyond public addresses on the usual ports.

use std::net::IpAddr;

use super::address::{Forbidden, forbidden};
use super::cidr::Cidr;
use super::target::Trust;

/// Ports of public hosts that may be called without being listed.
pub const USUAL_PORTS: [u16; 4] = [80, 443, 8080, 8443];

/// Names under which clouds serve a machine's credentials; their addresses are forbidden as well.
const METADATA_NAMES: [&str; 4] =
    ["metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"];

/// Where actions may connect to. Starts from nothing but public addresses on [`USUAL_PORTS`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    loopback: bool,
    networks: Vec<Cidr>,
    hosts: Vec<ListedHost>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ListedHost {
    /// As a URL spells it: lower case, no final dot, an IPv6 address without brackets.
    host: String,
    /// Any port when absent.
    port: Option<u16>,
}

/// Why a list of allowed destinations cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Looks like a block of addresses but is none, such as `10.0.0.1/8` or `10.0.0.0/40`.
    #[error("`{0}` is not a block of addresses: write its first address and the prefix length, such as `10.0.0.0/8`")]
    Network(String),
    /// The part after the colon is not a port.
    #[error("`{0}` does not end in a port between 1 and 65535")]
    Port(String),
    /// Neither an address, nor a block, nor a host name.
    #[error("`{0}` is neither a block of addresses, nor `host` or `host:port`")]
    Host(String),
}

/// Why a destination is refused. Never says the address: an author must not map our network with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The host is, or resolves to, an address of this kind.
    #[error("the host has {0}")]
    Address(Forbidden),
    /// The name is known to serve credentials of the machine.
    #[error("the host is a cloud metadata service")]
    MetadataName,
    /// A public host on a port that is not listed.
    #[error("the port is not one of 80, 443, 8080 and 8443")]
    Port,
    /// Neither `http` nor `https`.
    #[error("the scheme is neither http nor https")]
    Scheme,
    /// A redirect from `https` to `http`.
    #[error("a redirect leads from https to http")]
    Downgrade,
}

impl EgressPolicy {
    /// Public addresses on the usual ports, nothing else.
    #[must_use]
    pub fn strict() -> Self {
        Self::default()
    }

    /// Allows this machine's loopback addresses on every port, for development.
    #[must_use]
    pub fn with_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// Allows what `list` names, separated by commas; empty entries are skipped.
    ///
    /// - `10.0.0.0/8`, `10.1.2.3`, `fd00::/8`: these addresses on any port, also behind a name;
    /// - `shop.internal`, `shop.internal:9000`, `127.0.0.1:9000`, `[::1]:9000`: this host as the URL
    ///   spells it, whatever a name resolves to.
    ///
    /// Metadata addresses stay forbidden unless an entry is that very address.
    pub fn allowing(mut self, list: &str) -> Result<Self, PolicyError> {
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if let Some((network, prefix)) = entry.split_once('/') {
                let block = network.parse().ok().zip(prefix.parse().ok()).and_then(|(ip, bits)| Cidr::new(ip, bits));
                self.networks.push(block.ok_or_else(|| PolicyError::Network(entry.to_owned()))?);
            } else if let Ok(address) = entry.trim_matches(['[', ']']).parse() {
                self.networks.push(Cidr::single(address));
            } else {
                self.hosts.push(listed_host(entry)?);
            }
        }
        Ok(self)
    }

    /// Whether the host is listed by name for this port.
    pub(super) fn lists(&self, host: &str, port: u16) -> bool {
        let host = normal(host);
        self.hosts.iter().any(|listed| listed.host == host && listed.port.is_none_or(|only| only == port))
    }

    /// Refuses names that serve the machine's credentials.
    pub(super) fn check_name(name: &str, trust: Trust) -> Result<(), Denied> {
        let forbidden = trust != Trust::Listed && METADATA_NAMES.contains(&normal(name).as_str());
        if forbidden { Err(Denied::MetadataName) } else { Ok(()) }
    }

    /// Refuses an address that a host with this `trust` must not lead to.
    pub(super) fn check_address(&self, address: IpAddr, trust: Trust) -> Result<(), Denied> {
        let why = forbidden(address);
        if self.networks.iter().any(|block| block.contains(address) && (block.is_single() || !is_metadata(why))) {
            return Ok(());
        }
        match (why, trust) {
            (Some(Forbidden::Metadata), Trust::Listed | Trust::UsualPort | Trust::OtherPort) => {
                Err(Denied::Address(Forbidden::Metadata))
            }
            (_, Trust::Listed) => Ok(()),
            (Some(Forbidden::Loopback), Trust::UsualPort | Trust::OtherPort) if self.loopback => Ok(()),
            (Some(why), Trust::UsualPort | Trust::OtherPort) => Err(Denied::Address(why)),
            (None, Trust::UsualPort) => Ok(()),
            (None, Trust::OtherPort) => Err(Denied::Port),
        }
    }
}

fn is_metadata(why: Option<Forbidden>) -> bool {
    why == Some(Forbidden::Metadata)
}

fn normal(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.trim_end_matches('.').to_ascii_lowercase()
}

fn listed_host(entry: &str) -> Result<ListedHost, PolicyError> {
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) => {
            let port = port.parse().ok().filter(|port| *port != 0);
            (host, Some(port.ok_or_else(|| PolicyError::Port(entry.to_owned()))?))
        }
        None => (entry, None),
    };
    // What a URL's host may be after parsing, so that an entry can match at all.
    let parsed = reqwest::Url::parse(&format!("http://{host}/")).ok();
    let is_host_alone = parsed.as_ref().is_some_and(|url| {
        url.username().is_empty() && url.password().is_none() && url.path() == "/" && url.port().is_none()
    });
    // A pattern or a blank would be kept by the parser and match nothing.
    let is_plain = normal(host).bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte));
    let same_name = parsed.as_ref().and_then(reqwest::Url::host_str).filter(|parsed| normal(parsed) == normal(host));
    match same_name {
        Some(_) if is_host_alone && is_plain => Ok(ListedHost { host: normal(host), port }),
        _ => Err(PolicyError::Host(entry.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_list_names_blocks_addresses_and_hosts() {
        let policy = EgressPolicy::strict()
            .allowing("10.0.0.0/8, 192.168.1.7,fd00::/8,,Shop.internal.:9000, erp, [::1]:7000, 127.0.0.1:7000")
            .unwrap();
        for address in ["10.1.2.3", "192.168.1.7", "fd12::1"] {
            assert_eq!(policy.check_address(ip(address), Trust::OtherPort), Ok(()), "{address}");
        }
        assert_eq!(policy.check_address(ip("192.168.1.8"), Trust::UsualPort), Err(Denied::Address(Forbidden::Private)));
        assert!(policy.lists("shop.internal", 9000) && !policy.lists("shop.internal", 9001));
        assert!(policy.lists("erp.", 1) && policy.lists("ERP", 65535) && !policy.lists("erp.example", 443));
        assert!(policy.lists("[::1]", 7000) && policy.lists("127.0.0.1", 7000) && !policy.lists("127.0.0.1", 7001));
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_named() {
        let refused = |list: &str| EgressPolicy::strict().allowing(list).unwrap_err();
        assert_eq!(refused("erp, 10.0.0.1/8"), PolicyError::Network("10.0.0.1/8".to_owned()));
        assert_eq!(refused("10.0.0.0/40"), PolicyError::Network("10.0.0.0/40".to_owned()));
        assert_eq!(refused("http://erp/"), PolicyError::Network("http://erp/".to_owned()));
        assert_eq!(refused("erp:http"), PolicyError::Port("erp:http".to_owned()));
        assert_eq!(refused("erp:0"), PolicyError::Port("erp:0".to_owned()));
        assert_eq!(refused("user@erp"), PolicyError::Host("user@erp".to_owned()));
        assert_eq!(refused("e r p"), PolicyError::Host("e r p".to_owned()));
        assert!(refused("*.internal").to_string().contains("`*.internal`"));
    }

    #[test]
    fn metadata_stays_forbidden_in_wide_blocks_and_behind_listed_names() {
        let metadata = ip("169.254.169.254");
        let denied = Err(Denied::Address(Forbidden::Metadata));
        let wide = EgressPolicy::strict().with_loopback().allowing("0.0.0.0/0, 169.254.0.0/16").unwrap();
        assert_eq!(wide.check_address(metadata, Trust::UsualPort), denied);
        assert_eq!(wide.check_address(metadata, Trust::Listed), denied);
        let meant = EgressPolicy::strict().allowing("169.254.169.254").unwrap();
        assert_eq!(meant.check_address(metadata, Trust::UsualPort), Ok(()));
    }

    #[test]
    fn loopback_is_allowed_for_development_only_and_private_networks_not_even_then() {
        let address = ip("127.0.0.1");
        let denied = Err(Denied::Address(Forbidden::Loopback));
        assert_eq!(EgressPolicy::strict().check_address(address, Trust::UsualPort), denied);
        let development = EgressPolicy::strict().with_loopback();
        assert_eq!(development.check_address(address, Trust::OtherPort), Ok(()));
        assert_eq!(development.check_address(ip("::1"), Trust::OtherPort), Ok(()));
        assert_eq!(
            development.check_address(ip("10.0.0.1"), Trust::UsualPort),
            Err(Denied::Address(Forbidden::Private))
        );
    }

    #[test]
    fn a_public_address_is_callable_on_the_usual_ports_alone() {
        let policy = EgressPolicy::strict();
        assert_eq!(policy.check_address(ip("1.1.1.1"), Trust::UsualPort), Ok(()));
        assert_eq!(policy.check_address(ip("1.1.1.1"), Trust::OtherPort), Err(Denied::Port));
        assert_eq!(policy.check_address(ip("1.1.1.1"), Trust::Listed), Ok(()));
    }
}
