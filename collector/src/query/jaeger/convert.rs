//! A trace as OTLP has it, in the shapes of Jaeger's `/api`.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span as Sent, span};
use serde_json::Value;

use super::model::{Kind, Log, Process, RefType, Reference, Span, Tag, Trace};
use super::skew::{self, Node};
use super::{CUT, address, hex, mended, trace_hex};
use crate::otlp::value;
use crate::query::matching::duration;
use crate::query::trace::{self, Trace as Found};

/// Integers that JavaScript would round are text.
const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// What an SDK says of itself, wherever it says it, belongs to the process.
const OF_PROCESS: [&str; 5] = [
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
];

/// Converts a trace.
pub fn convert(found: &Found) -> Trace {
    let mut spans = Vec::new();
    let (mut nodes, mut lost) = (Vec::new(), Vec::new());
    let mut processes = Processes::default();
    for resource_spans in &found.resource_spans {
        let attributes = resource_spans.resource.iter().flat_map(|resource| &resource.attributes);
        let (named, others): (Vec<_>, Vec<_>) = attributes.partition(|attribute| attribute.key == "service.name");
        let name = named.first().map(|name| value::text(name.value.as_ref()).into_owned()).unwrap_or_default();
        let of_resource: Vec<_> = others.into_iter().map(tag).collect();
        for (scope, sent) in trace::spans(resource_spans) {
            let (moved, mut tags): (Vec<_>, Vec<_>) =
                tags(sent, scope).into_iter().partition(|tag| OF_PROCESS.contains(&&*tag.key));
            sort(&mut tags);
            let mut process = Process { service_name: name.clone(), tags: [&of_resource[..], &moved].concat() };
            sort(&mut process.tags);
            let references = references(sent);
            let warnings: Vec<_> = mended(sent).into_iter().collect();
            let links = sent.links.iter().filter(|link| !is_id(&link.trace_id));
            lost.extend(links.map(|link| {
                (spans.len(), format!("Invalid span reference removed {{SpanID:{}}}", hex(&link.span_id)))
            }));
            nodes.push(node(sent, &references, &process));
            spans.push(Span {
                trace_id: trace_hex(&sent.trace_id),
                span_id: hex(&sent.span_id),
                operation_name: sent.name.clone(),
                references,
                start_time: sent.start_time_unix_nano / 1000,
                duration: duration(sent) / 1000,
                tags,
                logs: sent.events.iter().map(log).collect(),
                process_id: processes.id(process),
                warnings: (!warnings.is_empty()).then_some(warnings),
            });
        }
    }
    let missing = |id| format!("invalid parent span IDs={id:016x}; skipping clock skew adjustment");
    for (at, warning) in skew::warnings(&nodes, missing).into_iter().chain(lost) {
        spans[at].warnings.get_or_insert_default().push(warning);
    }
    Trace {
        trace_id: spans.first().map(|span| span.trace_id.clone()).unwrap_or_default(),
        spans,
        processes: processes.by_id,
        warnings: found.cut.then(|| vec![CUT.to_owned()]),
    }
}

/// Processes, each once, under names of their own.
#[derive(Default)]
struct Processes {
    by_id: BTreeMap<String, Process>,
    ids: BTreeMap<String, String>,
}

impl Processes {
    fn id(&mut self, process: Process) -> String {
        let key = serde_json::to_string(&process).unwrap_or_default();
        let next = format!("p{}", self.ids.len() + 1);
        let id = self.ids.entry(key).or_insert(next).clone();
        self.by_id.entry(id.clone()).or_insert(process);
        id
    }
}

fn node(sent: &Sent, references: &[Reference], process: &Process) -> Node {
    let of_trace = |reference: &&Reference| reference.trace_id == trace_hex(&sent.trace_id);
    let of_kind = |kind| references.iter().filter(of_trace).find(|reference| reference.ref_type == kind);
    let parent = of_kind(RefType::ChildOf).or_else(|| of_kind(RefType::FollowsFrom));
    let host = process.tags.iter().find(|tag| tag.key == "ip").and_then(|tag| tag.value.as_str());
    Node {
        id: number(&hex(&sent.span_id)),
        parent: parent.map_or(0, |parent| number(&parent.span_id)),
        start: sent.start_time_unix_nano,
        duration: duration(sent),
        host: host.unwrap_or_default().to_owned(),
    }
}

fn number(hex: &str) -> u64 {
    u64::from_str_radix(hex, 16).unwrap_or(0)
}

fn is_id(id: &[u8]) -> bool {
    id.iter().any(|byte| *byte != 0)
}

