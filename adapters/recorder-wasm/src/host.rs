//! What the host asks of the recorder besides hooks. Numbers are `i32` and `f64` only: no `i64` crosses to JavaScript. Times of
//! the calendar are milliseconds since 1970.
//!
//! SAFETY of every `no_mangle` below: the name is exported by no other item of the module.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use waspect_abi::Manifest;
#[cfg(feature = "profile")]
use waspect_recorder::Batch;
use waspect_recorder::{Aggregator, Interrupt, Outcome, Parent, Recorder, Resource, Temporality, Value};

use crate::state::{nanoseconds, now, with};

/// Options for [`option`].
const OPTION_MIN_DURATION_NS: u32 = 0;
const OPTION_PER_ROOT_MAX: u32 = 1;
const OPTION_OPEN_ROOT_NS: u32 = 2;
const OPTION_DEPTH_MAX: u32 = 3;
const OPTION_LEAK_AGE_NS: u32 = 4;
const OPTION_OVERHEAD_BUDGET: u32 = 5;
const OPTION_HOOK_PAIR_NS: u32 = 6;
const OPTION_CLOCK_RESOLUTION_NS: u32 = 7;
const OPTION_SAMPLING_RATIO: u32 = 8;
const OPTION_DELTA: u32 = 9;
const OPTION_SPANS: u32 = 10;

/// Makes the buffer `len` bytes long and gives its address, for the host to write what the next call reads.
#[unsafe(no_mangle)]
extern "C" fn buffer(len: u32) -> *const u8 {
    with(|state| {
        state.buffer.clear();
        state.buffer.resize(len as usize, 0);
        state.buffer.as_ptr()
    })
}

/// Address of what the last call left in the buffer; that call gave its length.
#[unsafe(no_mangle)]
extern "C" fn output() -> *const u8 {
    with(|state| state.buffer.as_ptr())
}

/// Sets an option before [`configure`]; unknown ones do nothing.
#[unsafe(no_mangle)]
extern "C" fn option(option: u32, value: f64) {
    with(|state| {
        let config = state.config.get_or_insert_default();
        match option {
            OPTION_MIN_DURATION_NS => config.spans.min_duration_ns = value as u64,
            OPTION_PER_ROOT_MAX => config.spans.per_root_max = value as usize,
            OPTION_OPEN_ROOT_NS => config.spans.open_root_ns = value as u64,
            OPTION_DEPTH_MAX => config.limits.depth_max = value as usize,
            OPTION_LEAK_AGE_NS => config.leak_age_ns = value as u64,
            OPTION_OVERHEAD_BUDGET => config.overhead_budget = value,
            OPTION_HOOK_PAIR_NS => config.hook_pair_ns = value as u64,
            OPTION_CLOCK_RESOLUTION_NS => config.clock_resolution_ns = value as u64,
            OPTION_SAMPLING_RATIO => config.sampling.ratio = value,
            OPTION_DELTA => {
                config.temporality = match value as u32 {
                    0 => Temporality::Cumulative,
                    1 => Temporality::Delta,
                    _ => Temporality::Changes,
                }
            }
            OPTION_SPANS => config.spans.on = value != 0.0,
            _ => {}
        }
    });
}

/// Begins. The buffer holds 16 random bytes, all zero for none, which means no spans until [`seed`]; then the resource's
/// attributes, keys and values in turn, a zero byte between them.
#[unsafe(no_mangle)]
extern "C" fn configure(wall_unix_ms: f64) {
    with(|state| {
        let (entropy, texts) = match state.buffer.split_first_chunk::<16>() {
            Some((entropy, texts)) => (Some(*entropy).filter(|entropy| u128::from_le_bytes(*entropy) != 0), texts),
            None => (None, [].as_slice()),
        };
        let mut texts = texts.split(|byte| *byte == 0).map(text);
        let mut attributes = Vec::new();
        while let (Some(key), Some(value)) = (texts.next(), texts.next()) {
            attributes.push((key, Value::Text(value)));
        }
        let config = state.config.get_or_insert_default();
        config.preallocate = true;
        let limits = &mut config.limits;
        (limits.depth_max, limits.nodes_max) = (limits.depth_max.min(16_384), 8_192);
        (limits.histograms_max, limits.spans_max) = (512, 4_096);
        limits.allocations_max = 24_000;
        let recorder = Recorder::new(config, entropy);
        let aggregator = Aggregator::new(config, Resource { attributes }, nanoseconds(wall_unix_ms));
        // They live as long as the instance: code that drops them would be dead weight.
        // SAFETY: the places are valid, and what was there before is leaked.
        unsafe {
            core::ptr::write(&mut state.recorder, Some(recorder));
            core::ptr::write(&mut state.aggregator, Some(aggregator));
        }
    });
}

