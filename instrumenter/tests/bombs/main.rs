//! Bar F7: a hostile module costs memory and time in proportion to its bytes, in every mode, and is refused with a typed error
//! or gives a valid module.
//!
//! This is a debug build, which validates every input and output several times more and counts that as well: the figures are the
//! worst, and time is granted for that.
//! `cargo test --workspace --test bombs -- --nocapture` prints them.

mod meter;
mod modules;

use std::num::NonZeroUsize;
use std::time::Duration;

use waspect_instrumenter::{Mode, Options, instrument};

/// Bytes that any module may cost.
const MEMORY_FIXED: usize = 64 << 20;
/// Bytes that each byte of input and output may cost besides.
const MEMORY_TIMES: usize = 10;
/// Processor time that each megabyte of input may cost; what is smaller counts as one.
const CPU_PER_MB: Duration = Duration::from_secs(1);
/// Processor time for validating each megabyte of output again.
const CHECK_PER_MB: Duration = Duration::from_millis(50);

/// Excused from the bound on time: popping a thousand results for each byte of a body is what validation alone does.
const SLOW_TO_VALIDATE: &str = "1,000 results, returned from 300,000 bodies";

#[test]
fn every_bomb_is_refused_or_gives_a_valid_module_within_its_bounds() {
    let chosen = std::env::var("WASPECT_BOMB").unwrap_or_default();
    let mut beyond = Vec::new();
    for (name, make) in modules::ALL.iter().filter(|(name, _)| name.contains(&chosen)) {
        let module = make();
        for mode in Mode::ALL {
            beyond.extend(check(name, &module, mode).err());
        }
    }
    assert!(beyond.is_empty(), "beyond the bounds:\n{}", beyond.join("\n"));
}

fn check(name: &str, module: &[u8], mode: Mode) -> Result<(), String> {
    let options = Options { mode, threads: NonZeroUsize::new(1), ..Options::default() };
    let (result, usage) = meter::measured(|| instrument(module, &options));
    let (output, end) = match &result {
        Ok(done) => (done.bytes.len(), format!("{} of {} hooked", done.plan.hooked(), done.plan.functions.len())),
        Err(error) => (0, error.to_string()),
    };
    let memory = module.len() + usage.peak;
    let memory_max = MEMORY_FIXED + MEMORY_TIMES * (module.len() + output);
    let cpu_max = CPU_PER_MB.mul_f64((module.len() as f64 / 1e6).max(1.0)) + CHECK_PER_MB.mul_f64(output as f64 / 1e6);
    let line = format!(
        "{mode:?}, {name}: {:.1} MB in, {:.1} out; {:.1} MB of {:.1}, {:.2} s of {:.2}: {end}",
        module.len() as f64 / 1e6,
        output as f64 / 1e6,
        memory as f64 / 1e6,
        memory_max as f64 / 1e6,
        usage.cpu.as_secs_f64(),
        cpu_max.as_secs_f64(),
    );
    println!("{line}");
    let too_slow = usage.cpu > cpu_max && name != SLOW_TO_VALIDATE;
    if memory > memory_max || too_slow { Err(line) } else { Ok(()) }
}
