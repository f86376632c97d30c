//! What is taken of a request: all of it as it came, or what is left without spans that nobody could take.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::{Encoding, Signal, Summary, inspect, to_protobuf};

/// Messages in one request, of which each costs memory wherever the request is decoded.
const MESSAGES_MAX: u64 = 1 << 20;

/// What is taken of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// What is kept: byte for byte as it came, unless some of it was rejected.
    pub body: Bytes,
    /// How it is written.
    pub encoding: Encoding,
    /// Items in it.
    pub items: u64,
    /// Items that are not in it any more.
    pub rejected: u64,
}

/// Decides what is taken. An error is for the sender: the same request will never be taken.
pub fn admit(signal: Signal, encoding: Encoding, body: Bytes) -> Result<Admitted, String> {
    let converted = match encoding {
        Encoding::Protobuf => None,
        Encoding::Json => Some(to_protobuf(signal, &body)?),
    };
    let protobuf = converted.as_deref().unwrap_or(&body);
    let Summary { items, invalid, messages } = inspect(signal, protobuf).map_err(|error| error.to_string())?;
    if messages > MESSAGES_MAX {
        return Err(format!(
            "{messages} messages in one request; at most {MESSAGES_MAX} are taken, send smaller batches"
        ));
    }
    if invalid == 0 {
        return Ok(Admitted { body, encoding, items, rejected: 0 });
    }
    // One bad span makes most receivers refuse its whole batch: it must not reach them.
    let mut request = ExportTraceServiceRequest::decode(protobuf).map_err(|error| error.to_string())?;
    for scope in request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans) {
        scope.spans.retain(has_ids);
    }
    let body = request.encode_to_vec().into();
    Ok(Admitted { body, encoding: Encoding::Protobuf, items: items - invalid, rejected: invalid })
}

fn has_ids(span: &Span) -> bool {
    let is_id = |id: &[u8], length| id.len() == length && id.iter().any(|byte| *byte != 0);
    is_id(&span.trace_id, 16) && is_id(&span.span_id, 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::samples;

    #[test]
    fn what_is_whole_is_kept_byte_for_byte() {
        for signal in Signal::ALL {
            let json = Bytes::from(samples::json(signal));
            let admitted = admit(signal, Encoding::Json, json.clone()).unwrap();
            assert_eq!((admitted.body, admitted.encoding), (json, Encoding::Json));

            // A field of a later version is none of our business.
            let mut later = samples::request(signal);
            later.extend([0xa2, 0x06, 2, 1, 2]);
            let admitted = admit(signal, Encoding::Protobuf, later.clone().into()).unwrap();
            assert_eq!((&admitted.body[..], admitted.rejected), (&later[..], 0));
        }
    }

    #[test]
    fn spans_without_ids_are_rejected_alone() {
        let admitted = admit(Signal::Traces, Encoding::Protobuf, samples::invalid_span().into()).unwrap();
        assert_eq!((admitted.items, admitted.rejected), (2, 1));
        let kept = inspect(Signal::Traces, &admitted.body).unwrap();
        assert_eq!((kept.items, kept.invalid), (2, 0));
    }

    #[test]
    fn a_request_of_many_empty_messages_is_refused() {
        let empty_spans = [0x12, 0].repeat(MESSAGES_MAX as usize);
        let wrap = |field: u8, inner: &[u8]| {
            let mut out = vec![field << 3 | 2];
            prost::encoding::encode_varint(inner.len() as u64, &mut out);
            out.extend(inner);
            out
        };
        let request = wrap(1, &wrap(2, &empty_spans));
        let error = admit(Signal::Traces, Encoding::Protobuf, request.into()).unwrap_err();
        assert!(error.contains("send smaller batches"), "{error}");
    }
}
