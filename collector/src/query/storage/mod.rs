//! Jaeger's remote storage, `jaeger.storage.v2`: a real Jaeger 2 keeps its traces here and asks for them.
//!
//! - [`messages`]: what goes over the wire. [`search`]: what it means. [`chunks`]: traces in pieces that clients take.
//!
//! An answer in parts is sent as it is found: a trace is in memory at a time, and a client that does not read it is let go.

mod chunks;
mod messages;
mod search;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::{MethodRouter, post};
use http::StatusCode;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::server::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::find::Page;
use super::jaeger::{CUT, SPENT};
use super::summary::{Summary, summarise};
use super::trace::Trace;
use super::{Ask, Asked, Finder, dependencies, jaeger};
use messages::{
    Capabilities, Dependencies, DependenciesIn, Dependency, Empty, Find, FoundTraceId, Operation, Operations,
    OperationsOf, SearchCapabilities, ServiceSummary, Services, TraceIds, TraceSummaries, TraceSummary, TracesById,
};

/// Longest request.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// How long a client may take to read a part of an answer.
const READING: Duration = Duration::from_secs(10);

/// Takes a part of an answer; false: the client does not.
type Send<'s, T> = &'s mut dyn FnMut(T) -> bool;

/// The routes. What Jaeger writes is OTLP and has a receiver's route.
pub fn routes(ask: Ask) -> Router {
    let reader = |method: &str| format!("/jaeger.storage.v2.TraceReader/{method}");
    Router::new()
        .route(&reader("GetServices"), unary(services))
        .route(&reader("GetOperations"), unary(operations))
        .route(&reader("GetTraces"), streaming(traces))
        .route(&reader("FindTraces"), streaming(find_traces))
        .route(&reader("FindTraceIDs"), unary(find_ids))
        .route(&reader("FindTraceSummaries"), streaming(find_summaries))
        .route("/jaeger.storage.v2.DependencyReader/GetDependencies", unary(calls))
        .route("/jaeger.storage.v2.Capabilities/GetCapabilities", unary(capabilities))
        .with_state(ask)
}

async fn services(ask: Ask, _: Empty) -> Result<Services, Status> {
    let services = ask.ask(|finder| finder.ask(|snapshot| snapshot.services())).await?;
    Ok(Services { services: services.into_iter().collect() })
}

async fn operations(ask: Ask, wanted: OperationsOf) -> Result<Operations, Status> {
    let found = jaeger::operations(&ask, wanted.service, &wanted.span_kind).await?.into_iter();
    let operations = found.map(|(name, span_kind)| Operation { name, span_kind: span_kind.to_owned() }).collect();
    Ok(Operations { operations })
}

fn traces(finder: &mut Finder<'_>, wanted: TracesById, send: Send<'_, TracesData>) -> Result<(), Status> {
    for query in wanted.query {
        let id: Result<[u8; 16], _> = query.trace_id.try_into();
        let id = id.map_err(|_| Status::invalid_argument("a trace's id has 16 bytes"))?;
        if let Some(trace) = finder.trace(u128::from_be_bytes(id)).map_err(Asked::from)? {
            send_trace(trace, send)?;
        } else if finder.budget.spent {
            return Err(spent());
        }
    }
    Ok(())
}

fn find_traces(finder: &mut Finder<'_>, wanted: Find, send: Send<'_, TracesData>) -> Result<(), Status> {
    let search = search::whole(&wanted.query.unwrap_or_default())?;
    let (ids, _) = finder.ids(&search, Page::default()).map_err(Asked::from)?;
    for id in ids {
        if finder.budget.spent {
            break;
        }
        let Some(trace) = finder.trace(id).map_err(Asked::from)? else { continue };
        // It says itself that it is the last one.
        let is_cut = trace.cut;
        send_trace(trace, send)?;
        if is_cut {
            return Ok(());
        }
    }
    if finder.budget.spent { Err(spent()) } else { Ok(()) }
}

/// A trace in its pieces; the first span says what is missing.
fn send_trace(mut trace: Trace, send: Send<'_, TracesData>) -> Result<(), Status> {
    if trace.cut {
        let spans = trace.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
        spans.flat_map(|scope| &mut scope.spans).take(1).for_each(|span| chunks::warn(span, CUT));
    }
    for chunk in chunks::chunks(trace) {
        if !send(chunk) {
            return Err(unread());
        }
    }
    Ok(())
}

async fn find_ids(ask: Ask, wanted: Find) -> Result<TraceIds, Status> {
    let (search, page) = search::page(&wanted.query.unwrap_or_default())?;
    let found = ask.ask(move |finder| {
        let found = finder.ids(&search, page.unwrap_or_default())?;
        Ok((found, finder.budget.spent))
    });
    let ((ids, next), is_spent) = found.await?;
    if is_spent && ids.is_empty() {
        return Err(spent());
    }
    let trace_ids = ids.into_iter().map(|id| FoundTraceId { trace_id: id.to_be_bytes().into() }).collect();
    Ok(TraceIds { trace_ids, next_page_token: token(page, next) })
}

