//! What a hooked call costs over an empty pair of hooks and two readings of the clock (second half of bar S2), and how
//! that compares with the naive way: `Instant::now` and a growing `Vec`.
//!
//! ```console
//! cargo bench -p waspect-wasmtime --bench hooks
//! ```
//!
//! All variants run the same guest, interleaved, in one process; the figure of each is its fastest round.

use std::hint::black_box;
use std::time::{Duration, Instant};

use wasmtime::{Caller, Engine, Linker, Module, Store, TypedFunc};
use waspect_abi::hooks::{HOOK_MODULE, Hook};
use waspect_instrumenter::{Options, instrument};
use waspect_wasmtime::{Config, Observe, Observer, add_to_linker, scope};

const ROUNDS: usize = 15;

/// The worst case: functions that do nothing else than call each other. fib(27) makes 832,040 calls.
const FIB: i32 = 27;
const CALLS: f64 = 832_040.0;
const WAT: &str = r#"(module
    (func $fib (export "fib") (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (i32.const 1))
            (else (i32.add
                (call $fib (i32.sub (local.get 0) (i32.const 1)))
                (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#;

/// What the stores of all variants hold.
struct State {
    observe: Observe,
    clock: quanta::Clock,
    events: Vec<(u32, Instant)>,
}

struct Variant {
    name: &'static str,
    store: Store<State>,
    fib: TypedFunc<i32, i32>,
    best: Duration,
}

impl Variant {
    fn new(
        name: &'static str,
        observer: &Observer,
        engine: &Engine,
        module: &Module,
        linker: &Linker<State>,
    ) -> Variant {
        let state = State { observe: observer.observe(), clock: quanta::Clock::new(), events: Vec::new() };
        let mut store = Store::new(engine, state);
        let instance = linker.instantiate(&mut store, module).expect("the guest starts");
        let fib = instance.get_typed_func(&mut store, "fib").expect("the guest exports fib");
        Variant { name, store, fib, best: Duration::MAX }
    }

    fn round(&mut self) {
        self.store.data_mut().events.clear();
        let fib = self.fib.clone();
        let began = Instant::now();
        let result = scope(&mut self.store, |state| &mut state.observe, |store| fib.call(store, black_box(FIB)));
        self.best = self.best.min(began.elapsed());
        black_box(result.expect("the guest returns"));
    }

    fn ns_per_call(&self) -> f64 {
        self.best.as_nanos() as f64 / CALLS
    }
}

/// Defines `module`, `enter`, `exit`, `begin` and `end`; the guest imports no others.
fn hooks(
    engine: &Engine,
    enter: impl Fn(&mut Caller<'_, State>, u32) -> u32 + Copy + Send + Sync + 'static,
    exit: impl Fn(&mut Caller<'_, State>, u32) + Copy + Send + Sync + 'static,
) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(HOOK_MODULE, Hook::Module.name(), |_: u32, _: u32, _: u32, _: u32| 0u32)?;
    for hook in [Hook::Enter, Hook::Begin] {
        linker.func_wrap(HOOK_MODULE, hook.name(), move |mut caller: Caller<'_, State>, func: u32| {
            enter(&mut caller, func)
        })?;
    }
    for hook in [Hook::Exit, Hook::End] {
        linker.func_wrap(HOOK_MODULE, hook.name(), move |mut caller: Caller<'_, State>, token: u32| {
            exit(&mut caller, token);
        })?;
    }
    Ok(linker)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::default();
    let original = wat::parse_str(WAT)?;
    let plain = Module::new(&engine, &original)?;
    let instrumented = instrument(&original, &Options::default())?;
    let module = Module::new(&engine, &instrumented.bytes)?;
    // No budget: the governor would stop the measurement.
    let config = Config { overhead_budget: f64::INFINITY, ..Config::default() };
    let observer = Observer::builder().recording(config).sink(|_, _| ()).build()?;
    observer.add_module(&module, &instrumented.bytes)?;

    let none = Linker::new(&engine);
    let empty = hooks(&engine, |_, _| 1, |_, _| ())?;
    let clock = hooks(
        &engine,
        |caller, _| caller.data().clock.raw() as u32 | 1,
        |caller, _| {
            black_box(caller.data().clock.raw());
        },
    )?;
    let naive = hooks(
        &engine,
        |caller, func| {
            let now = Instant::now();
            caller.data_mut().events.push((func, now));
            1
        },
        |caller, func| {
            let now = Instant::now();
            caller.data_mut().events.push((func, now));
        },
    )?;
    let mut recording = Linker::new(&engine);
    add_to_linker(&mut recording, |state: &mut State| &mut state.observe)?;

    let mut variants = [
        Variant::new("uninstrumented", &observer, &engine, &plain, &none),
        Variant::new("empty hooks", &observer, &engine, &module, &empty),
        Variant::new("clock only", &observer, &engine, &module, &clock),
        Variant::new("naive: Instant, Vec", &observer, &engine, &module, &naive),
        Variant::new("waspect", &observer, &engine, &module, &recording),
    ];
    for _ in 0..ROUNDS {
        variants.iter_mut().for_each(Variant::round);
    }
    let base = variants[0].ns_per_call();
    for variant in &variants {
        let ns = variant.ns_per_call();
        println!("{:<20} {ns:>7.1} ns a call, x{:.1}", variant.name, ns / base);
    }
    let [_, _, clock, naive, ours] = &variants;
    println!(
        "recording costs {:.1} ns a call over hooks and clock (bar: 15)",
        ours.ns_per_call() - clock.ns_per_call()
    );
    println!("the naive way costs {:.2} times as much as ours", naive.ns_per_call() / ours.ns_per_call());
    Ok(())
}
