//! One socket from its upgrade to its close.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Executor;
use axum::extract::ws::{Message, WebSocket};
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream;
use serde_json::{Map, Value};
use service::{Code, Origin, Viewer};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};
use tracing::Instrument;

use super::close::CloseReason;
use super::operations::{Admission, Operations};
use super::outbox::{Outbox, Outgoing};
use super::protocol::{ClientMessage, ServerMessage};
use crate::admit::admit;
use crate::cookies::Cookies;
use crate::credentials;
use crate::errors;
use crate::http::Shared;
use crate::limits::WsLimits;
use crate::operation::Params;
use crate::rates::Account;
use crate::request_id::RequestId;
use crate::runner::{Caller, Reply};
use crate::sockets::Held;
use crate::viewers::AuthError;
use crate::watch::{Ended, Watch};

/// Time for the peer to answer our close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How a session ended.
enum End {
    /// The peer closed, or its connection is gone.
    Gone,
    /// We close.
    Close(CloseReason),
}

type Step = Result<(), End>;

/// What is known of a socket from its upgrade.
pub(super) struct Opened {
    pub headers: HeaderMap,
    pub origin: Origin,
    pub id: RequestId,
    /// Among those of its address.
    pub place: Held,
}

/// Serves the socket until either side closes it.
pub(super) async fn run<E: Executor>(socket: WebSocket, shared: Arc<Shared<E>>, opened: Opened) {
    let Opened { headers, origin, id, place } = opened;
    let connections = metrics::gauge!("sluice_ws_connections");
    connections.increment(1.0);
    let span = tracing::info_span!("ws.session", request.id = %id);
    let limits = shared.config.ws;
    let (outbox, outgoing) = Outbox::new(limits.backlog_bytes);
    let operations = Operations::new(limits.operations);
    let served = Box::pin(std::future::pending());
    let session =
        Session { socket, shared, headers, origin, id, limits, viewer: None, served, place, operations, outbox };
    session.serve(outgoing).instrument(span).await;
    connections.decrement(1.0);
}

struct Session<E> {
    socket: WebSocket,
    shared: Arc<Shared<E>>,
    /// Those of the upgrade.
    headers: HeaderMap,
    origin: Origin,
    id: RequestId,
    limits: WsLimits,
    /// Known once `connection_init` was acknowledged.
    viewer: Option<Viewer>,
    /// Ends when the viewer may be served no more.
    served: BoxFuture<'static, Ended>,
    /// Among those of its address, and once the viewer is known among those of the viewer.
    place: Held,
    operations: Operations,
    outbox: Outbox,
}

impl<E: Executor> Session<E> {
    async fn serve(mut self, outgoing: mpsc::UnboundedReceiver<Outgoing>) {
        let end = self.converse(outgoing).await;
        let Self { mut socket, operations, .. } = self;
        drop(operations);
        match end {
            End::Gone => tracing::debug!("a WebSocket ended"),
            End::Close(reason) => {
                let frame = reason.frame();
                tracing::debug!(ws.close_code = frame.code, ws.close_reason = %frame.reason, "closing a WebSocket");
                metrics::counter!("sluice_ws_closes_total", "code" => frame.code.to_string()).increment(1);
                close(&mut socket, reason).await;
            }
        }
    }

