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
use super::{SPENT, hex};
use crate::query::summary::{Count, Summary, summarise};
use crate::query::{Ask, Asked, Finder, Search};

/// The routes.
pub fn routes() -> Router<Ask> {
    Router::new()
        .route("/api/v3/services", get(services))
        .route("/api/v3/operations", get(operations))
        .route("/api/v3/traces", get(search))
        .route("/api/v3/traces/{id}", get(trace))
        .route("/api/v3/trace-summaries", get(summaries))
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
    let kind = parameters.given(&["spanKind", "span_kind"]);
    let (service, wanted) = (parameters.get("service").to_owned(), parameters.get(kind).to_owned());
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summaries {
    summaries: Vec<TraceSummary>,
    #[serde(skip_serializing_if = "String::is_empty")]
    next_page_token: String,
    /// What was left out. Jaeger has no such field, and would say nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
}

/// A trace in a line. Times are texts: JavaScript would round them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceSummary {
    trace_id: String,
    root_service_name: String,
    root_operation_name: String,
    min_start_time_unix_nano: String,
    max_end_time_unix_nano: String,
    span_count: usize,
    error_span_count: usize,
    orphan_span_count: usize,
    services: Vec<ServiceSummary>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceSummary {
    name: String,
    span_count: usize,
    error_span_count: usize,
}

async fn summaries(State(ask): State<Ask>, RawQuery(query): RawQuery) -> Response {
    let (search, page) = match Parameters::new(query.as_deref()).page_v3() {
        Ok(wanted) => wanted,
        Err(message) => return no(StatusCode::BAD_REQUEST, &message),
    };
    let found = ask.ask(move |finder| {
        let (ids, next) = finder.ids(&search, page.unwrap_or_default())?;
        let mut summaries = Vec::new();
        for id in ids {
            if finder.budget.spent {
                break;
            }
            summaries.extend(finder.trace(id)?.map(|trace| write(summarise(&trace))));
        }
        let next_page_token = page.and(next).map(|next| next.to_string()).unwrap_or_default();
        Ok(Summaries {
            summaries,
            next_page_token,
            warnings: finder.budget.spent.then_some(SPENT).into_iter().collect(),
        })
    });
    match found.await {
        Ok(summaries) => super::json(StatusCode::OK, &summaries, false),
        Err(asked) => no(asked.status(), &asked.to_string()),
    }
}

fn write(summary: Summary) -> TraceSummary {
    let [start, end] = summary.start_and_end_ns;
    let service =
        |(name, Count { spans, errors })| ServiceSummary { name, span_count: spans, error_span_count: errors };
    TraceSummary {
        trace_id: hex(&summary.trace_id),
        root_service_name: summary.root.0,
        root_operation_name: summary.root.1,
        min_start_time_unix_nano: start.to_string(),
        max_end_time_unix_nano: end.to_string(),
        span_count: summary.count.spans,
        error_span_count: summary.count.errors,
        orphan_span_count: summary.orphans,
        services: summary.services.into_iter().map(service).collect(),
    }
}

/// A no, as Jaeger says it: JSON that calls itself text.
fn no(status: StatusCode, message: &str) -> Response {
    let error = json!({ "error": { "httpCode": status.as_u16(), "message": message } });
    (status, format!("{error}\n")).into_response()
}
