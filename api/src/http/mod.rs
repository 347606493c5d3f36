//! The router and what stands before it.

mod accept;
mod answer;
mod body;
mod envelope;
mod graphiql;
mod graphql;
mod health;
mod pages;
mod sse;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Executor;
use axum::Router;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware;
use axum::response::{Redirect, Response};
use axum::routing::{any, get};
use metrics_exporter_prometheus::PrometheusHandle;
use service::Code;
use tower::util::option_layer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::HttpConfig;
use crate::documents::Documents;
use crate::health::Health;
use crate::runner::Runner;
use crate::shutdown::Shutdown;
use crate::viewers::ViewerSource;
use crate::{request_id, ws};

pub(crate) use answer::refusal;

/// What the front door is made of.
pub struct FrontDoor<E> {
    /// The schema.
    pub executor: E,
    /// Parts that `/readyz` asks.
    pub health: Health,
    /// Who sends a request.
    pub viewers: ViewerSource,
    /// Where `/metrics` reads from; without it the route does not exist.
    pub metrics: Option<PrometheusHandle>,
    /// When to stop.
    pub shutdown: Shutdown,
    /// Settings.
    pub config: HttpConfig,
}

/// What handlers share.
pub(crate) struct Shared<E> {
    pub runner: Arc<Runner<E>>,
    pub viewers: ViewerSource,
    pub shutdown: Shutdown,
    /// Checked and parsed documents.
    pub documents: Documents,
    pub config: HttpConfig,
}

/// What the probes need.
pub struct Probes {
    /// Parts that `/readyz` asks.
    pub health: Health,
    /// Where `/metrics` reads from; without it the route does not exist.
    pub metrics: Option<PrometheusHandle>,
    /// After it has begun, the process is not ready.
    pub shutdown: Shutdown,
    /// Time for one part of `/readyz` to answer.
    pub timeout: Duration,
}

/// `/livez`, `/readyz` and `/metrics`, and nothing else: for processes that serve no API.
pub fn probes(probes: Probes) -> Router {
    let has_metrics = probes.metrics.is_some();
    let mut router = Router::new().route("/livez", get(health::livez)).route("/readyz", get(health::readyz));
    if has_metrics {
        router = router.route("/metrics", get(health::metrics));
    }
    router.with_state(Arc::new(probes))
}

/// Every route of the API.
///
/// Serve it with [`crate::serve`], which adds the limits that belong to connections.
pub fn router<E: Executor>(door: FrontDoor<E>) -> Router {
    let FrontDoor { executor, health, viewers, metrics, shutdown, config } = door;
    let runner = Arc::new(Runner::new(executor, config.request_timeout));
    // Without one, nobody across origins gets any answer that a browser would show them.
    let cors = (!config.allowed_origins.is_empty()).then(|| cors(&config));
    let hosts = config.hosts;
    let probes = probes(Probes { health, metrics, shutdown: shutdown.clone(), timeout: config.health_timeout });
    let shared = Arc::new(Shared { runner, viewers, shutdown, documents: Documents::new(config.guard), config });

    Router::new()
        .route("/", get(|| async { Redirect::temporary("/graphql") }))
        .route("/graphql", get(graphiql::page).post(graphql::post::<E>).fallback(method_not_allowed))
        .route("/graphql/assets/{*path}", get(graphiql::asset))
        .route("/graphql/ws", any(ws::upgrade::<E>))
        .route("/docs/problems", get(pages::problems))
        .route("/docs/errors/{code}", get(pages::error))
        .with_state(shared)
        .merge(probes)
        .fallback(nothing_here)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(option_layer(cors))
        .layer(middleware::from_fn_with_state(hosts, envelope::wrap))
}

/// Only configured origins; our own page needs no permission.
fn cors(config: &HttpConfig) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        config.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::ACCEPT, header::AUTHORIZATION, request_id::HEADER])
        .expose_headers([request_id::HEADER])
}

async fn nothing_here() -> Response {
    refusal(StatusCode::NOT_FOUND, Code::NotFound, "there is nothing at this address")
}

async fn method_not_allowed(method: Method) -> Response {
    refusal(StatusCode::METHOD_NOT_ALLOWED, Code::BadRequest, format!("{method} is not accepted at this address"))
}
