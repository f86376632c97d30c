//! Metrics requests without their deltas: those go on added up. Read where they lie; what has none stays as it came.

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::otlp::fields::{Field, Fields, messages};

/// OTLP's number for deltas.
const DELTA: u64 = 1;

/// What is left of a request without them; `None`: nothing is.
pub(super) fn without(request: &Bytes) -> Option<Bytes> {
    let of_scopes = || messages(request, 1).flat_map(|of_resource| messages(of_resource, 2));
    if !of_scopes().flat_map(|of_scope| messages(of_scope, 2)).any(is_delta) {
        return Some(request.clone());
    }
    let kept = keep(request, 1, &|of_resource| {
        keep(of_resource, 2, &|of_scope| keep(of_scope, 2, &|metric| (!is_delta(metric)).then(|| metric.to_vec())))
    });
    kept.map(Bytes::from)
}

/// Whether a metric tells deltas.
fn is_delta(metric: &[u8]) -> bool {
    let data = Fields::new(metric).filter_map(|field| match field {
        (7 | 9 | 10, Field::Bytes(data)) => Some(data),
        _ => None,
    });
    let temporality = |data| Fields::new(data).filter(|(number, _)| *number == 2).last();
    data.last().and_then(temporality) == Some((2, Field::Varint(DELTA)))
}

/// A message with the messages in its field of that number as `inner` leaves them. `None`: none of them is left.
pub(super) fn keep(message: &[u8], number: u32, inner: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let (mut out, mut any) = (Vec::with_capacity(message.len()), false);
    for field in Fields::new(message) {
        // These messages hold nothing but others, and text.
        let (field, Field::Bytes(bytes)) = field else { continue };
        let kept;
        let bytes = match field == number {
            false => bytes,
            true => match inner(bytes) {
                Some(left) => {
                    (kept, any) = (left, true);
                    &kept
                }
                None => continue,
            },
        };
        encode_key(field, WireType::LengthDelimited, &mut out);
        encode_varint(bytes.len() as u64, &mut out);
        out.extend_from_slice(bytes);
    }
    any.then_some(out)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use prost::Message;

    use super::*;
    use crate::otlp::{Signal, samples};

    fn sample() -> ExportMetricsServiceRequest {
        ExportMetricsServiceRequest::decode(&*samples::request(Signal::Metrics)).unwrap()
    }

    fn is_delta(data: &Option<Data>) -> bool {
        let temporality = match data.as_ref().unwrap() {
            Data::Sum(sum) => sum.aggregation_temporality,
            Data::Histogram(histogram) => histogram.aggregation_temporality,
            Data::ExponentialHistogram(histogram) => histogram.aggregation_temporality,
            Data::Gauge(_) | Data::Summary(_) => 0,
        };
        temporality == 1
    }

    #[test]
    fn deltas_are_left_out_and_nothing_else() {
        let mut expected = sample();
        expected.resource_metrics[0].scope_metrics[0].metrics.retain(|metric| !is_delta(&metric.data));
        assert_eq!(expected.resource_metrics[0].scope_metrics[0].metrics.len(), 3, "the sample has two of them");
        let left = without(&sample().encode_to_vec().into()).unwrap();
        assert_eq!(ExportMetricsServiceRequest::decode(left.clone()).unwrap(), expected);
        assert_eq!(without(&left), Some(left), "the rest is as it came");
    }

    #[test]
    fn nothing_is_left_of_deltas_alone() {
        let mut request = sample();
        request.resource_metrics[0].scope_metrics[0].metrics.retain(|metric| is_delta(&metric.data));
        assert_eq!(without(&request.encode_to_vec().into()), None);
    }
}
