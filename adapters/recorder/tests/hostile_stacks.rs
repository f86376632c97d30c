//! Stacks of a guest that make no sense (rules L3 to L11): nothing panics, memory stays bounded, and every frame closes once.

mod support;

use support::memory::resident_bytes;
use support::random::Random;
use waspect_abi::hooks::{point, stack};
use waspect_recorder::{Aggregator, Config, DropReason, Outcome, Recorder, Resource, Timestamp};

const CALLS: u64 = 3_000_000;
const FUNCTIONS: u32 = 100;
const GROWTH_MAX_BYTES: u64 = 32 << 20;

#[test]
fn stacks_that_make_no_sense_are_survived_and_every_frame_closes_once() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    let config = Config::default();
    let mut recorder = Recorder::new(&config, Some([1; 16]));
    let mut aggregator = Aggregator::new(&config, Resource::default(), 0);
    let base = recorder.module(Timestamp(0), 0, 1, 2, FUNCTIONS);
    let (mut tokens, mut went_on, mut scope) = ([(0_u32, 0_u32); 32], 0, None);
    let trapped = Outcome::Trapped { code: "unreachable".into(), message: String::new(), backtrace: String::new() };
    let before = resident_bytes();
    for step in 0..CALLS {
        let number = random.next();
        let now = Timestamp(step * 50);
        let slot = (number >> 8 & 31) as usize;
        let (id, token) = tokens[slot];
        // Few stacks and functions, so that things meet; now and then anything.
        let wild = number & 0x3f == 0;
        let id = if wild { base + random.below(u64::from(FUNCTIONS)) as u32 } else { id };
        match number >> 16 & 15 {
            0..=4 => {
                let id = base + random.below(8) as u32;
                let point = if number & 0xc0 == 0 { random.next() as u32 } else { 0 };
                let stack = if wild { random.next() as u32 } else { random.below(6) as u32 };
                // Half of them are of stacks that get their names late, and go on as a whole.
                let (point, stack) = match (number & 0x100_0000 == 0, point) {
                    (true, 0) => (0, stack::UNNAMED),
                    (true, _) => (point::REWINDING, stack | stack::NAME_BITS),
                    (false, point) => (point, stack),
                };
                went_on += u64::from(point != 0);
                tokens[slot] = (id, recorder.enter_or_resume(now, id, point, stack, random.below(2_000) as u32));
            }
            5..=7 => recorder.exit_or_suspend(now, token, 0),
            8..=9 => recorder.exit_or_suspend(now, token, 1),
            10..=11 => recorder.exit_or_suspend(now, token, random.below(6) as u32 | stack::NAME_BITS),
            12 => recorder.exit_or_suspend(now, token, if wild { random.next() as u32 } else { 2 }),
            13 => tokens[slot] = (id, recorder.enter(now, base + random.below(8) as u32)),
            14 if number >> 20 & 31 == 0 => recorder.lane(random.below(3) as u32),
            14 => recorder.exit(now, token),
            _ if number >> 20 & 15 > 0 => recorder.unwind(now, token),
            _ => match scope.take() {
                Some(scope) => recorder.scope_end(now, scope, &trapped),
                None => scope = Some(recorder.scope_begin(now, random.next(), None)),
            },
        }
        if step % 2_000 == 0 {
            // Or the limits of depth would decide what is recorded.
            recorder.close_lane(now, &Outcome::Dropped);
            scope = None;
        }
        if step % 100_000 == 0 {
            aggregator.merge(recorder.drain(now));
            aggregator.take_traces();
        }
    }
    for lane in 0..3 {
        recorder.lane(lane);
        recorder.close_lane(Timestamp(u64::MAX), &Outcome::Dropped);
        assert_eq!(recorder.depth(), 0);
    }
    aggregator.merge(recorder.drain(Timestamp(u64::MAX)));
    let growth = resident_bytes().saturating_sub(before);
    let snapshot = aggregator.snapshot();
    let (calls, closed) = snapshot
        .functions
        .iter()
        .fold((0, 0), |(calls, closed), function| (calls + function.calls, closed + function.timed_calls));
    println!(
        "{CALLS} calls of nonsense: {calls} calls, {closed} frames, {went_on} went on, {} KiB more memory; {:?}",
        growth >> 10,
        snapshot.drops
    );
    assert!(snapshot.drops.iter().all(|(reason, _)| *reason != DropReason::Depth), "{:?}", snapshot.drops);
    assert!(
        calls > 0 && calls <= closed && closed - calls <= went_on,
        "{calls} calls, {closed} frames, {went_on} went on"
    );
    assert!(growth < GROWTH_MAX_BYTES, "{growth} bytes");
}
