//! A door in memory, a door on a port, and clients for both.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use futures::future::BoxFuture;
use futures::{FutureExt, SinkExt, StreamExt};
use http_body_util::BodyExt;
use ids::uuid::Uuid;
use ids::{ApiKeyId, OrganizationId, SessionId, UserId};
use serde_json::{Value, json};
use service::viewer::Credential;
use service::{Origin, Viewer};
use sluice_api::{
    Admitted, AuthError, Authenticate, FrontDoor, Health, HostCheck, HttpConfig, OwnerOf, ServerLimits, Shutdown,
    ViewerSource,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tower::ServiceExt;

use crate::front_door::schema::{Probe, schema};

/// Nothing in these tests takes this long unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Door {
    pub router: Router,
    pub probe: Arc<Probe>,
    pub shutdown: Shutdown,
    pub organization: OrganizationId,
}

pub fn config() -> HttpConfig {
    HttpConfig { graphiql: true, tells_parts: true, ..HttpConfig::default() }
}

pub fn door() -> Door {
    door_with(config(), Health::default())
}

pub fn door_with(config: HttpConfig, health: Health) -> Door {
    let organization = OrganizationId::new();
    door_for(config, health, Arc::new(OwnerOf(organization)), organization)
}

pub fn door_for(config: HttpConfig, health: Health, viewers: ViewerSource, organization: OrganizationId) -> Door {
    let probe = Arc::new(Probe::default());
    let shutdown = Shutdown::new();
    let router = sluice_api::router(FrontDoor {
        executor: schema(probe.clone()),
        health,
        viewers,
        metrics: None,
        single_sign_on: None,
        inbound: None,
        shutdown: shutdown.clone(),
        config,
    });
    Door { router, probe, shutdown, organization }
}

/// Lets in only those who say `Bearer open`.
struct Password;

impl Authenticate for Password {
    fn authenticate<'a>(
        &'a self,
        headers: &'a HeaderMap,
        _origin: &'a Origin,
    ) -> BoxFuture<'a, Result<Option<Admitted>, AuthError>> {
        let is_known = headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Bearer open");
        let owner = || Some(Viewer::owner(OrganizationId::new()).into());
        let answer = if is_known { Ok(owner()) } else { Err(AuthError::Unauthenticated) };
        futures::future::ready(answer).boxed()
    }
}

/// Knows `Bearer USER` as a person of one organization, `Bearer key-…` as a key, and everybody else as a stranger.
pub struct People(pub OrganizationId);

impl Authenticate for People {
    fn authenticate<'a>(
        &'a self,
        headers: &'a HeaderMap,
        origin: &'a Origin,
    ) -> BoxFuture<'a, Result<Option<Admitted>, AuthError>> {
        let name = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let answer = match name {
            None => Ok(None),
            Some("wrong") => Err(AuthError::Unauthenticated),
            Some(name) => {
                let number = name.bytes().fold(7, |sum: u128, byte| sum * 257 + u128::from(byte));
                let user = UserId::from_uuid(Uuid::from_u128(number));
                let credential = if name.starts_with("key-") {
                    Credential::ApiKey { key: ApiKeyId::from_uuid(Uuid::from_u128(number)), on_behalf_of: user }
                } else {
                    Credential::Session { user, session: SessionId::new() }
                };
                // Those of the stranger's organization say so.
                let organization =
                    if name.starts_with("other-") { OrganizationId::from_uuid(Uuid::from_u128(9)) } else { self.0 };
                let viewer = Viewer { credential, origin: origin.clone(), ..Viewer::owner(organization) };
                Ok(Some(viewer.into()))
            }
        };
        futures::future::ready(answer).boxed()
    }
}

/// A door that tells people from strangers.
pub fn peopled_door(config: HttpConfig) -> Door {
    let organization = OrganizationId::new();
    door_for(config, Health::default(), Arc::new(People(organization)), organization)
}

/// A request as somebody, or as a stranger.
pub fn post_as(name: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let mut request = post(body);
    if let Some(name) = name {
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {name}").parse().unwrap());
    }
    request
}

pub fn guarded_door() -> Door {
    door_for(config(), Health::default(), Arc::new(Password), OrganizationId::new())
}

pub fn loopback_door() -> Door {
    door_with(HttpConfig { hosts: HostCheck::Loopback, ..config() }, Health::default())
}

impl Door {
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = within(self.router.clone().oneshot(request)).await.unwrap();
        Answer::read(response).await
    }

    /// A plain `POST /graphql` of this body.
    pub async fn post(&self, body: impl Into<Body>) -> Answer {
        self.send(post(body)).await
    }

    pub async fn query(&self, query: &str) -> Answer {
        self.post(json!({ "query": query }).to_string()).await
    }

    pub async fn serve(self) -> Server {
        self.serve_with(ServerLimits::default()).await
    }

    pub async fn serve_with(self, limits: ServerLimits) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serving = sluice_api::serve(listener, self.router.clone(), limits, self.shutdown.clone(), PATIENCE);
        let ended = tokio::spawn(serving);
        Server { address, door: self, ended }
    }
}

pub fn post(body: impl Into<Body>) -> Request<Body> {
    Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap()
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = within(body.collect()).await.unwrap().to_bytes();
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The same, and nothing when there is no error.
    pub fn code_or_none(&self) -> String {
        if self.json()["errors"].is_array() { self.code() } else { String::new() }
    }

    /// Code of the first error.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A door on a port. Dropped without `stop`, it ends with the test's runtime.
pub struct Server {
    pub address: String,
    pub door: Door,
    ended: tokio::task::JoinHandle<bool>,
}

impl Server {
    /// Begins the shutdown and waits; true if everything ended by itself.
    pub async fn stop(self) -> bool {
        self.door.shutdown.begin();
        within(self.ended).await.unwrap()
    }

    pub async fn tcp(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// A socket that speaks the right protocol.
    pub async fn connect(&self) -> Socket {
        self.open(&[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap()
    }

    /// A socket that is past `connection_ack`.
    pub async fn ready(&self) -> Socket {
        let mut socket = self.connect().await;
        socket.send(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.message().await, json!({ "type": "connection_ack" }));
        socket
    }

    /// Tries to open a socket; the status if it was refused.
    pub async fn open(&self, headers: &[(&'static str, &str)]) -> Result<Socket, StatusCode> {
        let mut request = format!("ws://{}/graphql/ws", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match within(connect_async(request)).await {
            Ok((stream, _)) => Ok(Socket { stream }),
            Err(tungstenite::Error::Http(response)) => Err(response.status()),
            Err(error) => panic!("{error}"),
        }
    }
}

pub struct Socket {
    pub stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    pub async fn send(&mut self, message: Value) {
        self.send_raw(Message::text(message.to_string())).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        within(self.stream.send(message)).await.unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, query: &str) {
        self.send(json!({ "type": "subscribe", "id": id, "payload": { "query": query } })).await;
    }

    /// The next protocol message.
    pub async fn message(&mut self) -> Value {
        match self.frame().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// The next frame that is neither ping nor pong.
    pub async fn frame(&mut self) -> Message {
        loop {
            match within(self.stream.next()).await.expect("the socket is open").unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                other => return other,
            }
        }
    }

    /// Reads until the server closes; its code and reason.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.frame().await {
                let frame = frame.expect("a close frame with a code");
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("this does not take so long")
}