/// `Recorder::seed`, with the 16 bytes in the buffer.
#[unsafe(no_mangle)]
extern "C" fn seed() {
    with(|state| {
        if let (Some(recorder), Some((entropy, _))) = (&mut state.recorder, state.buffer.split_first_chunk()) {
            recorder.seed(*entropy);
        }
    });
}

/// Adds the manifest in the buffer; 1 when it could be read. Before [`configure`] it can not.
#[unsafe(no_mangle)]
extern "C" fn add_manifest() -> u32 {
    with(|state| match (&mut state.recorder, Manifest::decode_bytes(&state.buffer)) {
        (Some(recorder), Ok(manifest)) => {
            recorder.add_manifest(Arc::new(manifest));
            1
        }
        _ => 0,
    })
}

/// `Recorder::scope_begin`. With `parent` 1 the buffer holds trace id, span id, flags (25 bytes), then the trace state.
#[unsafe(no_mangle)]
extern "C" fn scope_begin(wall_unix_ms: f64, parent: u32) -> u32 {
    let now = now();
    with(|state| {
        let parent = if parent == 0 { None } else { read_parent(&state.buffer) };
        let Some(recorder) = &mut state.recorder else { return 0 };
        recorder.scope_begin(now, nanoseconds(wall_unix_ms), parent.as_ref())
    })
}

/// `Recorder::scope_end`. The outcome: 0 returned, 1 trapped, 2 exited with `code`, 3 host error, 4 fuel, 5 epoch, 6 cancelled,
/// 7 dropped. For 1 and 3 the buffer holds code or kind, message and backtrace, a zero byte between them.
#[unsafe(no_mangle)]
extern "C" fn scope_end(scope: u32, outcome: u32, code: i32) {
    let now = now();
    with(|state| {
        let mut parts = state.buffer.splitn(3, |byte| *byte == 0);
        let mut part = || text(parts.next().unwrap_or_default());
        let outcome = match outcome {
            1 => Outcome::Trapped { code: part().into(), message: part(), backtrace: part() },
            2 => Outcome::Exited(code),
            3 => Outcome::HostError { kind: part().into(), message: part(), backtrace: part() },
            4 => Outcome::Interrupted(Interrupt::Fuel),
            5 => Outcome::Interrupted(Interrupt::Epoch),
            6 => Outcome::Cancelled,
            7 => Outcome::Dropped,
            _ => Outcome::Returned,
        };
        if let Some(recorder) = &mut state.recorder {
            recorder.scope_end(now, scope, &outcome);
        }
    });
}

/// `Recorder::close_lane`: the host knows that nothing runs on the current lane any more, but not how it ended.
#[unsafe(no_mangle)]
extern "C" fn close_lane() {
    let now = now();
    with(|state| {
        if let Some(recorder) = &mut state.recorder {
            recorder.close_lane(now, &Outcome::Returned);
        }
    });
}

/// `Recorder::anchor`.
#[unsafe(no_mangle)]
extern "C" fn anchor(wall_unix_ms: f64) {
    let now = now();
    with(|state| {
        if let Some(recorder) = &mut state.recorder {
            recorder.anchor(now, nanoseconds(wall_unix_ms));
        }
    });
}

/// `Recorder::lane`.
#[cfg(feature = "stacks")]
#[unsafe(no_mangle)]
extern "C" fn lane(lane: u32) {
    with(|state| {
        if let Some(recorder) = &mut state.recorder {
            recorder.lane(lane);
        }
    });
}

/// `Recorder::depth`.
#[unsafe(no_mangle)]
extern "C" fn depth() -> u32 {
    with(|state| state.recorder.as_ref().map_or(0, |recorder| recorder.depth() as u32))
}

/// `Recorder::suspended`.
#[cfg(feature = "stacks")]
#[unsafe(no_mangle)]
extern "C" fn suspended() -> u32 {
    with(|state| state.recorder.as_ref().map_or(0, |recorder| recorder.suspended() as u32))
}

/// `Recorder::context`: 25 bytes in the buffer (trace id, span id, flags), or none.
#[unsafe(no_mangle)]
extern "C" fn context() -> u32 {
    with(|state| {
        state.buffer.clear();
        if let Some(context) = state.recorder.as_mut().and_then(Recorder::context) {
            state.buffer.extend_from_slice(&context.trace_id);
            state.buffer.extend_from_slice(&context.span_id);
            state.buffer.push(context.flags);
        }
        state.buffer.len() as u32
    })
}

