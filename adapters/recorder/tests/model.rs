//! Bar R2: random sequences of calls, exceptions, callbacks, traps, dropped instances and clock steps, against a model that is
//! a plain list of open frames. Every span must be there once, with its times, status and ancestors.

mod support;

use std::collections::BTreeMap;

use support::random::Random;
use waspect_recorder::{Aggregator, Config, Outcome, Recorder, Resource, Timestamp};

const SEQUENCES: u64 = 1_000;
const STEPS: u64 = 150;
const HOUR_NS: u64 = 3_600_000_000_000;
const FUNCTIONS: u32 = 6;
const IMPORT: u32 = 5;

/// A span as both sides tell it: names from the root down, start, end, how it ended.
type Told = (Vec<String>, u64, u64, &'static str);

#[test]
fn no_span_is_leaked_or_has_a_wrong_parent() {
    let mut spans = 0;
    for seed in 1..=SEQUENCES {
        let mut run = Run::new(seed);
        for _ in 0..STEPS {
            run.step();
        }
        run.end_scope(&Outcome::Returned, "unwound");
        spans += run.compare(seed);
    }
    println!("{SEQUENCES} sequences, {spans} spans: 0 leaked, 0 mis-parented");
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Call,
    Begin,
    /// The call right above its `begin`: no span of its own.
    Merged,
}

struct Open {
    kind: Kind,
    function: u32,
    token: u32,
    start: u64,
}

struct Run {
    random: Random,
    recorder: Recorder,
    /// What the clock reads, and what time it truly is to the recorder.
    clock: u64,
    time: u64,
    base: u32,
    scope: u32,
    stack: Vec<Open>,
    told: Vec<Told>,
    calls: BTreeMap<String, u64>,
    stale: Vec<u32>,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut config = Config::default();
        config.spans.min_duration_ns = 0;
        config.spans.per_root_max = 100_000;
        let mut recorder = Recorder::new(&config, Some([seed as u8; 16]));
        let clock = 10 * HOUR_NS;
        let base = recorder.module(Timestamp(clock), 0, 1, 2, FUNCTIONS);
        let scope = recorder.scope_begin(Timestamp(clock), clock, None);
        let random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (stack, told, stale) = (Vec::new(), Vec::new(), Vec::new());
        Run { random, recorder, clock, time: clock, base, scope, stack, told, calls: BTreeMap::new(), stale }
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..=6 => self.call(),
            7..=11 => self.leave(),
            12 => self.throw(),
            13 | 14 => self.call_back(),
            15 => self.close_stale(),
            16 => self.miss_exits(),
            17 => self.restart(
                &Outcome::Trapped { code: "unreachable".into(), message: String::new(), backtrace: String::new() },
                "error",
            ),
            18 => self.restart(&Outcome::Cancelled, "given up"),
            _ => self.drop_instance(),
        }
    }

    /// Time passes; now and then the clock is set back by an hour, and the time stands still for that step.
    fn now(&mut self) -> Timestamp {
        let passed = self.random.below(1_000);
        if self.random.below(40) == 0 && self.clock > 2 * HOUR_NS {
            self.clock -= HOUR_NS;
        } else {
            self.clock += passed;
            self.time += passed;
        }
        Timestamp(self.clock)
    }

    fn enter(&mut self, function: u32, kind: Kind) {
        let now = self.now();
        let token = self.recorder.enter(now, self.base + function);
        assert_ne!(token, 0);
        *self.calls.entry(format!("func[{function}]")).or_default() += 1;
        self.stack.push(Open { kind, function, token, start: self.time });
    }

    fn call(&mut self) {
        let function = self.random.below(u64::from(FUNCTIONS)) as u32;
        let merged = self.stack.last().is_some_and(|top| top.kind == Kind::Begin && top.function == function);
        // A call right above its own `begin` is made by `call_back` alone.
        if !merged {
            self.enter(function, Kind::Call);
        }
    }

    /// The innermost frame returns.
    fn leave(&mut self) {
        let Some(top) = self.stack.last() else { return };
        let (kind, token) = (top.kind, top.token);
        let now = self.now();
        if kind == Kind::Begin {
            self.recorder.end(now, token);
        } else {
            self.recorder.exit(now, token);
        }
        self.close(self.stack.len() - 1, "returned");
        self.stale.push(token);
    }

    /// An exception, caught by some frame that is open.
    fn throw(&mut self) {
        let at = self.random.below(self.stack.len().max(1) as u64) as usize;
        let Some(handler) = self.stack.get(at).filter(|frame| frame.kind != Kind::Begin) else { return };
        let token = handler.token;
        let now = self.now();
        self.recorder.unwind(now, token);
        self.close(at + 1, "unwound");
    }

    /// The guest calls an import, which calls an export.
    fn call_back(&mut self) {
        if self.stack.last().is_some_and(|top| top.kind == Kind::Begin && top.function == IMPORT) {
            return;
        }
        self.enter(IMPORT, Kind::Call);
        let now = self.now();
        let function = self.random.below(u64::from(IMPORT)) as u32;
        let token = self.recorder.begin(now, self.base + function);
        self.stack.push(Open { kind: Kind::Begin, function, token, start: self.time });
        self.enter(function, Kind::Merged);
    }

    /// A token that was closed before: ignored.
    fn close_stale(&mut self) {
        if let Some(token) = self.stale.pop() {
            let now = self.now();
            self.recorder.exit(now, token);
        }
    }

    /// Some frame returns though those above it are open.
    fn miss_exits(&mut self) {
        let at = self.random.below(self.stack.len().max(1) as u64) as usize;
        let Some(frame) = self.stack.get(at).filter(|frame| frame.kind != Kind::Begin) else { return };
        let token = frame.token;
        let now = self.now();
        self.recorder.exit(now, token);
        self.close(at + 1, "unwound");
        self.close(at, "returned");
    }

    fn restart(&mut self, outcome: &Outcome, ending: &'static str) {
        self.end_scope(outcome, ending);
        let now = self.now();
        self.scope = self.recorder.scope_begin(now, self.time, None);
    }

    fn drop_instance(&mut self) {
        self.end_scope(&Outcome::Dropped, "given up");
        let now = self.now();
        self.recorder.instance_end(now, self.base, 0);
        let now = self.now();
        self.base = self.recorder.module(now, 0, 1, 2, FUNCTIONS);
        let now = self.now();
        self.scope = self.recorder.scope_begin(now, self.time, None);
    }

    fn end_scope(&mut self, outcome: &Outcome, ending: &'static str) {
        let now = self.now();
        self.recorder.scope_end(now, self.scope, outcome);
        self.close(0, ending);
        assert_eq!(self.recorder.depth(), 0);
    }

    /// What the model says of the frames from `depth` up.
    fn close(&mut self, depth: usize, ending: &'static str) {
        while self.stack.len() > depth {
            let spans = self.stack.iter().filter(|frame| frame.kind != Kind::Merged);
            let path: Vec<String> = spans.map(|frame| format!("func[{}]", frame.function)).collect();
            let frame = self.stack.pop().unwrap();
            if frame.kind != Kind::Merged {
                self.told.push((path, frame.start, self.time, ending));
            }
        }
    }

    fn compare(mut self, seed: u64) -> usize {
        let mut aggregator = Aggregator::new(&Config::default(), Resource::default(), 0);
        let now = self.now();
        aggregator.merge(self.recorder.drain(now));
        let batch = aggregator.take_traces();
        let mut found = batch.map(|batch| told(&batch.bytes)).unwrap_or_default();
        found.sort();
        self.told.sort();
        assert!(found == self.told, "sequence {seed}: spans differ");
        let functions = aggregator.snapshot().functions;
        let calls: BTreeMap<String, u64> =
            functions.into_iter().filter(|f| f.calls > 0).map(|f| (f.name, f.calls)).collect();
        assert_eq!(calls, self.calls, "sequence {seed}");
        found.len()
    }
}

fn told(bytes: &[u8]) -> Vec<Told> {
    let spans = support::spans(bytes);
    let by_id: BTreeMap<&[u8], _> = spans.iter().map(|span| (span.span_id.as_slice(), span)).collect();
    assert_eq!(by_id.len(), spans.len(), "a span id twice");
    let tell = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
        let mut path = vec![span.name.clone()];
        let mut above = span;
        while !above.parent_span_id.is_empty() {
            above = by_id.get(above.parent_span_id.as_slice()).expect("the parent was sent");
            assert_eq!(above.trace_id, span.trace_id);
            path.push(above.name.clone());
        }
        path.reverse();
        let attributes = support::attributes(&span.attributes);
        let ending = match (span.status.as_ref().map_or(0, |status| status.code), attributes.get("wasm.outcome")) {
            (2, _) => "error",
            (_, Some(_)) => "given up",
            _ if attributes.contains_key("wasm.function.unwound") => "unwound",
            _ => "returned",
        };
        (path, span.start_time_unix_nano, span.end_time_unix_nano, ending)
    };
    spans.iter().map(tell).collect()
}
