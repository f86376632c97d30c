//! What a pair of hooks costs on this machine: what the governor and the summary count overhead by.
//!
//! It knows no store and no guest: it records calls that nobody made, in a recorder that nobody reads.

use std::hint::black_box;
use std::sync::LazyLock;

use waspect_abi::ABI_VERSION;
use waspect_abi::ring::{self, Record};
use waspect_recorder::{Config, Outcome, Recorder};

use crate::clock;

/// Rounds and pairs a round: some 200 µs in all. The quickest round is the one that nothing interrupted.
const ROUNDS: usize = 8;
const PAIRS: u64 = 400;

/// What the guest does besides: two calls of the host, a counter, a gate. It cannot be measured without compiling a guest,
/// which takes milliseconds and a compiler that not every host has. `cargo bench --workspace --bench hooks` shows it as
/// 'empty hooks' over 'uninstrumented': 4 to 5 ns, a twelfth of the rest, so that a machine where it is twice that is not
/// far off.
const TRANSITIONS_NS: u64 = 5;

/// What the two records of a call cost the guest, and their part of a flush: `cargo xtask bench s2_run` shows it as 'floor of ring' over
/// 'uninstrumented', 2.7 ns a call in QuickJS and 2.9 in SQLite.
const RECORDS_NS: u64 = 3;

static HOOK_PAIR_NS: LazyLock<u64> = LazyLock::new(|| measure(round) + TRANSITIONS_NS);

static RECORD_PAIR_NS: LazyLock<u64> = LazyLock::new(|| measure(round_of_records) + RECORDS_NS);

/// What an `enter` and its `exit` cost, both readings of the clock included, in nanoseconds. Measured once a process.
pub(crate) fn hook_pair_ns() -> u64 {
    *HOOK_PAIR_NS
}

/// What a call's two records cost, replaying them included, whichever thread does it, in nanoseconds. Measured once a process.
pub(crate) fn record_pair_ns() -> u64 {
    *RECORD_PAIR_NS
}

/// What a pair costs in the quickest round.
fn measure(round: fn(&mut Recorder, u32) -> u64) -> u64 {
    let mut recorder = Recorder::new(&Config::default(), None);
    let base = recorder.module(clock::now(), ABI_VERSION, 0, 0, 1);
    let scope = recorder.scope_begin(clock::now(), 0, None);
    // A frame below, as real calls have one: a root costs more than a call.
    recorder.enter(clock::now(), base);
    let quickest = (0..ROUNDS).map(|_| round(&mut recorder, base)).min().unwrap_or_default();
    recorder.scope_end(clock::now(), scope, &Outcome::Returned);
    black_box(recorder);
    quickest.div_ceil(PAIRS)
}

fn round(recorder: &mut Recorder, func: u32) -> u64 {
    let began = clock::now();
    for _ in 0..PAIRS {
        let token = recorder.enter(clock::now(), black_box(func));
        recorder.exit(clock::now(), token);
    }
    clock::now().0.saturating_sub(began.0)
}

/// Every other call calls the other half: those that call nothing cost less.
fn round_of_records(recorder: &mut Recorder, func: u32) -> u64 {
    let words = (0..PAIRS as u32 / 2).flat_map(|caller| {
        let [outer, inner] = [4 * caller, 4 * caller + 1].map(|number| Record::Exit(ring::token(number)));
        [Record::Enter(0), Record::Enter(0), inner, outer]
    });
    let records: Vec<u64> = words.map(|record| u64::from(record.word()) << 32).collect();
    let began = clock::now();
    recorder.ring(began, black_box(func), 0, &records);
    clock::now().0.saturating_sub(began.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_costs_more_than_its_transitions() {
        // A clock that stands still would give the constant alone.
        assert!(hook_pair_ns() > TRANSITIONS_NS);
        assert_eq!(hook_pair_ns(), hook_pair_ns());
        assert!(record_pair_ns() > RECORDS_NS);
    }
}
