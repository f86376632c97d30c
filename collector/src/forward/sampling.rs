//! Which traces go on. What is stored, asked for and counted is all of them.
//!
//! ```text
//! log -> look ahead, as far as `decision_wait` after the request that is next -> what is known of its traces -> the request without others
//! ```
//!
//! Why read the log twice, and not keep spans in memory until their trace is decided? They are on disk anyway; and an endpoint that
//! was away gets what it would have got. So all that is kept is three numbers a trace.
//!
//! Chance is the trace's own: its id's last 56 bits, as OpenTelemetry has it for consistent sampling. So every collector, every
//! exporter and every restart chooses the same traces, and a lower percentage chooses some of a higher one's.

use std::collections::{HashMap, VecDeque};
use std::io;

use bytes::Bytes;

use super::deltas::keep;
use crate::config::{Policy, Sampling};
use crate::entry::Entry;
use crate::log::Reader;
use crate::otlp::Signal;
use crate::otlp::fields::{Field, Fields, messages};

/// How many values 56 bits have.
const CHANCES: f64 = (1_u64 << 56) as f64;

/// What one exporter knows of traces.
pub(super) struct Sampler {
    /// In ms.
    pub wait_ms: u64,
    policies: Policies,
    traces: Traces,
    ahead: Reader,
    /// The request that was read last, and came later than what was wanted.
    next: Option<Entry>,
}

/// When a trace goes on: one is enough.
#[derive(Clone, Copy, Debug, Default)]
struct Policies {
    /// By number; a span has one of them.
    statuses: [bool; 3],
    latency_ns: Option<u64>,
    /// Chances below it.
    probability: u64,
}

/// Traces that were seen.
struct Traces {
    max: usize,
    seen: HashMap<u128, Trace>,
    /// In the order in which they were seen first.
    order: VecDeque<u128>,
}

#[derive(Clone, Copy)]
struct Trace {
    start_min: u64,
    end_max: u64,
    /// A span has a status that is wanted.
    status: bool,
}

impl Sampler {
    /// `ahead` reads from where the exporter goes on.
    pub fn new(sampling: &Sampling, ahead: Reader) -> Sampler {
        Sampler {
            wait_ms: u64::try_from(sampling.decision_wait.as_millis()).unwrap_or(u64::MAX),
            policies: Policies::new(&sampling.policies),
            traces: Traces::new(usize::try_from(sampling.num_traces).unwrap_or(usize::MAX)),
            ahead,
            next: None,
        }
    }

    /// Reads on, to the end or to what came after that time. Blocks for the disk.
    pub fn look_ahead(&mut self, until_unix_ms: u64) -> io::Result<()> {
        loop {
            let entry = match self.next.take() {
                Some(entry) => entry,
                None => match self.ahead.read()? {
                    None => return Ok(()),
                    // Of a later version of ours: it is left alone here as everywhere.
                    Some(record) => match Entry::decode(&record.payload) {
                        Some(entry) => entry,
                        None => continue,
                    },
                },
            };
            if entry.received_unix_ms > until_unix_ms {
                self.next = Some(entry);
                return Ok(());
            }
            if entry.signal == Signal::Traces
                && let Ok(request) = entry.protobuf()
            {
                self.traces.see(&request, &self.policies);
            }
        }
    }

    /// A request without the spans of traces that do not go on, and how many those are. `None`: nothing is left.
    pub fn sampled(&self, request: &Bytes) -> (Option<Bytes>, u64) {
        let goes_on = |span: &[u8]| trace_id(span).is_some_and(|id| self.traces.goes_on(id, &self.policies));
        let out = spans(request).filter(|span| !goes_on(span)).count() as u64;
        if out == 0 {
            return (Some(request.clone()), 0);
        }
        let left = keep(request, 1, &|of_resource| {
            keep(of_resource, 2, &|of_scope| keep(of_scope, 2, &|span| goes_on(span).then(|| span.to_vec())))
        });
        (left.map(Bytes::from), out)
    }
}

impl Policies {
    fn new(policies: &[Policy]) -> Policies {
        let mut all = Policies::default();
        for policy in policies {
            for code in policy.status_code.iter().flat_map(|policy| &policy.status_codes) {
                all.statuses[*code as usize] = true;
            }
            if let Some(latency) = &policy.latency {
                let threshold_ns = latency.threshold_ms.saturating_mul(1_000_000);
                all.latency_ns = Some(all.latency_ns.map_or(threshold_ns, |least| least.min(threshold_ns)));
            }
            if let Some(chance) = &policy.probabilistic {
                all.probability = all.probability.max((chance.sampling_percentage / 100.0 * CHANCES) as u64);
            }
        }
        all
    }
}

impl Traces {
    fn new(max: usize) -> Traces {
        Traces { max, seen: HashMap::new(), order: VecDeque::new() }
    }

    fn see(&mut self, request: &[u8], policies: &Policies) {
        for span in spans(request) {
            let Some(id) = trace_id(span) else { continue };
            let (mut start, mut end, mut status) = (0, 0, 0);
            for field in Fields::new(span) {
                match field {
                    (7, Field::Fixed(said)) => start = said,
                    (8, Field::Fixed(said)) => end = said,
                    (15, Field::Bytes(said)) => status = code(said),
                    _ => {}
                }
            }
            let trace = self.trace(id);
            trace.start_min = trace.start_min.min(start);
            trace.end_max = trace.end_max.max(end);
            trace.status |= policies.statuses.get(status).is_some_and(|wanted| *wanted);
        }
    }

