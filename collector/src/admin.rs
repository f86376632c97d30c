//! What operators and probes ask: `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::now_unix_ms;
use crate::health::Health;
use crate::log::Log;
use crate::manifests::{Manifests, Namer};
use crate::metrics::Metrics;
use crate::metrics::exposition::{Format, expose};

/// Answers of `/metrics` that are made at once: one of many streams takes memory.
const ANSWERS_MAX: usize = 1;

#[derive(Clone)]
struct Admin {
    log: Log,
    health: Arc<Health>,
    metrics: Metrics,
    manifests: Manifests,
    answers: Arc<Semaphore>,
    end: CancellationToken,
}

/// The routes.
pub fn routes(log: Log, health: Arc<Health>, metrics: Metrics, manifests: Manifests, end: CancellationToken) -> Router {
    let answers = Arc::new(Semaphore::new(ANSWERS_MAX));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(exposed))
        .with_state(Admin { log, health, metrics, manifests, answers, end })
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

async fn exposed(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let accept: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok()).collect();
    let format = Format::of(&accept.join(","));
    let _turn = admin.answers.acquire().await;
    let made = tokio::task::spawn_blocking(move || {
        expose(&admin.health, &admin.metrics, &mut Namer::new(&admin.manifests), format, now_unix_ms())
    });
    match made.await {
        Ok(body) => ([(CONTENT_TYPE, format.content_type())], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
