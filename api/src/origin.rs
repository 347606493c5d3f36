//! Where a request came from.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, header};
use service::Origin;
use service::audit::Trail;

use crate::proxies::TrustedProxies;
use crate::request_id::RequestId;

/// Longest name of a client that is kept, in characters.
const MAX_USER_AGENT: usize = 256;

/// The origin of a request with these headers; its connection and id are among its extensions.
pub(crate) fn of(proxies: &TrustedProxies, headers: &HeaderMap, extensions: &Extensions) -> Origin {
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Origin {
        address: extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| proxies.address_of(peer.0.ip(), headers)),
        user_agent: user_agent.map(|name| name.chars().take(MAX_USER_AGENT).collect()),
        request_id: extensions.get::<RequestId>().map(ToString::to_string).unwrap_or_default(),
        trail: Trail::default(),
    }
}
