//! `/livez`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Probes;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The process runs and answers. It asks nothing else: a database that is away is no reason to restart us.
pub(super) async fn livez() -> Response {
    ([(header::CONTENT_TYPE, JSON)], "{\"status\": \"alive\"}\n").into_response()
}

/// Every part answers, and the process is not about to stop.
pub(super) async fn readyz(State(probes): State<Arc<Probes>>) -> Response {
    let report = probes.health.report(probes.timeout, &probes.shutdown).await;
    let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, JSON)], report.to_json(probes.tells_parts)).into_response()
}

/// All metrics in Prometheus' text format.
pub(super) async fn metrics(State(probes): State<Arc<Probes>>) -> Response {
    let text = probes.metrics.as_ref().map(metrics_exporter_prometheus::PrometheusHandle::render).unwrap_or_default();
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}
