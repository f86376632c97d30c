//! Manifests: which there are, and each as it came.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::Ask;
use super::profiles::{Answer, json, no};
use crate::manifests::Entry;
use crate::manifests::check::{Unusable, build_id};

/// The routes.
pub fn routes() -> Router<Ask> {
    Router::new().route("/api/manifests", get(list)).route("/api/manifests/{build}", get(one))
}

/// A manifest of the list. Times are in ms since 1970.
#[derive(Serialize)]
struct Listed {
    build: String,
    module: String,
    functions: u64,
    bytes: u64,
    pushed: u64,
    /// When telemetry of its build last came or was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u64>,
}

async fn list(State(ask): State<Ask>) -> Response {
    let data: Vec<_> = ask.manifests.list().into_iter().map(Listed::from).collect();
    json(Ok(Answer { data, error: None }))
}

async fn one(State(ask): State<Ask>, Path(build): Path<String>) -> Response {
    let Some(build) = build_id(&build) else {
        return no(StatusCode::BAD_REQUEST, Unusable::NoBuildId.to_string());
    };
    let manifests = ask.manifests.clone();
    match tokio::task::spawn_blocking(move || manifests.bytes(build)).await {
        Ok(Ok(Some(bytes))) => ([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        Ok(Ok(None)) => no(StatusCode::NOT_FOUND, "no manifest of that build is here".into()),
        Ok(Err(error)) => no(StatusCode::INTERNAL_SERVER_ERROR, format!("it cannot be read: {error}")),
        Err(_) => no(StatusCode::SERVICE_UNAVAILABLE, "the collector is ending".into()),
    }
}

impl From<Entry> for Listed {
    fn from(entry: Entry) -> Listed {
        let Entry { build, module, functions, bytes, pushed_unix_ms, used_unix_ms } = entry;
        let used = Some(used_unix_ms).filter(|used| *used > 0);
        Listed { build: build.hex(), module, functions, bytes, pushed: pushed_unix_ms, used }
    }
}