/// `Recorder::counts`, the counter in two halves.
#[unsafe(no_mangle)]
extern "C" fn counts(base: u32, func: u32, high: u32, low: u32) {
    with(|state| {
        if let Some(recorder) = &mut state.recorder {
            recorder.counts(base, func, u64::from(high) << 32 | u64::from(low));
        }
    });
}

/// `Recorder::memory`.
#[unsafe(no_mangle)]
extern "C" fn memory_size(base: u32, bytes: f64) {
    with(|state| {
        if let Some(recorder) = &mut state.recorder {
            recorder.memory(base, bytes as u64);
        }
    });
}

/// `Recorder::instance_end`.
#[unsafe(no_mangle)]
extern "C" fn instance_end(base: u32, memory_bytes: f64) {
    let now = now();
    with(|state| {
        if let Some(recorder) = &mut state.recorder {
            recorder.instance_end(now, base, memory_bytes as u64);
        }
    });
}

/// Merges what was recorded and lets the governor decide. Call it about once a second, at a boundary.
#[unsafe(no_mangle)]
extern "C" fn tick() {
    let now = now();
    with(|state| {
        if let (Some(recorder), Some(aggregator)) = (&mut state.recorder, &mut state.aggregator) {
            aggregator.merge(recorder.drain(now));
            aggregator.tick();
        }
    });
}

/// `Recorder::gate_changes`: 12 bytes each in the buffer (base, function, open), little-endian. Gives the length in bytes.
#[unsafe(no_mangle)]
extern "C" fn gate_changes() -> u32 {
    with(|state| {
        state.buffer.clear();
        if let (Some(recorder), Some(aggregator)) = (&mut state.recorder, &mut state.aggregator) {
            for change in recorder.gate_changes(&aggregator.untimed()) {
                for word in [change.base, change.function, u32::from(change.open)] {
                    state.buffer.extend_from_slice(&word.to_le_bytes());
                }
            }
        }
        state.buffer.len() as u32
    })
}

/// `Aggregator::take_traces_within` after a [`tick`]: the request in the buffer, its length, 0 when there is none.
#[unsafe(no_mangle)]
extern "C" fn take_traces(bytes_max: u32) -> u32 {
    with(|state| {
        let batch = state.aggregator.as_mut().and_then(|aggregator| aggregator.take_traces_within(bytes_max as usize));
        state.give(batch)
    })
}

/// `Aggregator::metrics` after a [`tick`]: the request in the buffer, and its length.
#[unsafe(no_mangle)]
extern "C" fn metrics(wall_unix_ms: f64) -> u32 {
    with(|state| {
        let batch = state.aggregator.as_mut().map(|aggregator| aggregator.metrics(nanoseconds(wall_unix_ms)));
        state.give(batch)
    })
}

/// `Aggregator::leave`.
#[unsafe(no_mangle)]
extern "C" fn leave() {
    with(|state| _ = state.aggregator.as_mut().map(Aggregator::leave));
}

/// After a [`tick`], pprof of what was recorded, and its length: with `piece` 0 of everything, with 1 of what came since the last piece, or none.
#[cfg(feature = "profile")]
#[unsafe(no_mangle)]
extern "C" fn profile(piece: u32) -> u32 {
    with(|state| {
        let mut profile = state.aggregator.as_ref().map(Aggregator::profile).unwrap_or_default();
        if piece != 0 {
            let since = profile.since(state.told.get_or_insert_default());
            state.told = Some(core::mem::replace(&mut profile, since));
        }
        let some = piece == 0 || !profile.is_empty();
        state.give(some.then(|| Batch { bytes: profile.pprof(), items: 1 }))
    })
}

/// Hosts write UTF-8; what is none is empty.
fn text(bytes: &[u8]) -> String {
    core::str::from_utf8(bytes).unwrap_or_default().to_owned()
}

/// Spans or data points in the request that was taken last.
#[unsafe(no_mangle)]
extern "C" fn items() -> u32 {
    with(|state| state.items)
}

fn read_parent(buffer: &[u8]) -> Option<Parent> {
    let (trace_id, rest) = buffer.split_first_chunk::<16>()?;
    let (span_id, rest) = rest.split_first_chunk::<8>()?;
    let (flags, state) = rest.split_first()?;
    let trace_state = text(state);
    Some(Parent { trace_id: *trace_id, span_id: *span_id, flags: *flags, trace_state })
}