    async fn converse(&mut self, mut outgoing: mpsc::UnboundedReceiver<Outgoing>) -> End {
        let shared = self.shared.clone();
        let mut stopping = std::pin::pin!(shared.shutdown.begun());
        let mut init_deadline = std::pin::pin!(sleep(self.limits.init_timeout));
        let mut life = std::pin::pin!(sleep(self.limits.life));
        let mut pings = pings(self.limits.ping_interval);
        let mut last_heard = Instant::now();
        loop {
            let step = tokio::select! {
                () = &mut stopping => Err(End::Close(CloseReason::GoingAway)),
                () = &mut init_deadline, if self.viewer.is_none() => Err(End::Close(CloseReason::InitTimeout)),
                ended = &mut self.served => Err(End::Close(match ended {
                    Ended::Unauthenticated | Ended::Reduced => CloseReason::Forbidden,
                    Ended::Unknown => CloseReason::TryAgainLater,
                })),
                () = &mut life => Err(End::Close(CloseReason::LifeOver)),
                _ = pings.tick() => self.ping(last_heard).await,
                Some(message) = outgoing.recv() => self.send(Message::text(message.text)).await,
                frame = self.socket.recv() => {
                    last_heard = Instant::now();
                    match frame {
                        Some(Ok(message)) => self.receive(message).await,
                        Some(Err(error)) => {
                            tracing::debug!(%error, "a WebSocket broke off");
                            Err(End::Close(CloseReason::BadMessage("the message cannot be read")))
                        }
                        None => Err(End::Gone),
                    }
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn receive(&mut self, message: Message) -> Step {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return bad("send text messages"),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Gone),
        };
        if text.len() > self.limits.message_bytes {
            return Err(End::Close(CloseReason::MessageTooBig));
        }
        let Ok(message) = serde_json::from_str::<ClientMessage>(&text) else {
            return bad("the message does not follow the protocol");
        };
        match message {
            ClientMessage::ConnectionInit { payload } => self.initialise(payload).await,
            ClientMessage::Ping { payload } => self.send_message(&ServerMessage::Pong { payload }).await,
            ClientMessage::Pong {} => Ok(()),
            ClientMessage::Subscribe { id, payload } => self.subscribe(id, payload).await,
            ClientMessage::Complete { id } => {
                self.operations.cancel(&id);
                Ok(())
            }
        }
    }

    async fn initialise(&mut self, payload: Option<Map<String, Value>>) -> Step {
        if self.viewer.is_some() {
            return Err(End::Close(CloseReason::SecondInit));
        }
        if let Some(credentials) = payload.as_ref().and_then(authorization) {
            self.headers.insert(header::AUTHORIZATION, credentials);
        }
        let admitted = self.shared.viewers.authenticate(&self.headers, &self.origin).await.map_err(|error| {
            End::Close(match error {
                AuthError::Unauthenticated => CloseReason::Forbidden,
                AuthError::Unavailable => CloseReason::TryAgainLater,
            })
        })?;
        // A socket without credentials is of no use: whoever signs in does it over HTTP first.
        let admitted = admitted.ok_or(End::Close(CloseReason::Forbidden))?;
        let place = self.shared.sockets.hold_for(&admitted.viewer, &self.limits);
        self.place = place.ok_or(End::Close(CloseReason::TooManySockets))?;
        // There may be thousands of idle sockets: no more is kept than tells again who this is.
        let kept = credentials::kept(&std::mem::take(&mut self.headers));
        if let Some(watch) = Watch::new(self.shared.viewers.clone(), kept, self.origin.clone(), &admitted) {
            self.served = Box::pin(watch.ended());
        }
        self.viewer = Some(admitted.viewer);
        self.send_message(&ServerMessage::ConnectionAck).await
    }

    async fn subscribe(&mut self, id: String, payload: Params) -> Step {
        let Some(viewer) = self.viewer.clone() else { return Err(End::Close(CloseReason::Unauthorized)) };
        if id.is_empty() || id.len() > self.limits.operation_id_bytes {
            return bad("an operation's id is empty or too long");
        }
        if !payload.has_document() {
            return bad("an operation has no query");
        }
        match self.operations.admission(&id) {
            Admission::Free => {}
            Admission::Duplicate => return Err(End::Close(CloseReason::DuplicateOperation(id))),
            Admission::Full => {
                let message = format!("at most {} operations run on one WebSocket", self.limits.operations);
                let error = errors::server_error(Code::TooLarge, message);
                return self.send_message(&ServerMessage::Error { id: &id, payload: &[error] }).await;
            }
        }
        let account = Account::open(&self.shared.config.rates, Some(&viewer), &self.origin);
        let caller = Caller {
            viewer: Some(viewer),
            origin: self.origin.clone(),
            id: self.id.clone(),
            cookies: Cookies::default(),
            account,
        };
        let replies = match admit(&self.shared, payload, &caller).await {
            Ok(operation) => self.shared.runner.clone().stream(operation, caller),
            // Through the same queue as everything else of an operation, so that order holds.
            Err(error) => stream::iter([Reply::refused(error)]).boxed(),
        };
        self.operations.start(id, replies, self.outbox.clone());
        Ok(())
    }

    async fn ping(&mut self, last_heard: Instant) -> Step {
        if last_heard.elapsed() > self.limits.peer_timeout {
            return Err(End::Gone);
        }
        // A frame, not a message: every WebSocket answers it by itself, browsers too.
        self.send(Message::Ping(Bytes::new())).await
    }

    async fn send_message(&mut self, message: &ServerMessage<'_>) -> Step {
        self.send(Message::text(message.to_json())).await
    }

    /// Sends one frame. Reading pauses meanwhile, so a peer cannot fill us with requests it takes no answers to.
    async fn send(&mut self, message: Message) -> Step {
        match timeout(self.limits.send_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a WebSocket broke off");
                Err(End::Gone)
            }
            Err(_elapsed) => Err(End::Close(CloseReason::SlowConsumer)),
        }
    }
}

fn bad(what: &'static str) -> Step {
    Err(End::Close(CloseReason::BadMessage(what)))
}

fn pings(every: Duration) -> Interval {
    let mut pings = interval_at(Instant::now() + every, every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings
}

/// Browsers cannot set headers of a WebSocket, so credentials may come in the first message.
fn authorization(payload: &Map<String, Value>) -> Option<HeaderValue> {
    let (_, value) = payload.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    HeaderValue::from_str(value.as_str()?).ok()
}

/// Says why, and waits a moment for the peer to agree: what it has not read yet would else be lost.
async fn close(socket: &mut WebSocket, reason: CloseReason) {
    let farewell = async {
        socket.send(Message::Close(Some(reason.frame()))).await?;
        while let Some(frame) = socket.recv().await {
            frame?;
        }
        Ok::<(), axum::Error>(())
    };
    match timeout(CLOSE_TIMEOUT, farewell).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a WebSocket was gone before it could be closed"),
        Err(_elapsed) => tracing::debug!("the peer of a WebSocket did not answer its close"),
    }
}
