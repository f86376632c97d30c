//! Bar F7: a hostile module costs memory and time in proportion to its bytes, in every mode, and is refused with a typed error
//! or gives a valid module.
//!
//! Time is compared with that of an ordinary module beside it: a slow machine makes no bomb. This is a debug build, which
//! validates every output once more and counts that as well.
//! `cargo test --workspace --test bombs -- --nocapture` prints the figures.

mod meter;
mod modules;

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use waspect_instrumenter::{Mode, Options, instrument};

/// Bytes that any module may cost.
const MEMORY_FIXED: usize = 64 << 20;
/// Bytes that each byte of input and output may cost besides.
const MEMORY_TIMES: usize = 10;
/// How many times what a byte of an ordinary module takes a byte may take. An ordinary megabyte takes less than a tenth of a second
/// on the machine that the bar, one second, is for.
const TIME_TIMES: f64 = 10.0;
/// What is smaller counts as so many bytes.
const SMALL: usize = 1_000_000;
/// Excused from the bound on time: popping a thousand results for each byte of a body is what validation alone does.
const SLOW_TO_VALIDATE: &str = "1,000 results, returned from 100,000 bodies";
/// A module is too slow when it is so often in a row: somebody else may use the machine.
const ATTEMPTS: usize = 3;

#[test]
fn every_bomb_is_refused_or_gives_a_valid_module_within_its_bounds() {
    let chosen = std::env::var("WASPECT_BOMB").unwrap_or_default();
    let ordinary = modules::ordinary();
    let mut beyond = Vec::new();
    for (name, make) in modules::ALL.iter().filter(|(name, _)| name.contains(&chosen)) {
        let module = make();
        for mode in Mode::ALL {
            let times_max = if *name == SLOW_TO_VALIDATE { f64::INFINITY } else { TIME_TIMES };
            let (cost, usual) = compared(&module, &ordinary, mode, times_max);
            let line = format!("{mode:?}, {name}: {cost}, {:.1} times an ordinary byte's", cost.pace() / usual.pace());
            println!("{line}");
            let within = cost.memory <= cost.memory_max() && cost.pace() <= times_max * usual.pace();
            beyond.extend((!within).then_some(line));
        }
    }
    assert!(beyond.is_empty(), "beyond the bounds:\n{}", beyond.join("\n"));
}

/// What a module costs, and an ordinary one beside it: measured again while it looks too slow.
fn compared(module: &[u8], ordinary: &[u8], mode: Mode, times_max: f64) -> (Cost, Cost) {
    let measure = || (Cost::of(module, mode), Cost::of(ordinary, mode));
    let is_slow = |(cost, usual): &(Cost, Cost)| cost.pace() > times_max * usual.pace();
    let mut last = measure();
    for _ in 1..ATTEMPTS {
        if is_slow(&last) {
            last = measure();
        }
    }
    last
}

/// What instrumenting a module took, and what came of it.
struct Cost {
    input: usize,
    output: usize,
    /// Bytes of the input and of what the heap held at most.
    memory: usize,
    cpu: Duration,
    end: String,
}

impl Cost {
    fn of(module: &[u8], mode: Mode) -> Self {
        let options = Options { mode, threads: NonZeroUsize::new(1), ..Options::default() };
        let (result, usage) = meter::measured(|| instrument(module, &options));
        let (output, end) = match &result {
            Ok(done) => (done.bytes.len(), format!("{} of {} hooked", done.plan.hooked(), done.plan.functions.len())),
            Err(error) => (0, error.to_string()),
        };
        Self { input: module.len(), output, memory: module.len() + usage.peak, cpu: usage.cpu, end }
    }

    fn memory_max(&self) -> usize {
        MEMORY_FIXED + MEMORY_TIMES * (self.input + self.output)
    }

    /// Seconds a byte of input and output.
    fn pace(&self) -> f64 {
        self.cpu.as_secs_f64() / (self.input + self.output).max(SMALL) as f64
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: usize| bytes as f64 / 1e6;
        let (input, output, memory, memory_max) =
            (mb(self.input), mb(self.output), mb(self.memory), mb(self.memory_max()));
        let (seconds, end) = (self.cpu.as_secs_f64(), &self.end);
        write!(f, "{end}; {input:.1} MB in, {output:.1} out; {memory:.1} MB of {memory_max:.1}, {seconds:.2} s")
    }
}
