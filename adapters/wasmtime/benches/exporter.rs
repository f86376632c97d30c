//! What a call feels of its exporter (bar R3): nothing. Medians of calls without an exporter, with one that is blocked, and
//! with one whose endpoint takes everything in and never answers; then the ledger, and how long the end takes.
//!
//! ```console
//! cargo bench --workspace --bench exporter
//! ```
//!
//! All variants run the same guest, interleaved, in one process.

use std::io::Read;
use std::net::TcpListener;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::{Engine, Linker, Module, Store, TypedFunc};
use waspect_instrumenter::{Options, instrument};
use waspect_recorder::SpanPolicy;
use waspect_wasmtime::{Config, ExportConfig, Health, Observe, Observer, add_to_linker, scope};

const ROUNDS: usize = 10;
const CALLS_A_ROUND: usize = 2_000;

/// Longest time that the end of a process may take.
const SHUTDOWN: Duration = Duration::from_secs(4);

/// A request's worth of calls: 100 of them, each a span.
const WAT: &str = r#"(module
    (func $leaf)
    (func $run (export "run") (local $i i32)
        (local.set $i (i32.const 100))
        (loop $next
            call $leaf
            (br_if $next (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))))"#;

struct State {
    observe: Observe,
}

struct Variant {
    name: &'static str,
    observer: Observer,
    store: Store<State>,
    run: TypedFunc<(), ()>,
    /// The median call of each round, in nanoseconds.
    medians: Vec<f64>,
}

impl Variant {
    fn new(name: &'static str, engine: &Engine, wasm: &[u8], observer: Observer) -> wasmtime::Result<Variant> {
        let module = Module::new(engine, wasm)?;
        observer.add_module(&module, wasm)?;
        let mut linker = Linker::new(engine);
        add_to_linker(&mut linker, |state: &mut State| &mut state.observe)?;
        let mut store = Store::new(engine, State { observe: observer.observe() });
        let instance = linker.instantiate(&mut store, &module)?;
        let run = instance.get_typed_func(&mut store, "run")?;
        Ok(Variant { name, observer, store, run, medians: Vec::new() })
    }

    fn round(&mut self) {
        let mut calls = Vec::with_capacity(CALLS_A_ROUND);
        for _ in 0..CALLS_A_ROUND {
            let run = self.run.clone();
            let began = Instant::now();
            let result = scope(&mut self.store, |state| &mut state.observe, |store| run.call(store, ()));
            calls.push(began.elapsed().as_nanos() as f64);
            result.expect("the guest returns");
        }
        self.medians.push(median(&mut calls));
    }
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Every call becomes a span, and none goes untimed: what is measured is the way out, not the governor.
fn config() -> Config {
    let spans = SpanPolicy { min_duration_ns: 0, ..SpanPolicy::default() };
    Config { spans, overhead_budget: f64::INFINITY, ..Config::default() }
}

/// The same recording, and encoded batches that nobody wants.
fn without() -> Result<Observer, waspect_wasmtime::Error> {
    Observer::builder().recording(config()).sink(|_, _| ()).build()
}

/// The background thread stands still in its first batch, until the sender is dropped.
fn blocked() -> Result<(Observer, SyncSender<()>), waspect_wasmtime::Error> {
    let (release, blocked) = sync_channel::<()>(0);
    let observer = Observer::builder().recording(config()).sink(move |_, _| _ = blocked.recv()).build()?;
    Ok((observer, release))
}

/// Everything goes to a socket that reads and never answers.
fn black_hole() -> Result<Observer, Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || while stream.read(&mut [0; 1 << 16]).is_ok_and(|count| count > 0) {});
        }
    });
    let export = ExportConfig::from_env(|name| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
        "OTEL_BSP_SCHEDULE_DELAY" | "OTEL_METRIC_EXPORT_INTERVAL" => Some("100".to_owned()),
        _ => None,
    })?;
    Ok(Observer::builder().recording(config()).export(export).build()?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::default();
    let wasm = instrument(&wat::parse_str(WAT)?, &Options::default())?.bytes;
    let (blocked, release) = blocked()?;
    let mut variants = [
        Variant::new("no exporter", &engine, &wasm, without()?)?,
        Variant::new("blocked exporter", &engine, &wasm, blocked)?,
        Variant::new("black hole", &engine, &wasm, black_hole()?)?,
    ];
    // The blocked one gets something to stand still in, before anything is measured.
    variants.iter_mut().for_each(Variant::round);
    for variant in &mut variants {
        variant.medians.clear();
        variant.observer.flush(Duration::from_millis(50));
    }
    for round in 0..ROUNDS {
        // Each goes first in turn.
        let first = round % variants.len();
        (0..variants.len()).for_each(|at| variants[(first + at) % variants.len()].round());
    }
    let base = median(&mut variants[0].medians);
    for variant in &mut variants {
        let median = median(&mut variant.medians);
        println!("{:<17} {:>7.2} us a call, x{:.3}", variant.name, median / 1e3, median / base);
    }
    println!("bar: within x1.100 of no exporter, medians of {ROUNDS} interleaved rounds of {CALLS_A_ROUND} calls");

    let [_, blocked, hole] = variants;
    drop(hole.store);
    let began = Instant::now();
    let health = hole.observer.shutdown(SHUTDOWN);
    println!("black hole: the end takes {:.2} s (bar: 5)", began.elapsed().as_secs_f64());
    ledger(&health);
    drop(blocked.store);
    let began = Instant::now();
    blocked.observer.shutdown(SHUTDOWN);
    println!("blocked: the end takes {:.2} s (bar: 5)", began.elapsed().as_secs_f64());
    drop(release);
    Ok(())
}

/// Prints made = exported + dropped + unconfirmed, and insists on it.
fn ledger(health: &Health) {
    for (name, signal) in [("spans", &health.export.traces), ("points", &health.export.metrics)] {
        let (dropped, unconfirmed) = (signal.dropped_total(), signal.unconfirmed());
        println!(
            "black hole, {name}: {} made = {} exported + {dropped} dropped + {unconfirmed} unconfirmed",
            signal.made, signal.exported
        );
        assert!(signal.made > 0, "{name} were made");
        assert_eq!(signal.made, signal.exported + dropped + unconfirmed, "{name}");
    }
}