fn find_summaries(finder: &mut Finder<'_>, wanted: Find, send: Send<'_, TraceSummaries>) -> Result<(), Status> {
    let (search, page) = search::page(&wanted.query.unwrap_or_default())?;
    let (ids, next) = finder.ids(&search, page.unwrap_or_default()).map_err(Asked::from)?;
    let mut last: Option<TraceSummaries> = None;
    for id in ids {
        let Some(trace) = finder.trace(id).map_err(Asked::from)? else { continue };
        let summaries = vec![write(summarise(&trace))];
        let next = TraceSummaries { summaries, next_page_token: String::new() };
        if last.replace(next).is_some_and(|summaries| !send(summaries)) {
            return Err(unread());
        }
    }
    if finder.budget.spent {
        return Err(spent());
    }
    // The last one says whether there are more.
    let sent = last.is_none_or(|last| send(TraceSummaries { next_page_token: token(page, next), ..last }));
    if sent { Ok(()) } else { Err(unread()) }
}

/// What to ask for the page that follows with, where pages were asked for.
fn token(page: Option<Page>, next: Option<Page>) -> String {
    page.and(next).map(|next| next.to_string()).unwrap_or_default()
}

fn write(summary: Summary) -> TraceSummary {
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let services = summary.services.into_iter().map(|(name, count)| ServiceSummary {
        name,
        span_count: number(count.spans),
        error_span_count: number(count.errors),
    });
    TraceSummary {
        trace_id: summary.trace_id,
        root_service_name: summary.root.0,
        root_operation_name: summary.root.1,
        min_start_time_unix_nano: summary.start_and_end_ns[0],
        max_end_time_unix_nano: summary.start_and_end_ns[1],
        span_count: number(summary.count.spans),
        error_span_count: number(summary.count.errors),
        orphan_span_count: number(summary.orphans),
        services: services.collect(),
    }
}

async fn calls(ask: Ask, wanted: DependenciesIn) -> Result<Dependencies, Status> {
    let start = search::time(wanted.start_time).ok_or_else(|| Status::invalid_argument("a start time is needed"))?;
    let end = search::time(wanted.end_time).map_or(u64::MAX, search::after);
    let found = ask.ask(move |finder| Ok((dependencies::count(finder, start..end)?, finder.budget.spent)));
    let (calls, is_spent) = found.await?;
    if is_spent {
        return Err(spent());
    }
    let dependency = |((parent, child), call_count)| Dependency { parent, child, call_count };
    Ok(Dependencies { dependencies: calls.into_iter().map(dependency).collect() })
}

async fn capabilities(_: Ask, _: Empty) -> Result<Capabilities, Status> {
    let search = SearchCapabilities { without_service_name: true, same_span_conjunction: true, paginated: true };
    Ok(Capabilities { search: Some(search) })
}

fn spent() -> Status {
    Status::resource_exhausted(SPENT)
}

fn unread() -> Status {
    Status::deadline_exceeded("the answer was not read in time")
}

impl From<Asked> for Status {
    fn from(asked: Asked) -> Status {
        let code = match asked.status() {
            StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
            _ => Code::Internal,
        };
        Status::new(code, asked.to_string())
    }
}

/// A method with one answer.
fn unary<M, R, F>(method: fn(Ask, M) -> F) -> MethodRouter<Ask>
where
    M: Message + Default + 'static,
    R: Message + 'static,
    F: Future<Output = Result<R, Status>> + std::marker::Send + 'static,
{
    post(move |State(ask): State<Ask>, request: Request| async move {
        let service = service_fn(move |message: tonic::Request<M>| {
            let answer = method(ask.clone(), message.into_inner());
            async move { answer.await.map(tonic::Response::new) }
        });
        grpc::<R, M>().unary(service, request).await.map(Body::new)
    })
}

/// A method whose answer comes in parts.
fn streaming<M, R>(method: fn(&mut Finder<'_>, M, Send<'_, R>) -> Result<(), Status>) -> MethodRouter<Ask>
where
    M: Message + Default + 'static,
    R: Message + 'static,
{
    post(move |State(ask): State<Ask>, request: Request| async move {
        let service = service_fn(move |message: tonic::Request<M>| {
            let (parts, receiver) = mpsc::channel(1);
            tokio::spawn(stream(ask.clone(), method, message.into_inner(), parts));
            std::future::ready(Ok::<_, Status>(tonic::Response::new(ReceiverStream::new(receiver))))
        });
        grpc::<R, M>().server_streaming(service, request).await.map(Body::new)
    })
}

async fn stream<M: std::marker::Send + 'static, R: std::marker::Send + 'static>(
    ask: Ask,
    method: fn(&mut Finder<'_>, M, Send<'_, R>) -> Result<(), Status>,
    message: M,
    parts: mpsc::Sender<Result<R, Status>>,
) {
    let (runtime, out) = (Handle::current(), parts.clone());
    let answer = ask.ask(move |finder| {
        let mut send = |part| {
            let sending = tokio::time::timeout(READING, out.send(Ok(part)));
            matches!(runtime.block_on(sending), Ok(Ok(())))
        };
        Ok(method(finder, message, &mut send))
    });
    let outcome = answer.await.map_err(Status::from).flatten();
    if let Err(status) = outcome {
        // Whoever is gone does not hear it.
        let _ = parts.send(Err(status)).await;
    }
}

fn grpc<R: Message + 'static, M: Message + Default + 'static>() -> Grpc<ProstCodec<R, M>> {
    Grpc::new(ProstCodec::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(REQUEST_BYTES_MAX)
}
