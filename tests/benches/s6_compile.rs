//! Bar S6: what instrumentation costs wasmtime before the first call: compiling and instantiating.
//!
//! ```console
//! cargo xtask bench s6_compile
//! ```

use std::fs;

use wasmtime::{Engine, Linker, Module, Result, Store};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use waspect_instrumenter::{Mode, Options, instrument};
use waspect_tests::assets;
use waspect_tests::bench::{Variant, compare, timed};
use waspect_wasmtime::{Observe, Observer, add_to_linker};

const COMPILE_ROUNDS: usize = 5;
const INSTANTIATE_ROUNDS: usize = 201;

struct State {
    wasi: WasiP1Ctx,
    observe: Observe,
}

fn main() -> Result<()> {
    let engine = Engine::default();
    let observer = Observer::builder().build()?;
    let mut linker = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |state: &mut State| &mut state.wasi)?;
    add_to_linker(&mut linker, |state: &mut State| &mut state.observe)?;
    for guest in ["sqlite", "quickjs", "go-work"] {
        let original = fs::read(assets::guest(guest))?;
        let instrumented = |mode| instrument(&original, &Options { mode, ..Options::default() });
        let (counts, calls) = (instrumented(Mode::Counts)?.bytes, instrumented(Mode::Calls)?.bytes);
        let subjects = [("uninstrumented", &original), ("counts", &counts), ("calls (bar 1.25)", &calls)];
        compare(
            &format!("{guest}: compile"),
            COMPILE_ROUNDS,
            &mut subjects.map(|(name, bytes)| {
                let engine = &engine;
                Variant::new(name, move || timed(|| Module::new(engine, bytes).expect("the module is valid")))
            }),
        );

        let mut ready = Vec::new();
        for (name, bytes) in subjects {
            let module = Module::new(&engine, bytes)?;
            if !std::ptr::eq(bytes, &original) {
                observer.add_module(&module, bytes)?;
            }
            ready.push((name, linker.instantiate_pre(&module)?));
        }
        let mut variants: Vec<_> = ready
            .iter()
            .map(|(name, module)| {
                Variant::new(name, || {
                    let state = State { wasi: WasiCtxBuilder::new().build_p1(), observe: observer.observe() };
                    let mut store = Store::new(&engine, state);
                    timed(|| module.instantiate(&mut store).expect("the guest starts"))
                })
            })
            .collect();
        compare(&format!("{guest}: instantiate"), INSTANTIATE_ROUNDS, &mut variants);
    }
    Ok(())
}
