//! Which service calls which: counted from the spans themselves, each with its parent.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::find::{Finder, QueryError};
use crate::otlp::fields::{Field, Fields, messages};
use crate::otlp::service;

/// Spans of one answer: beyond it the older ones are left out, and the answer says so.
const SPANS_MAX: usize = 500_000;

/// A span, as far as calls are counted.
struct Call {
    trace: [u8; 16],
    parent: [u8; 8],
    service: u32,
}

/// Calls from one service to another, in spans that begin then.
pub fn count(finder: &mut Finder<'_>, start: Range<u64>) -> Result<BTreeMap<(String, String), u64>, QueryError> {
    let (mut names, mut numbers) = (Vec::new(), HashMap::new());
    let (mut calls, mut services) = (Vec::new(), HashMap::new());
    finder.requests(start.clone(), |request| {
        for resource_spans in messages(request, 1) {
            let name = service::name(resource_spans);
            let service = *numbers.entry(name.to_vec()).or_insert_with(|| {
                names.push(String::from_utf8_lossy(name).into_owned());
                names.len() as u32 - 1
            });
            let spans = messages(resource_spans, 2).flat_map(|scope_spans| messages(scope_spans, 2));
            for (begin, id, call) in spans.filter_map(|span| read(span, service)) {
                if start.contains(&begin) {
                    services.insert((call.trace, id), service);
                    calls.push(call);
                }
            }
        }
        calls.len() < SPANS_MAX
    })?;
    finder.budget.spent |= calls.len() >= SPANS_MAX;
    let mut counts = BTreeMap::new();
    for call in calls {
        if let Some(parent) = services.get(&(call.trace, call.parent)) {
            let name = |service: u32| names[service as usize].clone();
            *counts.entry((name(*parent), name(call.service))).or_insert(0) += 1;
        }
    }
    Ok(counts)
}

/// When a span begins, its id, and whose call it is.
fn read(span: &[u8], service: u32) -> Option<(u64, [u8; 8], Call)> {
    let (mut start, mut id) = (0, None);
    let mut call = Call { trace: [0; 16], parent: [0; 8], service };
    for field in Fields::new(span) {
        match field {
            (1, Field::Bytes(trace)) => call.trace = trace.try_into().ok()?,
            (2, Field::Bytes(bytes)) => id = bytes.try_into().ok(),
            // A root has none, or one of another length.
            (4, Field::Bytes(parent)) => call.parent = parent.try_into().unwrap_or_default(),
            (7, Field::Fixed(time)) => start = time,
            _ => {}
        }
    }
    Some((start, id?, call))
}