/// What a span comes from: its parent, then its links. A link to the parent only says how.
fn references(sent: &Sent) -> Vec<Reference> {
    let mut references = Vec::new();
    if is_id(&sent.parent_span_id) {
        references.push(Reference {
            ref_type: RefType::ChildOf,
            trace_id: trace_hex(&sent.trace_id),
            span_id: hex(&sent.parent_span_id),
        });
    }
    for link in sent.links.iter().filter(|link| is_id(&link.trace_id)) {
        let child = link.attributes.iter().find(|attribute| attribute.key == "opentracing.ref_type");
        let ref_type = match child.map(|attribute| value::text(attribute.value.as_ref())).as_deref() {
            Some("child_of") => RefType::ChildOf,
            _ => RefType::FollowsFrom,
        };
        let to_parent = link.trace_id == sent.trace_id && link.span_id == sent.parent_span_id;
        match references.first_mut().filter(|_| to_parent && is_id(&sent.parent_span_id)) {
            Some(parent) => parent.ref_type = ref_type,
            None => references.push(Reference {
                ref_type,
                trace_id: trace_hex(&link.trace_id),
                span_id: hex(&link.span_id),
            }),
        }
    }
    // The first is the one that a page hangs the span under.
    let of_trace = |reference: &Reference| reference.trace_id == trace_hex(&sent.trace_id);
    let child = references.iter().position(|one| of_trace(one) && one.ref_type == RefType::ChildOf);
    if let Some(first) = child.or_else(|| references.iter().position(of_trace)) {
        references.swap(0, first);
    }
    references
}

/// A span's attributes, and what else OTLP says that is a tag there.
fn tags(sent: &Sent, scope: Option<&InstrumentationScope>) -> Vec<Tag> {
    let text = |key: &str, value: &str| {
        (!value.is_empty()).then(|| Tag { key: key.to_owned(), kind: Kind::String, value: value.into() })
    };
    let kind = kind(sent.kind);
    let status = sent.status.as_ref();
    let code = status.map_or(StatusCode::Unset, |status| status.code());
    let code_name = match code {
        StatusCode::Unset => "",
        StatusCode::Ok => "OK",
        StatusCode::Error => "ERROR",
    };
    let failed = Tag { key: "error".into(), kind: Kind::Bool, value: true.into() };
    let others = [
        text("otel.scope.name", scope.map_or("", |scope| &scope.name)),
        text("otel.scope.version", scope.map_or("", |scope| &scope.version)),
        text("span.kind", kind),
        text("otel.status_code", code_name),
        (code == StatusCode::Error).then_some(failed),
        text("otel.status_description", status.map_or("", |status| &status.message)),
        text("w3c.tracestate", &sent.trace_state),
    ];
    sent.attributes.iter().map(tag).chain(others.into_iter().flatten()).collect()
}

/// A kind's name; empty: none.
pub fn kind(kind: i32) -> &'static str {
    match span::SpanKind::try_from(kind) {
        Ok(span::SpanKind::Internal) => "internal",
        Ok(span::SpanKind::Server) => "server",
        Ok(span::SpanKind::Client) => "client",
        Ok(span::SpanKind::Producer) => "producer",
        Ok(span::SpanKind::Consumer) => "consumer",
        Ok(span::SpanKind::Unspecified) | Err(_) => "",
    }
}

fn log(event: &Event) -> Log {
    let mut fields: Vec<_> = event.attributes.iter().map(tag).collect();
    sort(&mut fields);
    let named = |field: &Tag| field.key == "event";
    if let Some(at) = fields.iter().position(|field| named(field) && field.kind == Kind::String) {
        fields[..=at].rotate_right(1);
    } else if !event.name.is_empty() && !fields.iter().any(named) {
        fields.insert(0, Tag { key: "event".into(), kind: Kind::String, value: event.name.clone().into() });
    }
    Log { timestamp: event.time_unix_nano / 1000, fields }
}

fn tag(attribute: &KeyValue) -> Tag {
    if let Some(address) = address(&attribute.key, attribute.value.as_ref()) {
        return Tag { key: attribute.key.clone(), kind: Kind::String, value: address.into() };
    }
    let (kind, value) = match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Any::BoolValue(truth)) => (Kind::Bool, (*truth).into()),
        Some(Any::IntValue(number)) if number.unsigned_abs() > SAFE_INTEGER => (Kind::Int64, number.to_string().into()),
        Some(Any::IntValue(number)) => (Kind::Int64, (*number).into()),
        Some(Any::DoubleValue(number)) => {
            (Kind::Float64, value::serialize_double(*number, serde_json::value::Serializer).unwrap_or_default())
        }
        Some(Any::BytesValue(_)) => (Kind::Binary, text(attribute.value.as_ref())),
        _ => (Kind::String, text(attribute.value.as_ref())),
    };
    Tag { key: attribute.key.clone(), kind, value }
}

fn text(value: Option<&AnyValue>) -> Value {
    value::text(value).into_owned().into()
}

fn sort(tags: &mut [Tag]) {
    let key = |tag: &Tag| (tag.key.clone(), tag.kind);
    // Of one key and kind there is one, unless a client repeats itself.
    tags.sort_by_cached_key(key);
}
