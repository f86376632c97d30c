//! OTLP/JSON to protobuf: to tell whether a request is whole, and for whoever wants protobuf.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::Signal;

/// Objects in one request: three bytes of JSON become a message of hundreds.
const OBJECTS_MAX: usize = 1 << 18;

/// Encodes a request that came as JSON. An error says what is wrong with it, and where.
pub fn to_protobuf(signal: Signal, request: &[u8]) -> Result<Vec<u8>, String> {
    let objects = memchr::memchr_iter(b'{', request).count();
    if objects > OBJECTS_MAX {
        return Err(format!("{objects} objects in one request; at most {OBJECTS_MAX} are taken, send smaller batches"));
    }
    fn encode<M: Message + serde::de::DeserializeOwned>(request: &[u8]) -> Result<Vec<u8>, String> {
        let request: M = serde_json::from_slice(request).map_err(|error| format!("not an OTLP request: {error}"))?;
        Ok(request.encode_to_vec())
    }
    match signal {
        Signal::Traces => encode::<ExportTraceServiceRequest>(request),
        Signal::Metrics => encode::<ExportMetricsServiceRequest>(request),
        Signal::Logs => encode::<ExportLogsServiceRequest>(request),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::samples;

    #[test]
    fn a_request_is_the_same_in_either_encoding() {
        for signal in Signal::ALL {
            let json = samples::json(signal);
            assert_eq!(to_protobuf(signal, json.as_bytes()), Ok(samples::request(signal)), "{json}");
        }
    }

    #[test]
    fn javascripts_spelling_is_understood() {
        let json = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}],
            "droppedAttributesCount":0},"scopeSpans":[{"scope":{"name":"app","version":""},"spans":[{
            "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"click","kind":1,
            "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000",
            "attributes":[{"key":"n","value":{"intValue":7}},{"key":"m","value":{"intValue":"8"}}],"droppedAttributesCount":0,
            "events":[],"droppedEventsCount":0,"status":{"code":0},"links":[],"droppedLinksCount":0,"flags":257}]}]}]}"#;
        let request = to_protobuf(Signal::Traces, json.as_bytes()).unwrap();
        let request = ExportTraceServiceRequest::decode(&*request).unwrap();
        let span = &request.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!((span.trace_id.len(), span.attributes.len(), span.flags), (16, 2, 257));
    }

    #[test]
    fn bombs_are_refused() {
        let deep = format!("{{\"resourceSpans\":{}", "[".repeat(200_000));
        assert!(to_protobuf(Signal::Traces, deep.as_bytes()).is_err());
        let many = format!("{{\"resourceSpans\":[{}{{}}]}}", "{},".repeat(OBJECTS_MAX));
        assert!(to_protobuf(Signal::Traces, many.as_bytes()).unwrap_err().contains("send smaller batches"));
        let values = "{\"arrayValue\":{\"values\":[".repeat(100_000);
        let body = format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"body\":{values}");
        assert!(to_protobuf(Signal::Logs, body.as_bytes()).unwrap_err().contains("recursion limit exceeded"));
    }
}
