//! Walks an encoded request without building it: whether it is whole, and what it counts.
//!
//! Why not decode it? The store keeps the bytes as they came, so a decoded copy would be made to be thrown away; and two hostile
//! bytes decode to a message of hundreds. The walk takes no memory at all.

use thiserror::Error;

use super::Signal;
use super::schema::{self, Message, Role, Type};

/// Messages within messages, the request being the first. Generated decoders refuse more, and so would whoever gets it next.
const DEPTH_MAX: u32 = 100;

/// Bytes are no request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("not an OTLP request: {what} at byte {at}")]
pub struct Malformed {
    /// What is wrong.
    pub what: &'static str,
    /// Where.
    pub at: usize,
}

/// What a request counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Spans, data points or log records.
    pub items: u64,
    /// Of them, spans without a trace id of 16 bytes and a span id of 8 that are not all zero.
    pub invalid: u64,
    /// Messages of any kind: what decoding would build.
    pub messages: u64,
}

/// Walks a request of that signal.
pub fn inspect(signal: Signal, request: &[u8]) -> Result<Summary, Malformed> {
    let message = match signal {
        Signal::Traces => &schema::TRACES,
        Signal::Metrics => &schema::METRICS,
        Signal::Logs => &schema::LOGS,
    };
    walk(message, request)
}

/// The same for a profile of pprof, which is written in protocol buffers, too.
pub fn inspect_profile(profile: &[u8]) -> Result<Summary, Malformed> {
    walk(&schema::PROFILE, profile)
}

fn walk(message: &Message, bytes: &[u8]) -> Result<Summary, Malformed> {
    let mut walk = Walk { bytes, summary: Summary::default() };
    walk.message(message, 0, bytes.len(), 0)?;
    Ok(walk.summary)
}

/// Messages of a whole span: what decoding it would build.
pub fn messages_of_span(span: &[u8]) -> u64 {
    let mut walk = Walk { bytes: span, summary: Summary::default() };
    // It was whole when it was received; if it is not now, decoding says so.
    let _ = walk.message(&schema::SPAN, 0, span.len(), 0);
    walk.summary.messages
}

struct Walk<'b> {
    bytes: &'b [u8],
    summary: Summary,
}

// Wire types of protocol buffers.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const GROUP: u64 = 3;
const GROUP_END: u64 = 4;
const FIXED32: u64 = 5;

impl Walk<'_> {
    fn message(&mut self, message: &Message, mut at: usize, end: usize, depth: u32) -> Result<(), Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed { what: "too many messages within messages", at });
        }
        self.summary.messages += 1;
        let (mut trace_id, mut span_id) = (0..0, 0..0);
        while at < end {
            let start = at;
            let (number, wire) = self.tag(&mut at, end)?;
            let Some((_, field)) = message.fields.iter().find(|(field, _)| *field == number) else {
                self.skip(number, wire, &mut at, end, depth)?;
                continue;
            };
            match (*field, wire) {
                (Type::Message(inner), LENGTH) => {
                    let range = self.length(&mut at, end)?;
                    self.message(inner, range.start, range.end, depth + 1)?;
                }
                (Type::Text, LENGTH) => {
                    let range = self.length(&mut at, end)?;
                    if str::from_utf8(&self.bytes[range.clone()]).is_err() {
                        return Err(Malformed { what: "text that is not UTF-8", at: range.start });
                    }
                }
                (Type::Bytes, LENGTH) => {
                    let range = self.length(&mut at, end)?;
                    match number {
                        1 => trace_id = range,
                        2 => span_id = range,
                        _ => {}
                    }
                }
                (Type::Varint | Type::Varints, VARINT) => drop(self.varint(&mut at, end)?),
                (Type::Fixed64 | Type::Fixed64s, FIXED64) => self.fixed(8, &mut at, end)?,
                (Type::Fixed32, FIXED32) => self.fixed(4, &mut at, end)?,
                (Type::Fixed64s, LENGTH) => {
                    let range = self.length(&mut at, end)?;
                    if range.len() % 8 != 0 {
                        return Err(Malformed { what: "a list of numbers that is cut off", at: range.start });
                    }
                }
                (Type::Varints, LENGTH) => {
                    let mut range = self.length(&mut at, end)?;
                    while range.start < range.end {
                        self.varint(&mut range.start, range.end)?;
                    }
                }
                _ => return Err(Malformed { what: "a field of another type", at: start }),
            }
        }
        match message.role {
            Role::Part => {}
            Role::Item => self.summary.items += 1,
            Role::Span => {
                self.summary.items += 1;
                let valid = is_id(&self.bytes[trace_id], 16) && is_id(&self.bytes[span_id], 8);
                self.summary.invalid += u64::from(!valid);
            }
        }
        Ok(())
    }

    /// A field that this version of OTLP does not have: it may be of a later one.
    fn skip(&self, number: u32, wire: u64, at: &mut usize, end: usize, depth: u32) -> Result<(), Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed { what: "too many messages within messages", at: *at });
        }
        match wire {
            VARINT => self.varint(at, end).map(drop),
            FIXED64 => self.fixed(8, at, end),
            LENGTH => self.length(at, end).map(drop),
            FIXED32 => self.fixed(4, at, end),
            GROUP => loop {
                let start = *at;
                match self.tag(at, end)? {
                    (inner, GROUP_END) if inner == number => return Ok(()),
                    (_, GROUP_END) => return Err(Malformed { what: "a group that ends as another", at: start }),
                    (inner, wire) => self.skip(inner, wire, at, end, depth + 1)?,
                }
            },
            _ => Err(Malformed { what: "an unknown wire type", at: *at }),
        }
    }

    fn tag(&self, at: &mut usize, end: usize) -> Result<(u32, u64), Malformed> {
        let start = *at;
        let tag = self.varint(at, end)?;
        let number =
            u32::try_from(tag).map_err(|_| Malformed { what: "a field number that is too large", at: start })?;
        match number >> 3 {
            0 => Err(Malformed { what: "field number 0", at: start }),
            number => Ok((number, tag & 7)),
        }
    }

    fn varint(&self, at: &mut usize, end: usize) -> Result<u64, Malformed> {
        let start = *at;
        // Nearly all of them are short.
        if let Some(byte) = self.bytes[..end].get(start).filter(|byte| **byte < 0x80) {
            *at += 1;
            return Ok(u64::from(*byte));
        }
        let mut value = 0_u64;
        for shift in 0..10 {
            let Some(byte) = self.bytes[..end].get(*at) else {
                return Err(Malformed { what: "it is cut off", at: end });
            };
            *at += 1;
            value |= u64::from(byte & 0x7f) << (7 * shift);
            if byte & 0x80 == 0 {
                return match shift == 9 && *byte > 1 {
                    true => break,
                    false => Ok(value),
                };
            }
        }
        Err(Malformed { what: "a number that is too long", at: start })
    }

    fn length(&self, at: &mut usize, end: usize) -> Result<std::ops::Range<usize>, Malformed> {
        let length = self.varint(at, end)?;
        let start = *at;
        match usize::try_from(length).ok().and_then(|length| start.checked_add(length)) {
            Some(inner) if inner <= end => {
                *at = inner;
                Ok(start..inner)
            }
            _ => Err(Malformed { what: "it is cut off", at: start }),
        }
    }

    fn fixed(&self, bytes: usize, at: &mut usize, end: usize) -> Result<(), Malformed> {
        if end - *at < bytes {
            return Err(Malformed { what: "it is cut off", at: *at });
        }
        *at += bytes;
        Ok(())
    }
}