    fn trace(&mut self, id: u128) -> &mut Trace {
        if !self.seen.contains_key(&id) {
            if self.order.len() >= self.max
                && let Some(oldest) = self.order.pop_front()
            {
                self.seen.remove(&oldest);
            }
            self.order.push_back(id);
        }
        self.seen.entry(id).or_insert(Trace { start_min: u64::MAX, end_max: 0, status: false })
    }

    fn goes_on(&self, id: u128, policies: &Policies) -> bool {
        // OpenTelemetry samples what is not below a threshold, which is what is not wanted.
        let chance = id as u64 & ((1 << 56) - 1);
        if chance >= (1 << 56) - policies.probability {
            return true;
        }
        self.seen.get(&id).is_some_and(|trace| {
            let latency_ns = trace.end_max.saturating_sub(trace.start_min);
            trace.status || policies.latency_ns.is_some_and(|threshold| latency_ns >= threshold)
        })
    }
}

fn spans(request: &[u8]) -> impl Iterator<Item = &[u8]> {
    let scopes = messages(request, 1).flat_map(|of_resource| messages(of_resource, 2));
    scopes.flat_map(|of_scope| messages(of_scope, 2))
}

fn trace_id(span: &[u8]) -> Option<u128> {
    messages(span, 1).last()?.try_into().ok().map(u128::from_be_bytes)
}

/// The number of a status.
fn code(status: &[u8]) -> usize {
    let said = Fields::new(status).filter_map(|field| match field {
        (3, Field::Varint(code)) => usize::try_from(code).ok(),
        _ => None,
    });
    said.last().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
    use prost::Message;

    use super::*;

    fn span(trace: u128, start_and_end_ms: [u64; 2], code: i32) -> Span {
        let [start_time_unix_nano, end_time_unix_nano] = start_and_end_ms.map(|ms| ms * 1_000_000);
        let status = (code != 0).then(|| Status { code, ..Status::default() });
        let trace_id = trace.to_be_bytes().to_vec();
        Span { trace_id, start_time_unix_nano, end_time_unix_nano, status, ..Span::default() }
    }

    fn request(spans: Vec<Span>) -> Vec<u8> {
        let scope_spans = vec![ScopeSpans { spans, schema_url: "s".into(), ..ScopeSpans::default() }];
        TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }.encode_to_vec()
    }

    fn policies(yaml: &str) -> Policies {
        let yaml = format!("exporters: {{otlp: {{endpoint: \"a:1\", sampling: {{policies: {yaml}}}}}}}");
        let config = crate::config::load(&yaml, []).unwrap();
        Policies::new(&config.exporters["otlp"].sampling.as_ref().unwrap().policies)
    }

    #[test]
    fn traces_go_on_for_an_error_or_for_how_long_they_take_over_all_requests() {
        let policies = policies(
            "[{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}, \
              {name: slow, type: latency, latency: {threshold_ms: 500}}]",
        );
        let mut traces = Traces::new(100);
        traces.see(
            &request(vec![span(1, [0, 1], 0), span(2, [0, 1], 1), span(3, [0, 300], 0), span(4, [0, 499], 0)]),
            &policies,
        );
        assert!((1..=4).all(|id| !traces.goes_on(id, &policies)));
        traces.see(&request(vec![span(1, [1, 2], 2), span(3, [400, 500], 0), span(4, [1, 2], 7)]), &policies);
        let goes_on: Vec<_> = (1..=5).filter(|id| traces.goes_on(*id, &policies)).collect();
        assert_eq!(goes_on, [1, 3], "an error came later; the spans together take 500 ms");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let policies = policies("[{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]");
        let mut traces = Traces::new(10);
        traces.see(&request((0..11).map(|id| span(id, [0, 1], 2)).collect()), &policies);
        assert_eq!((traces.seen.len(), traces.order.len()), (10, 10));
        assert!(!traces.goes_on(0, &policies) && traces.goes_on(1, &policies) && traces.goes_on(10, &policies));
    }

    #[test]
    fn chance_is_the_traces_own_and_less_is_part_of_more() {
        let [none, quarter, half, all] = [0.0, 25.0, 50.0, 100.0].map(|percentage| {
            policies(&format!(
                "[{{name: a, type: probabilistic, probabilistic: {{sampling_percentage: {percentage}}}}}]"
            ))
        });
        let (traces, mut counts) = (Traces::new(1), [0; 4]);
        for id in (0..10_000_u128).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)) {
            let chosen = [none, quarter, half, all].map(|policies| traces.goes_on(id, &policies));
            assert!(chosen.is_sorted(), "{id}: {chosen:?}");
            chosen.iter().zip(&mut counts).for_each(|(chosen, count)| *count += u32::from(*chosen));
        }
        assert_eq!((counts[0], counts[3]), (0, 10_000));
        assert!(counts[1].abs_diff(2_500) < 100 && counts[2].abs_diff(5_000) < 100, "{counts:?}");
        // As the specification has it: half of them are those whose 56 bits begin with a one.
        assert!(!traces.goes_on(0xff7f_ffff_ffff_ffff, &half) && traces.goes_on(0x0080_0000_0000_0000, &half));
    }
}
