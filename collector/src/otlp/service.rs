//! The service that spans belong to: what their resource says, or, as Jaeger names those that do not say it, what is wrong.

use super::fields::{Field, Fields, messages};

const ATTRIBUTE: &[u8] = b"service.name";

/// The service of an encoded `ResourceSpans`.
pub fn name(resource_spans: &[u8]) -> &[u8] {
    let attributes = messages(resource_spans, 1).flat_map(|resource| messages(resource, 1));
    let mut named = attributes.filter(|attribute| messages(attribute, 1).last() == Some(ATTRIBUTE));
    let Some(attribute) = named.next() else { return b"missing-service-name" };
    let value = messages(attribute, 2).last().and_then(|value| Fields::new(value).last());
    match value {
        Some((1, Field::Bytes(b""))) => b"empty-service-name",
        Some((1, Field::Bytes(name))) => name,
        _ => b"service-name-wrong-type",
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
    use prost::Message;

    use super::*;

    fn named(values: &[Value]) -> String {
        let attribute = |value: &Value| KeyValue {
            key: "service.name".into(),
            value: Some(AnyValue { value: Some(value.clone()) }),
            ..KeyValue::default()
        };
        let other = KeyValue { key: "service".into(), ..KeyValue::default() };
        let attributes = [other].into_iter().chain(values.iter().map(attribute)).collect();
        let resource = Some(Resource { attributes, ..Resource::default() });
        let encoded = ResourceSpans { resource, ..ResourceSpans::default() }.encode_to_vec();
        String::from_utf8(name(&encoded).to_vec()).unwrap()
    }

    #[test]
    fn a_service_has_a_name_in_any_case() {
        let text = |text: &str| Value::StringValue(text.into());
        assert_eq!(named(&[text("shop"), text("other")]), "shop");
        assert_eq!(named(&[text("")]), "empty-service-name");
        assert_eq!(named(&[Value::IntValue(1)]), "service-name-wrong-type");
        assert_eq!(named(&[]), "missing-service-name");
    }
}
