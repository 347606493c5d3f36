//! A server with a workflow that is called from outside.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use engine::Timestamp;
use http_body_util::BodyExt;
use ids::HookId;
use queue::{Notices, WorkQueue};
use serde_json::{Value, json};
use service::hooks::{self, Rotate, Verification, sign};
use service::rates::{Buckets, Rate, Rates};
use service::sealed::Secret;
use service::workflows::{ImportFile, ImportRequest, Imported};
use service::{Clock, Services, Settings, Viewer};
use sluice_api::graphql::{ServerMode, schema};
use sluice_api::{FrontDoor, Guarded, Health, HttpConfig, Shutdown};
use store::{DatabaseUrl, ExecutionRow, Store, StoreConfig};
use tower::ServiceExt;

const SIGNATURE: &str = "x-signature";

/// Called in every way that there is.
const WORKFLOW: &str = "
workflow_id: called
triggers:
  - { type: webhook, path: open, verify: none }
  - { type: webhook, path: plain, verify: { type: hmac_sha256, header: X-Signature } }
  - { type: webhook, path: standard/orders }
  - type: webhook
    path: read
    method: GET
    verify: none
    input: { q: '{{ query.q }}', agent: '{{ headers[\"user-agent\"] }}', secret: '{{ headers.cookie }}', how: '{{ method }} {{ path }}' }
  - { type: webhook, path: list, verify: none, input: { items: '{{ body }}', first: '{{ body | first }}' } }
input: { type: object, properties: { amount: { type: number } } }
steps:
  - { id: done, type: action, action: { type: allow } }
";

pub struct Desk {
    pub services: Services,
    pub clock: Clock,
    pub owner: Viewer,
    router: Router,
    _folder: tempfile::TempDir,
}

/// What a caller is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub status: StatusCode,
    pub body: Value,
    pub retry_after: Option<String>,
}

impl Told {
    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default())
    }

    /// Status and execution of a call that was taken.
    pub fn taken(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["executionId"].as_str().unwrap_or_default())
    }
}

/// A call on its way.
pub struct Sent {
    pub method: Method,
    pub address: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Sent {
    pub fn new(address: &str, body: &str) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { method: Method::POST, address: address.to_owned(), headers, body: body.as_bytes().to_vec() }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn at(self, address: &str) -> Self {
        Self { address: address.to_owned(), ..self }
    }
}

impl Desk {
    pub async fn new() -> Self {
        Self::with_rates(Rates::off()).await
    }

    /// With room for `calls` of a hook, and `points` of strangers, in an hour.
    pub async fn with_limits(calls: u32, points: u32) -> Self {
        let rate = |points| Some(Rate { points, period: std::time::Duration::from_hours(1) });
        Self::with_rates(Rates::new(Buckets::memory(), None, rate(points)).with_hooks(rate(calls))).await
    }

    async fn with_rates(rates: Rates) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        let clock = Clock::fake(Timestamp(1_790_000_000_000));
        let settings = Settings { max_payload_bytes: 4_096, ..Settings::default() };
        let services =
            Services::new(store, WorkQueue::memory(), Notices::memory(), clock.clone(), settings).await.unwrap();
        let router = sluice_api::router(FrontDoor {
            executor: schema(services.clone(), ServerMode::Embedded),
            health: Health::default(),
            viewers: Arc::new(Guarded::open_to(services.clone(), services.default_organization())),
            metrics: None,
            single_sign_on: None,
            inbound: Some(services.clone()),
            shutdown: Shutdown::new(),
            config: HttpConfig { rates, ..HttpConfig::default() },
        });
        let owner = Viewer::owner(services.default_organization());
        let desk = Self { services, clock, owner, router, _folder: folder };
        let imported = desk.publish(WORKFLOW).await.unwrap();
        assert!(imported.problems.is_empty(), "{:?}", imported.problems);
        desk
    }

    pub async fn publish(&self, definition: &str) -> Result<Imported, service::ServiceError> {
        let file = ImportFile { path: "called.yaml".to_owned(), content: definition.to_owned() };
        let request = ImportRequest { files: vec![file], publish: true, dry_run: false };
        Ok(service::workflows::import(&self.services, &self.owner, request).await?.remove(0))
    }

    /// The id of the hook at `path`.
    pub async fn hook(&self, path: &str, method: &str) -> HookId {
        self.services.store().hook_at(self.owner.organization, path, method).await.unwrap().unwrap().id
    }

    /// Gives a hook a secret, `given` or a new one.
    pub async fn rotate(&self, path: &str, given: Option<&str>, overlap: std::time::Duration) -> Secret {
        let hook = self.hook(path, "POST").await;
        let rotate = Rotate { hook, secret: given.map(Secret::new), overlap };
        let rotated = hooks::rotate(&self.services, &self.owner, rotate).await.unwrap();
        assert_eq!(rotated.secret.is_some(), given.is_none(), "what was made elsewhere is not repeated");
        rotated.secret.or_else(|| given.map(Secret::new)).unwrap()
    }

    /// A call as its sender signs it.
    pub fn signed(&self, verification: Verification, secret: &Secret, id: &str, body: &str) -> Sent {
        let address = if verification == Verification::HmacSha256 {
            "/hooks/default/plain"
        } else {
            "/hooks/default/standard/orders"
        };
        let now = self.services.now();
        let headers = sign(verification, SIGNATURE, secret, (id, now), body.as_bytes()).unwrap();
        headers.into_iter().fold(Sent::new(address, body), |sent, (name, value)| sent.with(&name, &value))
    }

    pub async fn send(&self, sent: Sent) -> Told {
        let mut request = Request::builder().method(sent.method).uri(sent.address);
        for (name, value) in sent.headers {
            request = request.header(name, value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(sent.body)).unwrap()).await.unwrap();
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Told { status, body: serde_json::from_slice(&bytes).unwrap_or(json!(null)), retry_after }
    }

    pub async fn execution(&self, id: &str) -> ExecutionRow {
        self.services.store().execution(self.owner.organization, id.parse().unwrap()).await.unwrap().unwrap()
    }

    /// How many executions there are.
    pub async fn executions(&self) -> u64 {
        let everything = store::ExecutionFilter::default();
        self.services.store().count_executions(self.owner.organization, &everything).await.unwrap().0
    }
}
