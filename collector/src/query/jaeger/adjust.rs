//! What Jaeger does to the OTLP that `/api/v3` gives: attributes in order, and what it has to say, in an attribute of the span.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};

use super::skew::{self, Node};
use super::{CUT, address, mended};
use crate::otlp::value;
use crate::query::matching::duration;
use crate::query::trace::Trace;

/// The span's attribute for what there is to say.
const WARNINGS: &str = "@jaeger@warnings";

/// The attributes that say where a resource ran, the best first.
const HOST: [&str; 3] = ["host.id", "host.ip", "host.name"];

/// What an SDK says of itself, wherever it says it, belongs to the resource.
const OF_RESOURCE: [&str; 5] = [
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
];

/// A trace as it is shown.
pub fn adjust(mut trace: Trace) -> Vec<ResourceSpans> {
    let nodes = nodes(&trace);
    let missing = |id| format!("parent span ID={id:016x} is not in the trace; skipping clock skew adjustment");
    let mut warnings = vec![Vec::new(); nodes.len()];
    for (at, warning) in skew::warnings(&nodes, missing) {
        warnings[at].push(warning);
    }
    let mut warnings = warnings.into_iter();
    let mut first = trace.cut.then(|| CUT.to_owned());
    for resource_spans in &mut trace.resource_spans {
        let mut resource = resource_spans.resource.take().unwrap_or_default();
        sort(&mut resource.attributes);
        read_addresses(&mut resource.attributes);
        for scope_spans in &mut resource_spans.scope_spans {
            // There in any case: what is null in OTLP/JSON makes some readers stumble.
            sort(&mut scope_spans.scope.get_or_insert_default().attributes);
            for span in &mut scope_spans.spans {
                let mut said: Vec<_> = mended(span).into_iter().chain(first.take()).collect();
                said.extend(warnings.next().unwrap_or_default());
                order(span, &mut said);
                read_addresses(&mut span.attributes);
                move_attributes(span, &mut resource, &mut said);
                warn(span, said);
            }
        }
        resource_spans.resource = Some(resource);
    }
    trace.resource_spans
}

fn nodes(trace: &Trace) -> Vec<Node> {
    let number = |id: &[u8]| id.try_into().map_or(0, u64::from_be_bytes);
    let mut nodes = Vec::new();
    for resource_spans in &trace.resource_spans {
        let attributes = resource_spans.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        let host = HOST.iter().find_map(|key| attributes.iter().find(|attribute| attribute.key == *key));
        let host = host.map(host_name).unwrap_or_default();
        let spans = resource_spans.scope_spans.iter().flat_map(|scope_spans| &scope_spans.spans);
        nodes.extend(spans.map(|span| Node {
            id: number(&span.span_id),
            parent: number(&span.parent_span_id),
            start: span.start_time_unix_nano,
            duration: duration(span),
            host: host.clone(),
        }));
    }
    nodes
}

/// A host has one name, or several addresses of which the first counts.
fn host_name(attribute: &KeyValue) -> String {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(name)) => name.clone(),
        Some(Value::ArrayValue(list)) => value::text(list.values.first()).into_owned(),
        _ => String::new(),
    }
}

/// Attributes by key, events by name, no link that leads nowhere, an end after the beginning, a status in any case.
fn order(span: &mut Span, said: &mut Vec<String>) {
    span.status.get_or_insert_default();
    span.end_time_unix_nano = span.start_time_unix_nano.saturating_add(duration(span));
    sort(&mut span.attributes);
    span.events.sort_by(|a, b| a.name.cmp(&b.name));
    span.events.iter_mut().for_each(|event| sort(&mut event.attributes));
    let links = span.links.len();
    span.links.retain(|link| link.trace_id.iter().any(|byte| *byte != 0));
    said.extend((span.links.len()..links).map(|_| "Invalid span link removed".to_owned()));
    span.links.iter_mut().for_each(|link| sort(&mut link.attributes));
}

/// Addresses that were sent as numbers.
fn read_addresses(attributes: &mut [KeyValue]) {
    for attribute in attributes {
        if let Some(address) = address(&attribute.key, attribute.value.as_ref()) {
            attribute.value = Some(AnyValue { value: Some(Value::StringValue(address)) });
        }
    }
}

fn move_attributes(span: &mut Span, resource: &mut Resource, said: &mut Vec<String>) {
    for key in OF_RESOURCE {
        let Some(at) = span.attributes.iter().position(|attribute| attribute.key == key) else { continue };
        match resource.attributes.iter().find(|attribute| attribute.key == key) {
            Some(of_resource) if of_resource.value != span.attributes[at].value => {
                said.push(format!("conflicting values between Span and Resource for attribute {key}"));
            }
            Some(_) => drop(span.attributes.remove(at)),
            None => resource.attributes.push(span.attributes.remove(at)),
        }
    }
}

fn warn(span: &mut Span, said: Vec<String>) {
    if said.is_empty() {
        return;
    }
    let values = said.into_iter().map(|line| AnyValue { value: Some(Value::StringValue(line)) }).collect();
    let value = Some(AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) });
    span.attributes.push(KeyValue { key: WARNINGS.to_owned(), value, ..KeyValue::default() });
}

fn sort(attributes: &mut [KeyValue]) {
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
}
