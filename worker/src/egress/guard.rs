//! Connections that are not HTTP: to databases that an organization has set up.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpStream;

use super::policy::{Denied, EgressPolicy};
use super::resolver::Lookup;
use super::target::Trust;

/// Connects to hosts that the policy admits, at the very addresses that it checked.
#[derive(Debug, Clone)]
pub struct Guard {
    policy: Arc<EgressPolicy>,
    lookup: Arc<dyn Lookup>,
}

/// Why there is no connection. Never says an address: an author must not map our network with it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The policy forbids the destination.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A public host on another port than its protocol's.
    #[error("the port is not {usual}, and the host is not listed")]
    Port {
        /// The port of the protocol.
        usual: u16,
    },
    /// The name server did not answer, or has no address for the name.
    #[error("the host name cannot be resolved")]
    Unresolved(#[source] Option<io::Error>),
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// No address answered.
    #[error("no connection could be made")]
    Failed(#[source] io::Error),
}

impl Guard {
    /// A guard with this policy and source of addresses.
    #[must_use]
    pub fn new(policy: Arc<EgressPolicy>, lookup: Arc<dyn Lookup>) -> Self {
        Self { policy, lookup }
    }

    /// Connects to a host. `usual` is the port of the protocol, on which every public host may be called.
    ///
    /// # Errors
    /// When the policy forbids it, the name has no address, or nobody answers.
    pub async fn connect(&self, host: &str, port: u16, usual: u16) -> Result<TcpStream, ConnectError> {
        let mut last = None;
        for address in self.admitted(host, port, usual).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // A request and its answer are small and wait for each other.
                    stream.set_nodelay(true).map_err(ConnectError::Failed)?;
                    return Ok(stream);
                }
                Err(problem) => last = Some(problem),
            }
        }
        Err(match last {
            Some(problem) if problem.kind() == io::ErrorKind::ConnectionRefused => ConnectError::Refused,
            Some(problem) => ConnectError::Failed(problem),
            None => ConnectError::Unresolved(None),
        })
    }

    /// The addresses of a host, each of them checked; one forbidden address refuses the host as a whole.
    async fn admitted(&self, host: &str, port: u16, usual: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        let trust = if self.policy.lists(host, port) {
            Trust::Listed
        } else if port == usual {
            Trust::UsualPort
        } else {
            Trust::OtherPort
        };
        EgressPolicy::check_name(host, trust)?;
        let addresses = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_name) => {
                let looked_up = self.lookup.lookup(host.to_owned()).await;
                looked_up.map_err(|problem| ConnectError::Unresolved(Some(problem)))?
            }
        };
        for address in &addresses {
            self.policy.check_address(*address, trust).map_err(|denied| match denied {
                Denied::Port => ConnectError::Port { usual },
                other => ConnectError::Denied(other),
            })?;
        }
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{BoxFuture, FutureExt};

    use super::*;
    use crate::egress::Forbidden;

    #[derive(Debug)]
    struct Answers(Vec<&'static str>);

    impl Lookup for Answers {
        fn lookup(&self, _name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            let addresses = self.0.iter().map(|text| text.parse().unwrap()).collect();
            async move { Ok(addresses) }.boxed()
        }
    }

    fn guard(policy: EgressPolicy, answers: &[&'static str]) -> Guard {
        Guard::new(Arc::new(policy), Arc::new(Answers(answers.to_vec())))
    }

    #[tokio::test]
    async fn one_forbidden_address_refuses_a_name_as_a_whole() {
        let guard = guard(EgressPolicy::strict(), &["1.1.1.1", "10.0.0.1"]);
        let refused = guard.admitted("db.example.com", 5432, 5432).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Denied(Denied::Address(Forbidden::Private))), "{refused:?}");
    }

    #[tokio::test]
    async fn a_public_host_is_reached_on_the_port_of_its_protocol_alone() {
        let strict = guard(EgressPolicy::strict(), &["1.1.1.1"]);
        assert_eq!(
            strict.admitted("db.example.com", 5432, 5432).await.unwrap(),
            [SocketAddr::from(([1, 1, 1, 1], 5432))]
        );
        let refused = strict.admitted("db.example.com", 22, 5432).await.unwrap_err();
        assert_eq!(refused.to_string(), "the port is not 5432, and the host is not listed");
        let listed = guard(EgressPolicy::strict().allowing("db.example.com:6000").unwrap(), &["10.0.0.1"]);
        assert!(listed.admitted("db.example.com", 6000, 5432).await.is_ok());
    }

    #[tokio::test]
    async fn an_address_in_the_place_of_a_name_is_checked_too() {
        let guard = guard(EgressPolicy::strict(), &[]);
        for host in ["127.0.0.1", "[::1]", "169.254.169.254"] {
            let refused = guard.connect(host, 5432, 5432).await.unwrap_err();
            assert!(matches!(refused, ConnectError::Denied(Denied::Address(_))), "{host}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_goes_to_the_address_that_was_checked() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let guard = guard(EgressPolicy::strict().with_loopback(), &["127.0.0.1"]);
        let stream = guard.connect("db.example.com", port, 5432).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap().port(), port);
        drop(listener);
        let refused = guard.connect("db.example.com", port, 5432).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Refused), "{refused:?}");
    }
}
