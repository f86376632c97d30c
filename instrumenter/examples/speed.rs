//! What instrumenting costs, beside merely reading every operator (bar S1), and how much the code grows (bar S5).
//!
//! `cargo run --release -p waspect-instrumenter --example speed -- MODULE...`

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use wasmparser::{Parser, Payload};
use waspect_instrumenter::{Mode, ModuleInfo, Options, Placement, Plan, instrument, rewrite};

const ROUNDS: u32 = 5;

fn main() {
    println!(
        "{:48} {:>11} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7}",
        "module", "bytes", "read ms", "facts", "all", "calls", "growth", "counts"
    );
    for path in std::env::args().skip(1) {
        let module = std::fs::read(&path).expect("a module");
        let name = path.rsplit('/').next().unwrap_or_default();
        if let Err(error) = row(name, &module) {
            println!("{name:48} {error}");
        }
    }
}

fn row(name: &str, module: &[u8]) -> Result<(), waspect_instrumenter::Error> {
    let options =
        |mode| Options { mode, manifest: Placement::Sidecar, threads: NonZeroUsize::new(1), ..Options::default() };
    let calls = options(Mode::Calls);
    let read = best(|| read_every_operator(module));
    let facts = best(|| drop(black_box(ModuleInfo::parse_with(module, &calls))));
    let whole = best(|| drop(black_box(instrument(module, &calls))));
    let done = instrument(module, &calls)?;
    let counts = instrument(module, &options(Mode::Counts))?;
    wasmparser::Validator::new_with_features(waspect_instrumenter::minimal_features(module)?)
        .validate_all(&done.bytes)
        .expect("valid output");
    let growth = |bytes: usize| 100.0 * (bytes as f64 - module.len() as f64) / module.len() as f64;
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    println!(
        "{name:48} {:11} {:9.2} {:9.2} {:9.2} x{:6.2} {:6.1}% {:6.1}%  {} hooked, {} thunks, {} allocators",
        module.len(),
        ms(read),
        ms(facts),
        ms(whole),
        whole.as_secs_f64() / read.as_secs_f64(),
        growth(done.bytes.len()),
        growth(counts.bytes.len()),
        done.plan.hooked(),
        done.plan.thunks(),
        done.plan.allocators.len(),
    );
    let info = ModuleInfo::parse(module)?;
    let plan = Plan::new(&info, &calls)?;
    assert_eq!(rewrite(module, &info, &plan)?.bytes, done.bytes);
    Ok(())
}

fn best(mut work: impl FnMut()) -> Duration {
    let once = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..ROUNDS).map(|_| once(&mut work)).min().expect("rounds")
}

fn read_every_operator(module: &[u8]) {
    for payload in Parser::new(0).parse_all(module) {
        if let Ok(Payload::CodeSectionEntry(body)) = payload {
            let mut reader = body.get_operators_reader().expect("a body");
            while !reader.eof() {
                black_box(reader.read().expect("an operator"));
            }
        }
    }
}
