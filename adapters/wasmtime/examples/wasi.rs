//! Instruments a WASI program, runs it, prints what it did, and exports it to the endpoint that the OTEL_* variables name.
//!
//! ```console
//! OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 cargo run -p waspect-wasmtime --example wasi program.wasm
//! ```

use std::error::Error;
use std::time::Duration;

use wasmtime::{Engine, Linker, Module, Store};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};
use waspect_instrumenter::{Options, instrument};
use waspect_wasmtime::{Observe, Observer, add_to_linker, scope};

struct State {
    wasi: WasiP1Ctx,
    observe: Observe,
}

fn main() -> Result<(), Box<dyn Error>> {
    let program = std::env::args().nth(1).ok_or("usage: wasi PROGRAM.wasm")?;
    let observer = Observer::builder().environment()?.service_name("example").build()?;

    // Once a module: instrument, compile, make known.
    let engine = Engine::default();
    let instrumented = instrument(&std::fs::read(program)?, &Options::default())?;
    let module = Module::new(&engine, &instrumented.bytes)?;
    observer.add_module(&module, &instrumented.bytes)?;

    // Once an engine: the hooks stand beside WASI.
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_sync(&mut linker, |state: &mut State| &mut state.wasi)?;
    add_to_linker(&mut linker, |state: &mut State| &mut state.observe)?;

    // Once a store: its observation stands in its data. Once a call: a scope.
    let wasi = WasiCtxBuilder::new().inherit_stdio().build_p1();
    let mut store = Store::new(&engine, State { wasi, observe: observer.observe() });
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    match scope(&mut store, |state| &mut state.observe, |store| start.call(store, ())) {
        Err(error) if !error.is::<I32Exit>() => eprintln!("{error:?}"),
        _ => (),
    }
    drop(store);

    for function in observer.snapshot().functions.iter().take(20) {
        let [total_ms, self_ms] = [function.total_ns, function.self_ns].map(|ns| ns as f64 / 1e6);
        eprintln!("{:>10} calls {total_ms:>9.3} ms, self {self_ms:>9.3} ms  {}", function.calls, function.name);
    }
    let health = observer.shutdown(Duration::from_secs(5));
    let traces = health.export.traces;
    eprintln!("{} of {} spans exported", traces.exported, traces.made);
    Ok(())
}
