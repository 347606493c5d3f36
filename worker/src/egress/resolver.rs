//! Name resolution that answers with checked addresses only.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::EgressPolicy;
use super::target::Trust;

/// Where names are looked up.
pub trait Lookup: Debug + Send + Sync {
    /// The addresses of `name`; the caller checks them.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) }.boxed()
    }
}

/// The name server did not answer, or has no address for the name.
#[derive(Debug, thiserror::Error)]
#[error("the host name cannot be resolved")]
pub(crate) struct LookupFailed(#[source] Option<io::Error>);

/// Resolves names for hosts of one [`Trust`] and refuses a name with any forbidden address.
///
/// One forbidden answer among public ones refuses the name as a whole: it is misconfigured or an
/// attempt to reach the forbidden one by retrying.
#[derive(Debug, Clone)]
pub struct GuardedResolver {
    lookup: Arc<dyn Lookup>,
    policy: Arc<EgressPolicy>,
    trust: Trust,
}

impl GuardedResolver {
    /// A resolver for hosts of this `trust`.
    #[must_use]
    pub fn new(lookup: Arc<dyn Lookup>, policy: Arc<EgressPolicy>, trust: Trust) -> Self {
        Self { lookup, policy, trust }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let looked_up = self.lookup.lookup(name.as_str().to_owned());
        let (policy, trust) = (Arc::clone(&self.policy), self.trust);
        async move {
            let addresses = looked_up.await.map_err(|problem| LookupFailed(Some(problem)))?;
            if addresses.is_empty() {
                return Err(LookupFailed(None).into());
            }
            for address in &addresses {
                policy.check_address(*address, trust)?;
            }
            // Port 0: the client puts the URL's port in.
            let checked: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(checked)
        }
        .boxed()
    }
}
