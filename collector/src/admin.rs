//! What operators and probes ask: `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::log::Log;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone)]
struct Admin {
    log: Log,
    health: Arc<Health>,
    end: CancellationToken,
}

/// The routes.
pub fn routes(log: Log, health: Arc<Health>, end: CancellationToken) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Admin { log, health, end })
}

/// Ready is who can acknowledge.
async fn ready(State(admin): State<Admin>) -> Response {
    let unavailable = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response();
    match admin.log.error() {
        _ if admin.end.is_cancelled() => unavailable("ending".into()),
        Some(error) => unavailable(error),
        None => "ok\n".into_response(),
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    ([(CONTENT_TYPE, OPEN_METRICS)], admin.health.open_metrics()).into_response()
}
