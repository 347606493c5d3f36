//! Operations over a WebSocket, protocol `graphql-transport-ws`.
//!
//! The library's own loop lacks limits and most close codes, so this one is ours: a [`session`] per
//! socket reads and writes, each operation is a task of its own that puts its messages into the
//! [`outbox`], which holds a bounded number of bytes.

mod close;
mod operations;
mod outbox;
mod protocol;
mod session;

use std::net::SocketAddr;
use std::sync::Arc;

use async_graphql::Executor;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Extension, State, WebSocketUpgrade};
use axum::http::{Extensions, HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use service::Code;

use crate::config::admits_origin;
use crate::http::{Shared, refusal};
use crate::origin;
use crate::request_id::RequestId;
use crate::server::ConnectionSlot;

use self::session::Opened;

/// The only protocol spoken here. `graphql-ws`, its predecessor with the confusing name, is not.
const PROTOCOL: &str = "graphql-transport-ws";

/// Takes over a connection, if its page and protocol are right.
pub(crate) async fn upgrade<E: Executor>(
    State(shared): State<Arc<Shared<E>>>,
    Extension(id): Extension<RequestId>,
    slot: Option<Extension<ConnectionSlot>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.protocols([PROTOCOL]),
        Err(rejection) => {
            let status = rejection.into_response().status();
            return refusal(status, Code::BadRequest, "this address takes WebSocket connections only");
        }
    };
    // A socket is exempt from the browser's same-origin rule: any page may open one.
    if !admits_origin(&shared.config, &uri, &headers) {
        return refusal(StatusCode::FORBIDDEN, Code::Forbidden, "pages of this origin may not use the API");
    }
    if upgrade.selected_protocol().is_none() {
        let message = format!("ask for the WebSocket protocol `{PROTOCOL}`");
        return refusal(StatusCode::BAD_REQUEST, Code::BadRequest, message);
    }
    let mut known = Extensions::new();
    known.insert(id.clone());
    if let Some(Extension(peer)) = peer {
        known.insert(peer);
    }
    let origin = origin::of(&shared.config.proxies, &headers, &known);
    let limits = shared.config.ws;
    let Some(place) = shared.sockets.wait(&origin, &limits) else {
        let message = "too many WebSockets of this address wait for `connection_init`";
        return refusal(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, message);
    };
    let task = shared.shutdown.tasks().token();
    upgrade
        // 128 KiB by default, which is most of what an idle socket costs.
        .read_buffer_size(4096)
        .write_buffer_size(0)
        // A message somewhat over the limit is closed with the right code; one far over it is not even read.
        .max_message_size(2 * limits.message_bytes)
        .max_frame_size(2 * limits.message_bytes)
        .on_upgrade(move |socket| async move {
            session::run(socket, shared, Opened { headers, origin, id, place }).await;
            drop((slot, task));
        })
}
