//! `/api`: names, and traces in Jaeger's own JSON.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, Uri};
use serde::Serialize;

use super::SPENT;
use super::convert::convert;
use super::model::{Dependency, Failure, Operation, Response as Body, Trace};
use super::parameters::{Parameters, trace_id};
use crate::clock::now_unix_ns;
use crate::query::{Ask, Asked, Finder, QueryError, dependencies};

/// The routes.
pub fn routes() -> Router<Ask> {
    Router::new()
        .route("/api/services", get(services))
        .route("/api/services/{service}/operations", get(operation_names))
        .route("/api/operations", get(operations))
        .route("/api/traces", get(search))
        .route("/api/traces/{id}", get(trace))
        .route("/api/dependencies", get(calls))
}

async fn services(State(ask): State<Ask>, RawQuery(query): RawQuery) -> Response {
    let found = ask.ask(|finder| finder.ask(|snapshot| snapshot.services())).await;
    answer(query, found.map(names))
}

async fn operation_names(State(ask): State<Ask>, uri: Uri, RawQuery(query): RawQuery) -> Response {
    // As it was written: there `+` is a space, too.
    let service = uri.path().trim_start_matches("/api/services/").trim_end_matches("/operations").replace('+', " ");
    let service = percent_encoding::percent_decode_str(&service).decode_utf8_lossy().into_owned();
    let found = ask.ask(move |finder| finder.operations(&service)).await;
    answer(query, found.map(|found| names(found.into_iter().map(|(name, _)| name).collect())))
}

async fn operations(State(ask): State<Ask>, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::new(query.as_deref());
    let (service, wanted) = (parameters.get("service").to_owned(), parameters.get("spanKind").to_owned());
    if service.is_empty() {
        return no(StatusCode::BAD_REQUEST, "parameter 'service' is required".into());
    }
    let found = super::operations(&ask, service, &wanted).await.map(|found| {
        let operations: Vec<_> = found.into_iter().map(|(name, span_kind)| Operation { name, span_kind }).collect();
        Body { total: operations.len(), ..data(operations) }
    });
    answer(query, found)
}

async fn search(State(ask): State<Ask>, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::new(query.as_deref());
    let ids: Result<Vec<_>, _> = parameters.all("traceID").map(trace_id).collect();
    let found = match ids {
        Err(message) => return no(StatusCode::BAD_REQUEST, format!("cannot parse traceID param: {message}")),
        Ok(ids) if !ids.is_empty() => ask.ask(move |finder| by_ids(finder, &ids)).await,
        Ok(_) => match parameters.search(now_unix_ns()) {
            Err(message) => return no(StatusCode::BAD_REQUEST, message),
            Ok(search) => {
                ask.ask(move |finder| {
                    let traces = finder.search(&search)?.iter().map(convert).collect();
                    Ok(whole(finder, data(traces)))
                })
                .await
            }
        },
    };
    answer(query, found)
}

fn by_ids(finder: &mut Finder<'_>, ids: &[u128]) -> Result<Body<Vec<Trace>>, QueryError> {
    let (mut traces, mut missing) = (Vec::new(), Vec::new());
    for id in ids {
        match finder.trace(*id)? {
            Some(trace) => traces.push(convert(&trace)),
            None => missing.push(Failure {
                code: None,
                msg: NOT_FOUND.into(),
                trace_id: Some(super::trace_hex(&id.to_be_bytes())),
            }),
        }
    }
    Ok(whole(finder, Body { errors: (!missing.is_empty()).then_some(missing), ..data(traces) }))
}

const NOT_FOUND: &str = "trace not found";

async fn trace(State(ask): State<Ask>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let id = match trace_id(&id) {
        Ok(id) => id,
        Err(message) => return no(StatusCode::BAD_REQUEST, message),
    };
    match ask.ask(move |finder| Ok(finder.trace(id)?.as_ref().map(convert))).await {
        Ok(None) => no(StatusCode::NOT_FOUND, NOT_FOUND.into()),
        Ok(Some(trace)) => answer(query, Ok(data(vec![trace]))),
        Err(asked) => no(asked.status(), asked.to_string()),
    }
}

async fn calls(State(ask): State<Ask>, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::new(query.as_deref());
    let (start, service) = match parameters.dependencies(now_unix_ns()) {
        Ok(start) => (start, parameters.get("service").to_owned()),
        Err(message) => return no(StatusCode::BAD_REQUEST, message),
    };
    let found = ask.ask(move |finder| {
        let of_service = |parent: &str, child: &str| service.is_empty() || service == parent || service == child;
        let calls = dependencies::count(finder, start)?.into_iter();
        let calls = calls.filter(|((parent, child), _)| of_service(parent, child));
        let calls = calls.map(|((parent, child), call_count)| Dependency { parent, child, call_count }).collect();
        Ok(whole(finder, data::<Vec<_>>(calls)))
    });
    answer(query, found.await)
}

fn data<T>(data: T) -> Body<T> {
    Body { data: Some(data), total: 0, limit: 0, offset: 0, errors: None }
}

/// Names, in order; where there are none, Jaeger says null.
fn names(names: BTreeSet<String>) -> Body<BTreeSet<String>> {
    let total = names.len();
    Body { data: (total > 0).then_some(names), total, limit: 0, offset: 0, errors: None }
}

/// Says so where something was left out.
fn whole<T>(finder: &Finder<'_>, mut body: Body<T>) -> Body<T> {
    if finder.budget.spent {
        body.errors.get_or_insert_default().push(Failure { code: None, msg: SPENT.into(), trace_id: None });
    }
    body
}

fn answer<T: Serialize>(query: Option<String>, found: Result<Body<T>, Asked>) -> Response {
    let parameters = Parameters::new(query.as_deref());
    let pretty = !matches!(parameters.get("prettyPrint"), "" | "false");
    match found {
        Ok(body) => super::json(StatusCode::OK, &body, pretty),
        Err(asked) => no(asked.status(), asked.to_string()),
    }
}

/// A no, as Jaeger says it: JSON that calls itself text.
fn no(status: StatusCode, message: String) -> Response {
    let failure = Failure { code: Some(status.as_u16()), msg: message, trace_id: None };
    let body = Body::<()> { data: None, total: 0, limit: 0, offset: 0, errors: Some(vec![failure]) };
    let text = serde_json::to_string(&body).expect("our own types are JSON");
    (status, text + "\n").into_response()
}
