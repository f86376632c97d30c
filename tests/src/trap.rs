//! Runs a guest until it traps, and reads the backtrace as wasmtime tells it.

use wasmtime::{Config, Engine, Linker, Module, OptLevel, Store, WasmBacktrace, WasmBacktraceDetails};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use waspect_abi::BuildId;

use crate::debug_info::Symbol;
use crate::engine;
use crate::facts::Facts;
use crate::hooks;
use crate::mock::{Mock, Proof};

/// A frame of a backtrace.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function's name.
    pub function: String,
    /// The function itself and what was inlined into it, innermost first.
    pub symbols: Vec<Symbol>,
}

struct Host {
    wasi: WasiP1Ctx,
    mock: Mock,
}

/// The frames of a guest that traps in the way of its argument, innermost first, without injected functions; `original` are
/// the bytes before instrumentation.
pub fn frames(original: &[u8], prepared: &[u8], argument: &str) -> Vec<Frame> {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None).wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config.shared_memory(true);
    // An endless recursion has more frames than anyone reads.
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(50));
    engine::proposals(&mut config);
    let engine = Engine::new(&config).expect("wasmtime takes this configuration");
    let module = Module::new(&engine, prepared).expect("a module");
    let wasi = WasiCtxBuilder::new().args(&["guest", argument]).build_p1();
    let mut store = Store::new(&engine, Host { wasi, mock: Mock::new(Proof::Strict) });
    let mut linker = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |host: &mut Host| &mut host.wasi).expect("WASI");
    hooks::link(&mut linker, |host: &mut Host| &mut host.mock).expect("hooks");
    let mock = &mut store.data_mut().mock;
    mock.expect(BuildId::of(original), Facts::of(original));
    mock.scope_begin();
    let instance = linker.instantiate(&mut store, &module).expect("an instance");
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start").expect("a command");
    let error = start.call(&mut store, ()).expect_err("it traps");
    let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap_or_else(|| panic!("no backtrace: {error:?}"));
    let frames = backtrace.frames().iter().map(|frame| Frame {
        function: frame.func_name().unwrap_or_default().to_owned(),
        symbols: frame
            .symbols()
            .iter()
            .map(|symbol| {
                let file = symbol.file().map(str::to_owned);
                (symbol.name().map(str::to_owned), file, symbol.line(), symbol.column())
            })
            .collect(),
    });
    frames.filter(|frame| !frame.function.starts_with("waspect.")).collect()
}
