//! What the bench binaries share: interleaved rounds, medians, ratios within one run.

use std::time::{Duration, Instant};

/// Something that is timed, by the name that the table shows.
pub struct Variant<'a> {
    /// What the table calls it.
    pub name: &'static str,
    run: Box<dyn FnMut() -> Duration + 'a>,
    rounds: Vec<Duration>,
}

impl<'a> Variant<'a> {
    /// `run` does one round and gives back what is to be compared: not its set-up.
    pub fn new(name: &'static str, run: impl FnMut() -> Duration + 'a) -> Variant<'a> {
        Variant { name, run: Box::new(run), rounds: Vec::new() }
    }

    /// The median of its rounds.
    pub fn median(&self) -> Duration {
        let mut rounds = self.rounds.clone();
        rounds.sort();
        rounds[rounds.len() / 2]
    }
}

/// Runs every variant once a round, so that a change of the machine's speed meets them all, and gives their medians as ratios to the
/// first one's, printed as a table.
pub fn compare(title: &str, rounds: usize, variants: &mut [Variant<'_>]) -> Vec<f64> {
    for _ in 0..rounds {
        for variant in variants.iter_mut() {
            let round = (variant.run)();
            variant.rounds.push(round);
        }
    }
    let base = variants[0].median();
    println!("{title}, medians of {rounds} interleaved rounds");
    let ratio = |variant: &Variant<'_>| variant.median().as_secs_f64() / base.as_secs_f64();
    for variant in variants.iter() {
        println!("  {:<24} {:>10.3} ms  x{:.3}", variant.name, variant.median().as_secs_f64() * 1e3, ratio(variant));
    }
    variants.iter().map(ratio).collect()
}

/// How long `work` takes.
pub fn timed<R>(work: impl FnOnce() -> R) -> Duration {
    let began = Instant::now();
    std::hint::black_box(work());
    began.elapsed()
}
