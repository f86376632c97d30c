//! Bar R1: any hook with any values, ten million times. Nothing panics, memory stays bounded, everything is counted.

mod support;

use support::memory::resident_bytes;
use support::random::Random;
use waspect_recorder::{Aggregator, Config, DropReason, Outcome, Recorder, Resource, Timestamp};

const CALLS: u64 = 10_000_000;
const FUNCTIONS: u32 = 100;
const GROWTH_MAX_BYTES: u64 = 16 << 20;

#[test]
fn ten_million_calls_of_nonsense_are_survived_and_counted() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let config = Config::default();
    let mut recorder = Recorder::new(&config, Some([1; 16]));
    let mut aggregator = Aggregator::new(&config, Resource::default(), 0);
    let base = recorder.module(Timestamp(0), 0, 1, 2, FUNCTIONS);
    let (mut calls, mut unknown, mut tokens) = (0, 0, [0_u32; 16]);
    let before = resident_bytes();
    for step in 0..CALLS {
        let number = random.next();
        let now = Timestamp(if number & 0xff00 == 0 { random.next() } else { step * 50 });
        // Half of the ids and tokens are real.
        let known = number & 1 == 0;
        let id = if known { base + random.below(u64::from(FUNCTIONS)) as u32 } else { random.next() as u32 | 1 << 24 };
        let token = if number & 2 == 0 { tokens[(number >> 8 & 15) as usize] } else { random.next() as u32 };
        match number >> 16 & 15 {
            0..=3 => {
                let token = recorder.enter(now, id);
                tokens[(number >> 8 & 15) as usize] = token;
                calls += u64::from(known);
                unknown += u64::from(!known);
                assert!(known || token == 0);
            }
            4..=7 => recorder.exit(now, token),
            8 if number >> 24 & 1 == 0 => recorder.unwound(now, token),
            8 => recorder.unwind(now, token),
            9 => {
                tokens[(number >> 8 & 15) as usize] = recorder.begin(now, id);
                unknown += u64::from(!known);
            }
            10 => recorder.end(now, token),
            11 => {
                recorder.alloc64(now, id, random.next() >> 40, random.next() >> 40, random.next());
                unknown += u64::from(!known);
            }
            12 => {
                recorder.alloc(now, id, random.next() as u32, random.next() as u32, random.next() as u32);
                unknown += u64::from(!known);
            }
            13 => {
                recorder.grow64(now, id, random.next() as u32, random.next(), random.next());
                unknown += u64::from(!known);
            }
            14 => recorder.lane(random.below(4_000) as u32),
            _ if number >> 20 & 7 == 0 => recorder.scope_end(now, token, &Outcome::Dropped),
            _ if number >> 20 & 7 == 1 => {
                recorder.module(now, random.below(2) as u32, 0, random.next() as u32, random.next() as u32 | 1 << 25);
            }
            _ => tokens[(number >> 8 & 15) as usize] = recorder.scope_begin(now, random.next(), None),
        }
        if step % 100_000 == 0 {
            aggregator.merge(recorder.drain(now));
            aggregator.take_traces();
        }
    }
    aggregator.merge(recorder.drain(Timestamp(u64::MAX)));
    aggregator.metrics(u64::MAX);
    let growth = resident_bytes().saturating_sub(before);
    let snapshot = aggregator.snapshot();
    let dropped = |reason| snapshot.drops.iter().find(|(other, _)| *other == reason).map_or(0, |(_, count)| *count);
    assert_eq!(snapshot.functions.iter().map(|function| function.calls).sum::<u64>(), calls);
    assert_eq!(dropped(DropReason::Function), unknown);
    assert!(dropped(DropReason::Token) > 1_000_000);
    println!("{CALLS} calls of nonsense: {} KiB more memory; {:?}", growth >> 10, snapshot.drops);
    assert!(growth < GROWTH_MAX_BYTES, "{growth} bytes");
}
