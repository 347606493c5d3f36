//! Serves the router: the limits that belong to connections, and an orderly end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use crate::shutdown::Shutdown;

/// Limits of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at once, WebSockets among them. Further ones wait to be accepted.
    pub connections: usize,
    /// Time for the head of a request to arrive.
    pub header_timeout: Duration,
    /// Headers of one request.
    pub headers: usize,
    /// Length of the head of one request in bytes.
    pub header_bytes: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { connections: 16_384, header_timeout: Duration::from_secs(10), headers: 100, header_bytes: 16 * 1024 }
    }
}

/// Held by a connection, and by the WebSocket that it may become.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "it is held to be dropped")]
pub(crate) struct ConnectionSlot(Arc<OwnedSemaphorePermit>);

/// Pause after a failed accept: usually no descriptor is free, and one may be soon.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` begins, then lets running requests finish within `grace`.
///
/// Returns whether everything ended by itself; what did not is cut when the process ends.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ServerLimits,
    shutdown: Shutdown,
    grace: Duration,
) -> bool {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let accepting = async {
        loop {
            let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let connection = connection(stream, peer, slot, router.clone(), limits, shutdown.clone());
                    shutdown.tasks().spawn(connection);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection, will try again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown.begun() => {}
    }
    drop(listener);
    shutdown.finished(grace).await
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    slot: OwnedSemaphorePermit,
    router: Router,
    limits: ServerLimits,
    shutdown: Shutdown,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch off the delay of small packets");
    }
    let slot = ConnectionSlot(Arc::new(slot));
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(slot.clone());
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    // HTTP/1 only: a proxy in front speaks it, and it leaves out what HTTP/2 adds to attack.
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_headers(limits.headers)
            .max_buf_size(limits.header_bytes)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.begun() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
