//! Names in encoded spans, points and requests. Nothing is decoded: fields that are not about a name stay as they were written.
//!
//! ```text
//! name: func[7]  code.function.name: func[7]  wasm.module.build_id: B
//! name: parse    code.function.name: parse    wasm.module.build_id: B  wasm.function.index: 7  code.file.path: ...
//! ```
//!
//! The build stays, and the index comes with it: two functions of one name, or of two builds, are told apart after as they were before.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use waspect_abi::BuildId;
use waspect_abi::semconv::attribute;

use super::check::build_id;
use super::namer::{Named, Namer};
use crate::otlp::fields::{Field, Fields, messages};

/// Where a message has what is named.
pub struct Shape {
    /// The field of its attributes.
    attributes: u32,
    /// The field of its name.
    name: Option<u32>,
}

/// `Span`.
pub const SPAN: Shape = Shape { attributes: 9, name: Some(5) };

/// `Resource`, whose attributes are the set of a stream.
pub const SET: Shape = Shape { attributes: 1, name: None };

/// Data of a metric, by its field, and the attributes of its points.
const POINTS: [(u32, Shape); 4] = [
    (5, Shape { attributes: 7, name: None }),
    (7, Shape { attributes: 7, name: None }),
    (9, Shape { attributes: 9, name: None }),
    (10, Shape { attributes: 1, name: None }),
];

/// The N of `func[N]`.
pub fn index(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("func[")?.strip_suffix(']')?;
    // As it is written: no sign, no zero before it.
    let index: u32 = digits.parse().ok()?;
    (index.to_string() == digits).then_some(index)
}

/// The build that an attribute tells.
pub fn build_of(attribute: &[u8]) -> Option<BuildId> {
    text(attribute, attribute::WASM_MODULE_BUILD_ID).and_then(build_id)
}

/// A request with its spans named.
pub fn traces<'r>(request: &'r [u8], namer: &mut Namer) -> Cow<'r, [u8]> {
    within(request, 1, &mut |of_resource| {
        within(of_resource, 2, &mut |of_scope| within(of_scope, 2, &mut |span| SPAN.named(span, namer)))
    })
}

/// A request with its points named.
pub fn metrics<'r>(request: &'r [u8], namer: &mut Namer) -> Cow<'r, [u8]> {
    within(request, 1, &mut |of_resource| {
        within(of_resource, 2, &mut |of_scope| within(of_scope, 2, &mut |metric| self::metric(metric, namer)))
    })
}

fn metric<'m>(metric: &'m [u8], namer: &mut Namer) -> Cow<'m, [u8]> {
    let data = POINTS.iter().find(|(number, _)| messages(metric, *number).next().is_some());
    match data {
        Some((number, shape)) => {
            within(metric, *number, &mut |data| within(data, 1, &mut |point| shape.named(point, namer)))
        }
        None => Cow::Borrowed(metric),
    }
}

impl Shape {
    /// A message with its function named, if it says of which build and index that is and a manifest knows it.
    pub fn named<'m>(&self, message: &'m [u8], namer: &mut Namer) -> Cow<'m, [u8]> {
        let (mut build, mut index) = (None, None);
        for attribute in messages(message, self.attributes) {
            build = build.or_else(|| build_of(attribute));
            index = index.or_else(|| text(attribute, attribute::CODE_FUNCTION_NAME).and_then(self::index));
        }
        let Some((build, index)) = build.zip(index) else { return Cow::Borrowed(message) };
        let named = namer.function(build, index, |function| self.write(message, index, function));
        named.map_or(Cow::Borrowed(message), Cow::Owned)
    }

    fn write(&self, message: &[u8], index: u32, function: Named<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + 256);
        for (number, field, raw) in raw(message) {
            match field {
                Field::Bytes(name) if Some(number) == self.name && is_index(name, index) => {
                    write(&mut out, number, function.name.as_bytes());
                }
                Field::Bytes(attribute) if number == self.attributes => match key(attribute) {
                    attribute::CODE_FUNCTION_NAME => self.add(&mut out, attribute::CODE_FUNCTION_NAME, function.name),
                    attribute::WASM_FUNCTION_KIND if function.import => {
                        self.add(&mut out, attribute::WASM_FUNCTION_KIND, "import");
                    }
                    attribute::WASM_FUNCTION_INDEX => {}
                    attribute::WASM_MODULE_NAME if !function.module.is_empty() => {}
                    _ => out.extend_from_slice(raw),
                },
                _ => out.extend_from_slice(raw),
            }
        }
        self.add_value(&mut out, attribute::WASM_FUNCTION_INDEX, Value::IntValue(index.into()));
        self.add(&mut out, attribute::WASM_MODULE_NAME, function.module);
        // A place is a span's: of points it would be two more labels that say no more than the name.
        if self.name.is_some() {
            self.add(&mut out, attribute::CODE_FILE_PATH, function.file);
            if function.line > 0 {
                self.add_value(&mut out, attribute::CODE_LINE_NUMBER, Value::IntValue(function.line.into()));
            }
        }
        out
    }

    /// A text, unless it is empty.
    fn add(&self, out: &mut Vec<u8>, key: &str, text: &str) {
        if !text.is_empty() {
            self.add_value(out, key, Value::StringValue(text.to_owned()));
        }
    }

    fn add_value(&self, out: &mut Vec<u8>, key: &str, value: Value) {
        let value = Some(AnyValue { value: Some(value) });
        let attribute = KeyValue { key: key.to_owned(), value, ..KeyValue::default() };
        write(out, self.attributes, &attribute.encode_to_vec());
    }
}

/// A message with the messages in its field of that number as `each` makes them.
fn within<'m>(message: &'m [u8], wanted: u32, each: &mut dyn FnMut(&'m [u8]) -> Cow<'m, [u8]>) -> Cow<'m, [u8]> {
    // Until something changes, nothing is copied.
    let (mut out, mut done): (Option<Vec<u8>>, usize) = (None, 0);
    for (number, field, raw) in raw(message) {
        let changed = match field {
            Field::Bytes(inner) if number == wanted => match each(inner) {
                Cow::Owned(changed) => Some(changed),
                Cow::Borrowed(_) => None,
            },
            _ => None,
        };
        match (&mut out, changed) {
            (None, None) => {}
            (Some(out), None) => out.extend_from_slice(raw),
            (out, Some(changed)) => {
                let out = out.get_or_insert_with(|| message[..done].to_vec());
                write(out, wanted, &changed);
            }
        }
        done += raw.len();
    }
    out.map_or(Cow::Borrowed(message), Cow::Owned)
}

/// The fields of a message, each with its own bytes.
fn raw(message: &[u8]) -> impl Iterator<Item = (u32, Field<'_>, &[u8])> {
    let mut fields = Fields::new(message);
    std::iter::from_fn(move || {
        let before = fields.rest();
        let (number, field) = fields.next()?;
        Some((number, field, &before[..before.len() - fields.rest().len()]))
    })
}

fn write(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn is_index(name: &[u8], wanted: u32) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| index(name) == Some(wanted))
}

/// An attribute's key; empty: it has none that could be ours.
fn key(attribute: &[u8]) -> &str {
    messages(attribute, 1).last().and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default()
}

/// The text of an attribute of that key.
fn text<'a>(attribute: &'a [u8], wanted: &str) -> Option<&'a str> {
    if key(attribute) != wanted {
        return None;
    }
    match Fields::new(messages(attribute, 2).last()?).last()? {
        (1, Field::Bytes(text)) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}
