//! An attribute's value as text, and as JSON: as the OpenTelemetry Collector writes it, whose text searches are compared with.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde::{Serialize, Serializer};

/// The value as text.
pub fn text(value: Option<&AnyValue>) -> Cow<'_, str> {
    match value.and_then(|value| value.value.as_ref()) {
        None => "".into(),
        Some(Value::StringValue(text)) => text.into(),
        Some(Value::BoolValue(truth)) => truth.to_string().into(),
        Some(Value::IntValue(number)) => number.to_string().into(),
        Some(Value::DoubleValue(number)) => double(*number).into(),
        Some(Value::BytesValue(bytes)) => STANDARD.encode(bytes).into(),
        Some(list_or_map) => json(list_or_map).into(),
    }
}

/// A number in as few digits as tell it from all others.
pub fn double(number: f64) -> String {
    if !number.is_finite() {
        let name = if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        };
        return format!("json: unsupported value: {name}");
    }
    match number.abs() {
        size if size >= 1e21 => format!("{number:e}").replace('e', "e+"),
        size if size != 0.0 && size < 1e-6 => format!("{number:e}"),
        _ => number.to_string(),
    }
}

/// A list or a map as JSON that is safe within markup.
fn json(value: &Value) -> String {
    let json = serde_json::to_string(&Json(Some(value))).unwrap_or_default();
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => safe += &format!("\\u{:04x}", u32::from(character)),
            other => safe.push(other),
        }
    }
    safe
}

/// A value as JSON; maps in the order of their keys.
pub struct Json<'v>(pub Option<&'v Value>);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = |value: &'_ Option<AnyValue>| -> Option<Value> { value.clone()?.value };
        match self.0 {
            None => serializer.serialize_unit(),
            Some(Value::StringValue(text)) => serializer.serialize_str(text),
            Some(Value::BoolValue(truth)) => serializer.serialize_bool(*truth),
            Some(Value::IntValue(number)) => serializer.serialize_i64(*number),
            Some(Value::DoubleValue(number)) => serialize_double(*number, serializer),
            Some(Value::BytesValue(bytes)) => serializer.serialize_str(&STANDARD.encode(bytes)),
            Some(Value::ArrayValue(list)) => {
                serializer.collect_seq(list.values.iter().map(|value| Json(value.value.as_ref())))
            }
            Some(Value::KvlistValue(list)) => {
                let of = |pair: &'_ KeyValue| (pair.key.clone(), inner(&pair.value));
                let map: BTreeMap<_, _> = list.values.iter().map(of).collect();
                serializer.collect_map(map.iter().map(|(key, value)| (key, Json(value.as_ref()))))
            }
            Some(_) => serializer.serialize_unit(),
        }
    }
}

/// A whole number without a point, as Go and JavaScript write it.
pub fn serialize_double<S: Serializer>(number: f64, serializer: S) -> Result<S::Ok, S::Error> {
    match number.fract() == 0.0 && number.abs() < 1e15 {
        true => serializer.serialize_i64(number as i64),
        false if number.is_finite() => serializer.serialize_f64(number),
        false => serializer.serialize_str(&double(number)),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    use super::*;

    fn any(value: Value) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    #[test]
    fn values_are_written_as_the_collector_writes_them() {
        let list = ArrayValue { values: vec![any(Value::StringValue("<b>".into())), any(Value::DoubleValue(5.0))] };
        let pair = |key: &str, value| KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() };
        let pairs = vec![pair("z", any(Value::BoolValue(true))), pair("a", any(Value::ArrayValue(list)))];
        let cases = [
            (Value::StringValue("é".into()), "é"),
            (Value::BoolValue(false), "false"),
            (Value::IntValue(-7), "-7"),
            (Value::DoubleValue(72.5), "72.5"),
            (Value::DoubleValue(5.0), "5"),
            (Value::DoubleValue(1e21), "1e+21"),
            (Value::DoubleValue(2.5e-9), "2.5e-9"),
            (Value::BytesValue(vec![1, 2, 3]), "AQID"),
            (Value::KvlistValue(KeyValueList { values: pairs }), r#"{"a":["\u003cb\u003e",5],"z":true}"#),
        ];
        for (value, expected) in cases {
            assert_eq!(text(Some(&any(value))), expected);
        }
        assert_eq!(text(None), "");
    }
}
