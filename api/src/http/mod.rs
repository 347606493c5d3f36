//! The router and what stands before it.

mod accept;
mod answer;
mod body;
mod envelope;
mod events;
mod graphiql;
mod graphql;
mod health;
mod hooks;
mod oidc;
mod pages;
mod routes;
mod sse;
mod told;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Executor;
use axum::Router;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware;
use axum::response::Response;
use metrics_exporter_prometheus::PrometheusHandle;
use service::identity::oidc::SingleSignOn;
use service::{Code, Services};
use tower::util::option_layer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::HttpConfig;
use crate::credentials::WANTS_COOKIES;
use crate::documents::Documents;
use crate::health::Health;
use crate::limits::GuardLimits;
use crate::runner::Runner;
use crate::shutdown::Shutdown;
use crate::sockets::Sockets;
use crate::viewers::ViewerSource;
use crate::{rates, request_id};

pub(crate) use answer::refusal;
pub use routes::{Access, routes};

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
    /// Sign-in with identity providers; without it the routes do not exist.
    pub single_sign_on: Option<SingleSignOn>,
    /// What hooks and CloudEvents start executions with; without it their routes do not exist.
    pub inbound: Option<Services>,
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
    /// The same within smaller limits, so that nobody's documents push out those of somebody.
    pub documents_of_strangers: Documents,
    /// WebSockets and streams by their callers.
    pub sockets: Sockets,
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
    /// Whether `/readyz` names the parts that it asks: where operators alone can read it.
    pub tells_parts: bool,
}

/// `/livez`, `/readyz` and `/metrics`, and nothing else: for processes that serve no API.
pub fn probes(probes: Probes) -> Router {
    let routes = routes::probes(probes.metrics.is_some());
    routes
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.methods))
        .with_state(Arc::new(probes))
}

/// Every route of the API.
///
/// Serve it with [`crate::serve`], which adds the limits that belong to connections.
pub fn router<E: Executor>(door: FrontDoor<E>) -> Router {
    let FrontDoor { executor, health, viewers, metrics, single_sign_on, inbound, shutdown, config } = door;
    let runner = Arc::new(Runner::new(executor, config.request_timeout));
    // Without one, nobody across origins gets any answer that a browser would show them.
    let cors = (!config.allowed_origins.is_empty()).then(|| cors(&config));
    let rules = envelope::Rules::of(&config);
    let probes = probes(Probes {
        health,
        metrics,
        shutdown: shutdown.clone(),
        timeout: config.health_timeout,
        tells_parts: config.tells_parts,
    });
    let has_page = config.graphiql;
    let single_sign_on = single_sign_on.map(|single_sign_on| {
        let desk = oidc::Desk::new(single_sign_on, Arc::clone(&viewers), config.proxies.clone());
        let routes = routes::single_sign_on().into_iter();
        routes.fold(Router::new(), |router, route| router.route(route.path, route.methods)).with_state(desk)
    });
    let inbound = inbound.map(|services| {
        let desk = events::Desk::new(services.clone(), Arc::clone(&viewers), &config);
        let routes = routes::events().into_iter();
        let events: Router =
            routes.fold(Router::new(), |router, route| router.route(route.path, route.methods)).with_state(desk);
        let desk = hooks::Desk::new(services, &config);
        let routes = routes::hooks().into_iter();
        events
            .merge(routes.fold(Router::new(), |router, route| router.route(route.path, route.methods)).with_state(desk))
    });
    let shared = Arc::new(Shared {
        runner,
        viewers,
        shutdown,
        documents: Documents::new(config.guard),
        documents_of_strangers: Documents::new(config.guard.within(GuardLimits::ANONYMOUS)),
        sockets: Sockets::default(),
        config,
    });

    routes::table::<E>(has_page)
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.methods))
        .with_state(shared)
        .merge(probes)
        .merge(single_sign_on.unwrap_or_default())
        .merge(inbound.unwrap_or_default())
        .fallback(nothing_here)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(option_layer(cors))
        .layer(middleware::from_fn_with_state(rules, envelope::wrap))
}

/// Only configured origins; our own page needs no permission.
fn cors(config: &HttpConfig) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        config.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::ACCEPT, header::AUTHORIZATION, WANTS_COOKIES, request_id::HEADER])
        .expose_headers([request_id::HEADER, rates::RATE_LIMIT, rates::RATE_LIMIT_POLICY, header::RETRY_AFTER])
}

async fn nothing_here() -> Response {
    refusal(StatusCode::NOT_FOUND, Code::NotFound, "there is nothing at this address")
}

async fn method_not_allowed(method: Method) -> Response {
    refusal(StatusCode::METHOD_NOT_ALLOWED, Code::BadRequest, format!("{method} is not accepted at this address"))
}
