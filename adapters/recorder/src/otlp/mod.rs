//! OTLP, straight into bytes. No message is built first: the field numbers below are those of opentelemetry-proto 1.x, and the
//! tests decode with its own crate.

use alloc::vec::Vec;

pub(crate) mod attributes;
pub(crate) mod metrics;
pub(crate) mod traces;
pub(crate) mod wire;

use waspect_abi::semconv::{self, attribute};

use crate::Resource;
use crate::resource::Value;

/// The encoded `Resource` of a process: the host's attributes, then who made the telemetry, unless the host says so.
pub(crate) fn resource(resource: &Resource) -> Vec<u8> {
    let own = [
        (attribute::TELEMETRY_SDK_NAME, semconv::SDK_NAME),
        (attribute::TELEMETRY_SDK_LANGUAGE, semconv::SDK_LANGUAGE),
        (attribute::TELEMETRY_SDK_VERSION, env!("CARGO_PKG_VERSION")),
    ];
    let mut out = Vec::new();
    for (key, value) in &resource.attributes {
        if !own.iter().any(|(own, _)| own == key) {
            wire::attribute(&mut out, 1, key, value);
        }
    }
    for (key, value) in own {
        wire::text_attribute(&mut out, 1, key, value);
    }
    out
}

/// A whole request: one resource, one scope, and its spans or metrics, which are encoded fields of number 2 already. Requests
/// for traces and metrics have the same shape.
pub(crate) fn request(resource: &[u8], items: &[u8]) -> Vec<u8> {
    let mut scope = Vec::new();
    wire::text(&mut scope, 1, semconv::SCOPE);
    wire::text(&mut scope, 2, env!("CARGO_PKG_VERSION"));
    let url = semconv::SCHEMA_URL;
    let in_scope = wire::len_of_bytes(scope.len()) + items.len() + wire::len_of_bytes(url.len());
    let in_resource = wire::len_of_bytes(resource.len()) + wire::len_of_bytes(in_scope) + wire::len_of_bytes(url.len());
    let mut out = Vec::with_capacity(wire::len_of_bytes(in_resource));
    wire::open(&mut out, 1, in_resource);
    wire::bytes(&mut out, 1, resource);
    wire::open(&mut out, 2, in_scope);
    wire::bytes(&mut out, 1, &scope);
    out.extend_from_slice(items);
    wire::text(&mut out, 3, url);
    wire::text(&mut out, 3, url);
    out
}

/// Length of the encoded item that stands first; None when there is none.
pub(crate) fn item_len(items: &[u8]) -> Option<usize> {
    // The key, then the length of the rest, seven bits a byte.
    let (mut head, mut len) = (1, 0);
    loop {
        let byte = *items.get(head)?;
        len |= usize::from(byte & 127) << (7 * (head - 1));
        head += 1;
        if byte < 128 {
            return Some(head + len);
        }
    }
}

/// An attribute with the value of any type.
impl Value {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Value::Text(text) => wire::text(out, 1, text),
            Value::Bool(value) => wire::varint(out, 2, u64::from(*value)),
            Value::Int(number) => wire::varint(out, 3, *number as u64),
            Value::Double(number) => wire::double(out, 4, *number),
        }
    }
}
