//! Runs a module with WASI preview 1 in wasmtime, as `wasmtime run` does, with waspect-wasmtime beside it.
//!
//! Knows nothing of how the figures are shown.

mod placing;
mod stdin;
pub mod values;

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use tokio::sync::watch;
use wasmtime::{
    Config, Engine, ExternType, FuncType, Instance, InstancePre, Linker, Module, Store, StoreContextMut, Val,
    WasmBacktraceDetails,
};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};
use waspect_recorder::{Outcome, Parent};
use waspect_wasmtime::{Observe, Observer};

use values::Argument;

/// Stack that guests get, in bytes: twice wasmtime's default, because hooks need room in every frame.
const GUEST_STACK_BYTES: usize = 1 << 20;

/// Stack of the thread that the guest runs on, host functions included, in bytes.
const THREAD_STACK_BYTES: usize = 8 << 20;

/// The module name of WASI preview 1.
const WASI_MODULE: &str = "wasi_snapshot_preview1";

/// The function that a command begins with.
const COMMAND: &str = "_start";

/// The function that a reactor wants to be called before any other.
const REACTOR: &str = "_initialize";

/// What the guest sees of the outside.
pub struct World {
    /// Its arguments, its own name first.
    pub arguments: Vec<String>,
    /// Its environment: nothing is inherited.
    pub environment: Vec<(String, String)>,
    /// Directories that it may use.
    pub directories: Vec<Directory>,
    /// The trace that the run belongs to.
    pub parent: Option<Parent>,
}

/// A directory, `HOST` or `HOST::GUEST`.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Its path.
    pub host: PathBuf,
    /// Its path for the guest.
    pub guest: String,
}

impl FromStr for Directory {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (host, guest) = text.split_once("::").unwrap_or((text, text));
        Ok(Directory { host: host.into(), guest: guest.to_owned() })
    }
}

/// What is called.
pub enum Call {
    /// `_start`.
    Command,
    /// An exported function, with arguments as text.
    Invoke {
        /// Export name.
        function: String,
        /// Arguments.
        arguments: Vec<String>,
        /// The program's name, where it is called as C's `main(argc, argv)`.
        main: Option<String>,
    },
}

impl Call {
    /// The arguments for a function of this type.
    fn arguments(&self, ty: &FuncType) -> Result<Vec<Argument>> {
        match self {
            Call::Command => Ok(Vec::new()),
            Call::Invoke { function, arguments, main: None } => values::parse(arguments, function, ty),
            Call::Invoke { function, arguments, main: Some(program) } => {
                values::parse_main(program, arguments, function, ty)
            }
        }
    }
}

/// What becomes of imports that are not of WASI preview 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Unknown {
    /// The module does not run
    Refuse,
    /// A call of one traps
    Trap,
    /// A call of one returns zeros
    Zero,
}

/// A compiled module, ready to run.
pub struct Guest {
    engine: Engine,
    pre: InstancePre<State>,
    observer: Observer,
    /// False for a module without a manifest or accessors.
    attached: bool,
    stopped: watch::Sender<bool>,
}

struct State {
    wasi: WasiP1Ctx,
    observe: Observe,
}

fn observe(state: &mut State) -> &mut Observe {
    &mut state.observe
}

/// How a run ended, while its instance still lives.
pub struct Finished {
    /// Results of the function that was invoked, as text.
    pub results: Vec<String>,
    /// The outcome, as the recorder knows it.
    pub outcome: Outcome,
    /// From the first call to the end.
    pub duration: Duration,
    /// The instance; it lives until this is dropped.
    #[allow(dead_code, reason = "kept for its drop")]
    instance: Store<State>,
}

/// Stops a guest from another thread.
pub struct Stop {
    engine: Engine,
    stopped: watch::Sender<bool>,
}

impl Stop {
    /// Interrupts the guest's code and its waiting for input.
    pub fn stop(self) {
        self.stopped.send_replace(true);
        self.engine.increment_epoch();
    }
}

impl Guest {
    /// Compiles `wasm`; `known` makes the compiled module known to the observer.
    pub fn compile(
        wasm: &[u8],
        observer: &Observer,
        unknown: Unknown,
        known: impl FnOnce(&Module) -> Result<bool>,
    ) -> Result<Guest> {
        let mut config = Config::new();
        config.epoch_interruption(true).max_wasm_stack(GUEST_STACK_BYTES);
        // Every proposal that wasmtime runs: the module says what it needs.
        config.wasm_function_references(true).wasm_gc(true).wasm_exceptions(true).shared_memory(true);
        // Backtraces have files and lines where the module has: its DWARF moved with its code.
        config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
        let engine = Engine::new(&config).map_err(foreign)?;
        let module = Module::new(&engine, wasm).map_err(foreign).context("the module cannot be compiled")?;
        let attached = known(&module)?;
        let mut linker: Linker<State> = Linker::new(&engine);
        p1::add_to_linker_sync(&mut linker, |state: &mut State| &mut state.wasi).map_err(foreign)?;
        waspect_wasmtime::add_to_linker(&mut linker, observe).map_err(foreign)?;
        match unknown {
            Unknown::Refuse => (),
            Unknown::Trap => linker.define_unknown_imports_as_traps(&module).map_err(foreign)?,
            Unknown::Zero => define_zeros(&mut linker, &module).map_err(foreign)?,
        }
        let pre = linker.instantiate_pre(&module).map_err(foreign).context(
            "the module needs more than WASI preview 1: --unknown-imports trap runs it until it calls what is missing; else \
             instrument it and run it in its own host",
        )?;
        Ok(Guest { engine, pre, observer: observer.clone(), attached, stopped: watch::Sender::new(false) })
    }

