//! Attributes and points in time, from the wire to the API.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Wire;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue as WireKeyValue};

/// Attributes of kinds that we write ourselves: scalars and lists of texts or integers.
pub(super) fn read(attributes: Vec<WireKeyValue>) -> Vec<KeyValue> {
    let pairs = attributes.into_iter().filter_map(|attribute| Some((attribute.key, value(attribute.value?.value?)?)));
    pairs.map(|(key, value)| KeyValue::new(key, value)).collect()
}

pub(super) fn time(unix_ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_ns)
}

fn value(value: Wire) -> Option<Value> {
    Some(match value {
        Wire::StringValue(text) => text.into(),
        Wire::BoolValue(truth) => truth.into(),
        Wire::IntValue(number) => number.into(),
        Wire::DoubleValue(number) => number.into(),
        Wire::ArrayValue(list) => Value::Array(array(list.values)?),
        _ => return None,
    })
}

fn array(values: Vec<AnyValue>) -> Option<Array> {
    let values: Vec<Wire> = values.into_iter().map(|value| value.value).collect::<Option<_>>()?;
    if let Some(Wire::IntValue(_)) = values.first() {
        let numbers = values.into_iter().map(|value| match value {
            Wire::IntValue(number) => Some(number),
            _ => None,
        });
        return numbers.collect::<Option<_>>().map(Array::I64);
    }
    let texts = values.into_iter().map(|value| match value {
        Wire::StringValue(text) => Some(text.into()),
        _ => None,
    });
    texts.collect::<Option<_>>().map(Array::String)
}
