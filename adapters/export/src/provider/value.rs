//! From OTLP's attributes, times and scopes to the API's.

use std::time::{Duration, SystemTime};

use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_proto::tonic::common::v1 as otlp;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;

/// The attributes that the API has values for.
pub(super) fn attributes(attributes: Vec<otlp::KeyValue>) -> Vec<KeyValue> {
    let pair = |pair: otlp::KeyValue| Some(KeyValue::new(pair.key, value(pair.value?.value?)?));
    attributes.into_iter().filter_map(pair).collect()
}

fn value(value: Any) -> Option<Value> {
    match value {
        Any::StringValue(text) => Some(text.into()),
        Any::BoolValue(truth) => Some(truth.into()),
        Any::IntValue(number) => Some(number.into()),
        Any::DoubleValue(number) => Some(number.into()),
        Any::ArrayValue(array) => list(array).map(Value::Array),
        _ => None,
    }
}

/// A list whose values are all of one type.
fn list(array: otlp::ArrayValue) -> Option<Array> {
    let values: Vec<Value> = array.values.into_iter().map(|any| value(any.value?)).collect::<Option<_>>()?;
    fn all<T>(values: &[Value], one: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
        values.iter().map(one).collect()
    }
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    let number = |value: &Value| match value {
        Value::I64(number) => Some(*number),
        _ => None,
    };
    let double = |value: &Value| match value {
        Value::F64(number) => Some(*number),
        _ => None,
    };
    let truth = |value: &Value| match value {
        Value::Bool(truth) => Some(*truth),
        _ => None,
    };
    all::<StringValue>(&values, text)
        .map(Array::String)
        .or_else(|| all(&values, number).map(Array::I64))
        .or_else(|| all(&values, double).map(Array::F64))
        .or_else(|| all(&values, truth).map(Array::Bool))
}

/// A time; one beyond the clock's range is its beginning.
pub(super) fn time(unix_ns: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(unix_ns)).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The scope under which telemetry was made.
pub(super) fn scope(scope: Option<otlp::InstrumentationScope>, schema_url: String) -> InstrumentationScope {
    let scope = scope.unwrap_or_default();
    let mut builder = InstrumentationScope::builder(scope.name).with_attributes(attributes(scope.attributes));
    if !scope.version.is_empty() {
        builder = builder.with_version(scope.version);
    }
    if !schema_url.is_empty() {
        builder = builder.with_schema_url(schema_url);
    }
    builder.build()
}