fn is_id(bytes: &[u8], length: usize) -> bool {
    bytes.len() == length && bytes.iter().any(|byte| *byte != 0)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    };
    use prost::Message as _;
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::otlp::samples;

    fn decodes(signal: Signal, bytes: &[u8]) -> bool {
        match signal {
            Signal::Traces => ExportTraceServiceRequest::decode(bytes).is_ok(),
            Signal::Metrics => ExportMetricsServiceRequest::decode(bytes).is_ok(),
            Signal::Logs => ExportLogsServiceRequest::decode(bytes).is_ok(),
        }
    }

    #[test]
    fn a_request_is_whole_when_the_generated_decoder_says_so() {
        let mut random = SmallRng::seed_from_u64(1);
        let (mut whole, mut broken) = (0, 0);
        for _ in 0..20_000 {
            let signal = Signal::ALL[random.random_range(0..3)];
            let mut bytes = samples::request(signal);
            for _ in 0..random.random_range(0..3) {
                let at = random.random_range(0..bytes.len());
                match random.random_range(0..4) {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes[at] = random.random(),
                    2 => bytes.insert(at, random.random()),
                    _ => bytes[at] ^= 1 << random.random_range(0..8),
                }
            }
            let verdict = inspect(signal, &bytes);
            assert_eq!(verdict.is_ok(), decodes(signal, &bytes), "{signal:?} {verdict:?} {bytes:02x?}");
            match verdict {
                Ok(_) => whole += 1,
                Err(_) => broken += 1,
            }
        }
        println!("{whole} whole requests, {broken} broken ones: as the generated decoder says");
        assert!(whole > 4000 && broken > 4000, "{whole} {broken}");
    }

    #[test]
    fn depth_is_limited_where_the_generated_decoder_limits_it() {
        for depth in 1..120 {
            let request = samples::nested(depth);
            assert_eq!(inspect(Signal::Traces, &request).is_ok(), decodes(Signal::Traces, &request), "{depth}");
        }
        let error = inspect(Signal::Traces, &samples::nested(200_000)).unwrap_err();
        assert!(error.to_string().starts_with("not an OTLP request: too many messages within messages at byte "));
    }

    #[test]
    fn items_and_invalid_ids_are_counted() {
        for (signal, items, invalid) in [(Signal::Traces, 2, 0), (Signal::Metrics, 5, 0), (Signal::Logs, 2, 0)] {
            let summary = inspect(signal, &samples::request(signal)).unwrap();
            assert_eq!((summary.items, summary.invalid), (items, invalid), "{signal:?}");
        }
        assert_eq!(inspect(Signal::Traces, &samples::invalid_span()).unwrap().invalid, 1);
        assert_eq!(inspect(Signal::Logs, b"").unwrap(), Summary { messages: 1, ..Summary::default() });
    }
}