    /// Checks that the call is possible, before anything runs.
    pub fn check(&self, call: &Call) -> Result<()> {
        let module = self.pre.module();
        let functions = || {
            let injected = [waspect_abi::COUNTER_GET_EXPORT, waspect_abi::COUNTER_SET_EXPORT];
            let functions = module.exports().filter(|export| matches!(export.ty(), ExternType::Func(_)));
            let names = functions.map(|export| export.name()).filter(|name| !injected.contains(name));
            let names: Vec<&str> = names.take(20).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        match call {
            Call::Command if module.get_export(COMMAND).is_some() => Ok(()),
            Call::Command => {
                bail!("the module exports no `{COMMAND}`: name a function with --invoke; it exports {}", functions())
            }
            Call::Invoke { function, .. } => match module.get_export(function) {
                Some(ExternType::Func(ty)) => placing::check(module, &call.arguments(&ty)?),
                _ => bail!("the module exports no function `{function}`; it exports {}", functions()),
            },
        }
    }

    /// What stops the guest, before or after it starts.
    pub fn stop(&self) -> Stop {
        Stop { engine: self.engine.clone(), stopped: self.stopped.clone() }
    }

    /// Runs on a thread of its own, whose stack is large enough whatever `ulimit` says; `done` gets the end of it.
    pub fn start(self, world: World, call: Call, done: impl FnOnce(Result<Finished>) + Send + 'static) -> Result<()> {
        let thread = std::thread::Builder::new().name("guest".into()).stack_size(THREAD_STACK_BYTES);
        thread.spawn(move || done(self.run(world, &call))).context("cannot start a thread for the guest")?;
        Ok(())
    }

    fn run(self, world: World, call: &Call) -> Result<Finished> {
        let state = State { wasi: world.wasi(self.stopped.subscribe())?, observe: self.observer.observe() };
        let mut store = Store::new(&self.engine, state);
        // An epoch that ended before now is not seen by this deadline, but then the flag is.
        store.set_epoch_deadline(1);
        if *self.stopped.borrow() {
            store.set_epoch_deadline(0);
        }
        if let Some(parent) = world.parent {
            store.data_mut().observe.set_parent(parent);
        }
        // WASI's threads are started by the first call that needs them; that call is not to be charged for it.
        wasmtime_wasi::runtime::with_ambient_tokio_runtime(|| ());
        let began = Instant::now();
        let result = waspect_wasmtime::scope(&mut store, observe, |store| self.enter(store, call));
        let duration = began.elapsed();
        let (results, outcome) = match result {
            Ok(results) => (results.iter().map(values::show).collect(), Outcome::Returned),
            Err(error) => (Vec::new(), self.observer.explain(&error)),
        };
        Ok(Finished { results, outcome, duration, instance: store })
    }

    fn enter(&self, mut store: StoreContextMut<'_, State>, call: &Call) -> wasmtime::Result<Vec<Val>> {
        let instance = self.pre.instantiate(&mut store)?;
        if self.attached {
            waspect_wasmtime::attach(&mut store, &instance, observe)?;
        }
        match call {
            Call::Command => invoke(&mut store, &instance, COMMAND, call),
            Call::Invoke { function, .. } => {
                if function != REACTOR && instance.get_func(&mut store, REACTOR).is_some() {
                    invoke(&mut store, &instance, REACTOR, &Call::Command)?;
                }
                invoke(&mut store, &instance, function, call)
            }
        }
    }
}

/// Functions that return zeros, for every imported one that is neither WASI's nor a hook.
fn define_zeros(linker: &mut Linker<State>, module: &Module) -> wasmtime::Result<()> {
    let ours = [WASI_MODULE, waspect_abi::hooks::HOOK_MODULE];
    for import in module.imports().filter(|import| !ours.contains(&import.module())) {
        let ExternType::Func(ty) = import.ty() else { continue };
        let zeros: Vec<Option<Val>> = ty.results().map(|result| result.default_value()).collect();
        let Some(zeros) = zeros.into_iter().collect::<Option<Vec<Val>>>() else { continue };
        linker.func_new(import.module(), import.name(), ty, move |_, _, results| {
            results.clone_from_slice(&zeros);
            Ok(())
        })?;
    }
    Ok(())
}

fn invoke(
    store: &mut StoreContextMut<'_, State>,
    instance: &Instance,
    name: &str,
    call: &Call,
) -> wasmtime::Result<Vec<Val>> {
    let missing = || wasmtime::format_err!("the module exports no function `{name}`");
    let function = instance.get_func(&mut *store, name).ok_or_else(missing)?;
    let ty = function.ty(&*store);
    let arguments = call.arguments(&ty).map_err(|error| wasmtime::format_err!("{error}"))?;
    let arguments = placing::place(&mut *store, instance, arguments)?;
    let mut results = vec![Val::I32(0); ty.results().len()];
    function.call(store, &arguments, &mut results)?;
    Ok(results)
}

impl World {
    fn wasi(&self, stopped: watch::Receiver<bool>) -> Result<WasiP1Ctx> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdin(stdin::Stdin { stopped }).inherit_stdout().inherit_stderr();
        // The guest has a thread to itself: blocking there is cheaper than a detour through a pool.
        wasi.allow_blocking_current_thread(true);
        wasi.args(&self.arguments).envs(&self.environment);
        for Directory { host, guest } in &self.directories {
            wasi.preopened_dir(host, guest, FsPerms::ReadWrite)
                .map_err(foreign)
                .with_context(|| format!("cannot open directory `{}` of --dir", host.display()))?;
        }
        Ok(wasi.build_p1())
    }
}

/// An error of wasmtime's own type, which is not `std`'s.
fn foreign(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}
