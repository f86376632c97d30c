//! `Span` messages. What is the same for every span of a function is encoded once ([`Named`]); the rest is a few fixed fields.

use alloc::vec::Vec;

use waspect_abi::semconv::{attribute, event};

use super::wire;
use crate::delta::Span;
use crate::failure::Failure;
use crate::resource::Value;

const KIND_INTERNAL: u64 = 1;
const STATUS_ERROR: u64 = 2;

/// What all spans of a function have in common, encoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    fields: Vec<u8>,
}

impl Named {
    /// Name, kind and attributes of the code; the build id where nothing names the function.
    pub(crate) fn new(name: &str, module: &str, file: &str, line: u32, build: &str) -> Named {
        let mut fields = Vec::new();
        wire::text(&mut fields, 5, name);
        wire::varint(&mut fields, 6, KIND_INTERNAL);
        wire::text_attribute(&mut fields, 9, attribute::CODE_FUNCTION_NAME, name);
        if !file.is_empty() {
            wire::text_attribute(&mut fields, 9, attribute::CODE_FILE_PATH, file);
        }
        if line != 0 {
            wire::int_attribute(&mut fields, 9, attribute::CODE_LINE_NUMBER, u64::from(line));
        }
        if !module.is_empty() {
            wire::text_attribute(&mut fields, 9, attribute::WASM_MODULE_NAME, module);
        }
        if !build.is_empty() {
            wire::text_attribute(&mut fields, 9, attribute::WASM_MODULE_BUILD_ID, build);
        }
        Named { fields }
    }
}

/// Appends a span, as field 2 of `ScopeSpans`. `name_of` names the calls of the flight recorder, by their place there.
pub(crate) fn span<'n>(
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    span: &Span,
    named: &Named,
    name_of: impl Fn(usize) -> &'n str,
) {
    scratch.clear();
    if span.allocated | span.omitted != 0 || span.unwound || span.failure.is_some() || span.trace_state.is_some() {
        rare_fields(scratch, span, name_of);
    }
    let has_parent = span.parent_id != [0; 8];
    // Ids, times and flags have fixed lengths, keys included: 18, 10, 9, 9, 6.
    let len = 18 + 10 + 9 + 9 + 6 + usize::from(has_parent) * 10 + named.fields.len() + scratch.len();
    out.reserve(len + 8);
    wire::open(out, 2, len);
    let mut head = [0_u8; 28];
    (head[0], head[1]) = (1 << 3 | 2, 16);
    head[2..18].copy_from_slice(&span.trace_id);
    (head[18], head[19]) = (2 << 3 | 2, 8);
    head[20..28].copy_from_slice(&span.span_id);
    out.extend_from_slice(&head);
    if has_parent {
        wire::bytes(out, 4, &span.parent_id);
    }
    out.extend_from_slice(&named.fields);
    let mut tail = [0_u8; 24];
    tail[0] = 7 << 3 | 1;
    tail[1..9].copy_from_slice(&span.start_unix.to_le_bytes());
    tail[9] = 8 << 3 | 1;
    tail[10..18].copy_from_slice(&span.end_unix.to_le_bytes());
    (tail[18], tail[19], tail[20]) = (0x85, 0x01, span.flags);
    out.extend_from_slice(&tail);
    out.extend_from_slice(scratch);
}

fn rare_fields<'n>(out: &mut Vec<u8>, span: &Span, name_of: impl Fn(usize) -> &'n str) {
    if let Some(state) = &span.trace_state {
        wire::text(out, 3, state);
    }
    if span.allocated > 0 {
        wire::int_attribute(out, 9, attribute::WASM_FUNCTION_ALLOCATED, span.allocated);
    }
    if span.unwound {
        wire::true_attribute(out, 9, attribute::WASM_FUNCTION_UNWOUND);
    }
    if span.omitted > 0 {
        wire::int_attribute(out, 9, attribute::WASPECT_SPANS_OMITTED, span.omitted);
    }
    let Some(failure) = &span.failure else { return };
    wire::text_attribute(out, 9, attribute::WASM_OUTCOME, failure.outcome);
    if let Some(code) = failure.exit_code {
        wire::attribute(out, 9, attribute::PROCESS_EXIT_CODE, &Value::Int(i64::from(code)));
    }
    let Some(error_type) = &failure.error_type else { return };
    wire::text_attribute(out, 9, attribute::ERROR_TYPE, error_type);
    if span.exception {
        events(out, span, failure, error_type, name_of);
    }
    wire::message(out, 15, |out| {
        if !failure.message.is_empty() {
            wire::text(out, 2, &failure.message);
        }
        wire::varint(out, 3, STATUS_ERROR);
    });
}

/// The exception, and the calls that closed before it.
fn events<'n>(out: &mut Vec<u8>, span: &Span, failure: &Failure, error_type: &str, name_of: impl Fn(usize) -> &'n str) {
    if failure.recorded {
        wire::message(out, 11, |out| {
            wire::fixed64(out, 1, span.end_unix);
            wire::text(out, 2, event::EXCEPTION);
            wire::text_attribute(out, 3, attribute::EXCEPTION_TYPE, error_type);
            wire::text_attribute(out, 3, attribute::EXCEPTION_MESSAGE, &failure.message);
            if !failure.backtrace.is_empty() {
                wire::text_attribute(out, 3, attribute::EXCEPTION_STACKTRACE, &failure.backtrace);
            }
        });
    }
    if !failure.flight.is_empty() {
        wire::message(out, 11, |out| {
            wire::fixed64(out, 1, span.end_unix);
            wire::text(out, 2, event::WASPECT_FLIGHT_RECORDER);
            let calls = failure.flight.len();
            wire::list_attribute(out, 3, attribute::WASPECT_FLIGHT_FUNCTIONS, calls, &|out, at| {
                wire::text(out, 1, name_of(at));
            });
            wire::list_attribute(out, 3, attribute::WASPECT_FLIGHT_DURATIONS, calls, &|out, at| {
                wire::varint(out, 3, failure.flight[at].1);
            });
        });
    }
}
