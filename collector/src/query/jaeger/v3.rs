//! `/api/v3`: names, and traces as OTLP/JSON.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use serde::Serialize;
use serde_json::json;

use super::adjust::adjust;
use super::parameters::{Parameters, trace_id};
use crate::query::{Ask, Asked, Finder, Search};

/// The routes.
pub fn routes() -> Router<Ask> {
    Router::new()
        .route("/api/v3/services", get(services))
        .route("/api/v3/operations", get(operations))
        .route("/api/v3/traces", get(search))
        .route("/api/v3/traces/{id}", get(trace))
}

#[derive(Serialize)]
struct Services {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    services: BTreeSet<String>,
}

async fn services(State(ask): State<Ask>) -> Response {
    match ask.ask(|finder| finder.ask(|snapshot| snapshot.services())).await {
        Ok(services) => super::json(StatusCode::OK, &Services { services }, false),
        Err(asked) => no(asked.status(), &asked.to_string()),
    }
}

#[derive(Serialize)]
struct Operations {
    operations: Vec<Operation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    span_kind: &'static str,
}

async fn operations(State(ask): State<Ask>, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::new(query.as_deref());
    let (service, wanted) = (parameters.get("service").to_owned(), parameters.get("span_kind").to_owned());
    match super::operations(&ask, service, &wanted).await {
        Ok(found) => {
            let operations = found.into_iter().map(|(name, span_kind)| Operation { name, span_kind }).collect();
            super::json(StatusCode::OK, &Operations { operations }, false)
        }
        Err(asked) => no(asked.status(), &asked.to_string()),
    }
}

async fn search(State(ask): State<Ask>, RawQuery(query): RawQuery) -> Response {
    match Parameters::new(query.as_deref()).search_v3() {
        Ok(search) => traces(ask.ask(move |finder| all(finder, &search)).await),
        Err(message) => no(StatusCode::BAD_REQUEST, &message),
    }
}

fn all(finder: &mut Finder<'_>, search: &Search) -> Result<Vec<ResourceSpans>, crate::query::QueryError> {
    Ok(finder.search(search)?.into_iter().flat_map(adjust).collect())
}

async fn trace(State(ask): State<Ask>, Path(id): Path<String>) -> Response {
    match trace_id(&id) {
        Ok(id) => traces(ask.ask(move |finder| Ok(finder.trace(id)?.map(adjust).unwrap_or_default())).await),
        Err(message) => no(StatusCode::BAD_REQUEST, &format!("malformed parameter trace_id: {message}")),
    }
}

#[derive(Serialize)]
struct Traces {
    result: TracesData,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TracesData {
    resource_spans: Vec<ResourceSpans>,
}

fn traces(found: Result<Vec<ResourceSpans>, Asked>) -> Response {
    match found {
        Ok(resource_spans) if resource_spans.is_empty() => no(StatusCode::NOT_FOUND, "No traces found"),
        Ok(resource_spans) => super::json(StatusCode::OK, &Traces { result: TracesData { resource_spans } }, false),
        Err(asked) => no(asked.status(), &asked.to_string()),
    }
}

/// A no, as Jaeger says it: JSON that calls itself text.
fn no(status: StatusCode, message: &str) -> Response {
    let error = json!({ "error": { "httpCode": status.as_u16(), "message": message } });
    (status, format!("{error}\n")).into_response()
}
