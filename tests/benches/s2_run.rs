//! Bar S2: what instrumentation costs a real guest at run time, in wasmtime, beside the naive way of doing it.
//!
//! ```console
//! cargo xtask bench s2_run
//! ```
//!
//! SQLite and QuickJS are the guests that the bar is for; `fib`, whose functions do nothing else than call each other, is the worst
//! case. MicroPython, another QuickJS and pii-shield are real modules that no one here wrote.
//!
//! 'naive' is the same instrumented module with hooks as one would write them first: `Instant::now` and a growing `Vec`. The floors
//! are what no recorder can be below: of `calls`, hooks that read the clock and do nothing else; of `ring`, records that nobody takes.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use wasmtime::{Caller, Engine, Instance, Linker, Module, Result, Store};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use waspect_abi::hooks::{HOOK_MODULE, Hook};
use waspect_abi::{COUNTER_SET_EXPORT, Manifest};
use waspect_instrumenter::{Mode, Options, instrument};
use waspect_tests::bench::{Variant, compare};
use waspect_tests::programs;
use waspect_tests::wasi::{self, Drive};
use waspect_wasmtime::{Config, Observe, Observer, add_to_linker, scope};

const ROUNDS: usize = 11;
const OUTPUT_BYTES_MAX: usize = 4 << 20;

/// Guests, and how they are driven.
fn guests() -> Vec<(&'static str, Drive<'static>)> {
    let mut guests = vec![
        ("sqlite", Drive::Command(&["5000"])),
        ("quickjs", Drive::Command(&["60"])),
        ("fib", Drive::Invoke("fib", 27)),
    ];
    let real = ["micropython", "qjs-reactor", "pii-shield"];
    guests.extend(programs::all().into_iter().filter(|(name, _)| real.contains(name)));
    guests
}

/// What is linked as the hooks.
#[derive(Clone, Copy, PartialEq)]
enum Hooks {
    None,
    Waspect,
    /// Ours, with every gate closed before the call.
    GatesClosed,
    Naive,
    Floor,
}

struct State {
    wasi: WasiP1Ctx,
    observe: Observe,
    clock: quanta::Clock,
    events: Vec<(u32, Instant)>,
}

/// A module that is ready to be called again and again, each time in a new instance.
struct Prepared<'a> {
    name: &'static str,
    drive: Drive<'static>,
    engine: &'a Engine,
    observer: &'a Observer,
    clock: quanta::Clock,
    module: Module,
    manifest: Option<Manifest>,
    linker: Linker<State>,
    hooks: Hooks,
}

impl<'a> Prepared<'a> {
    fn new(
        (name, drive): (&'static str, Drive<'static>),
        engine: &'a Engine,
        observer: &'a Observer,
        mode: Option<Mode>,
        hooks: Hooks,
    ) -> Result<Self> {
        let original = fs::read(programs::find(name))?;
        let (bytes, manifest) = match mode {
            None => (original, None),
            Some(mode) => {
                let instrumented = instrument(&original, &Options { mode, ..Options::default() })?;
                (instrumented.bytes, Some(instrumented.manifest))
            }
        };
        let module = Module::new(engine, &bytes)?;
        if manifest.is_some() {
            observer.add_module(&module, &bytes)?;
        }
        let mut linker = Linker::new(engine);
        add_to_linker_sync(&mut linker, |state: &mut State| &mut state.wasi)?;
        match hooks {
            Hooks::None => {}
            Hooks::Naive => link(&mut linker, |mut caller, func| {
                let now = Instant::now();
                caller.data_mut().events.push((func, now));
            })?,
            Hooks::Floor => link(&mut linker, |caller, _| {
                black_box(caller.data().clock.raw());
            })?,
            Hooks::Waspect | Hooks::GatesClosed => add_to_linker(&mut linker, |state| &mut state.observe)?,
        }
        // micropython's own imports; its program never calls them.
        linker.define_unknown_imports_as_traps(&module)?;
        Ok(Prepared { name, drive, engine, observer, clock: quanta::Clock::new(), module, manifest, linker, hooks })
    }

    /// One call in a new instance; the time of the call alone.
    fn round(&self) -> Result<Duration> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(MemoryOutputPipe::new(OUTPUT_BYTES_MAX)).arg(self.name);
        if let Drive::Command(arguments) = self.drive {
            wasi.args(arguments);
        }
        let state = State {
            wasi: wasi.build_p1(),
            observe: self.observer.observe(),
            clock: self.clock.clone(),
            events: Vec::new(),
        };
        let mut store = Store::new(self.engine, state);
        let instance = self.linker.instantiate(&mut store, &self.module)?;
        if self.hooks == Hooks::GatesClosed {
            self.close_gates(&mut store, instance)?;
        }
        let began = Instant::now();
        match self.hooks {
            Hooks::Waspect | Hooks::GatesClosed => {
                scope(&mut store, |state| &mut state.observe, |store| wasi::steer(store, instance, self.drive))?
            }
            Hooks::None | Hooks::Naive | Hooks::Floor => wasi::steer(&mut store, instance, self.drive)?,
        };
        Ok(began.elapsed())
    }

    fn close_gates(&self, store: &mut Store<State>, instance: Instance) -> Result<()> {
        let set = instance.get_typed_func::<(u32, u64), ()>(&mut *store, COUNTER_SET_EXPORT)?;
        let manifest = self.manifest.as_ref().expect("an instrumented guest has a manifest");
        manifest.functions.iter().try_for_each(|function| set.call(&mut *store, (function.index, 0)))
    }
}

/// Hooks that say `event` at both ends of a call. Those that no frame needs do nothing.
fn link(
    linker: &mut Linker<State>,
    event: impl Fn(Caller<'_, State>, u32) + Copy + Send + Sync + 'static,
) -> Result<()> {
    for hook in Hook::ALL {
        let name = hook.name();
        match hook {
            Hook::Module => linker.func_wrap(HOOK_MODULE, name, |_: u32, _: u32, _: u32, _: u32| 0u32)?,
            Hook::Enter | Hook::Begin => {
                linker.func_wrap(HOOK_MODULE, name, move |caller: Caller<'_, State>, func: u32| {
                    event(caller, func);
                    1u32
                })?
            }
            Hook::EnterOrResume => linker.func_wrap(
                HOOK_MODULE,
                name,
                move |caller: Caller<'_, State>, func: u32, _: u32, _: u32, _: u32| {
                    event(caller, func);
                    1u32
                },
            )?,
            Hook::ExitOrSuspend => {
                linker.func_wrap(HOOK_MODULE, name, move |caller: Caller<'_, State>, token: u32, _: u32| {
                    event(caller, token);
                })?
            }
            Hook::Exit | Hook::End => {
                linker.func_wrap(HOOK_MODULE, name, move |caller: Caller<'_, State>, token: u32| {
                    event(caller, token);
                })?
            }
            Hook::UnwindRing | Hook::UnwoundRing => linker.func_wrap(HOOK_MODULE, name, |_: u32, _: u32| ())?,
            Hook::Unwind | Hook::Unwound | Hook::Flush => linker.func_wrap(HOOK_MODULE, name, |_: u32| ())?,
            Hook::Alloc | Hook::Grow => linker.func_wrap(HOOK_MODULE, name, |_: u32, _: u32, _: u32, _: u32| ())?,
            Hook::Alloc64 => linker.func_wrap(HOOK_MODULE, name, |_: u32, _: u64, _: u64, _: u64| ())?,
            Hook::Grow64 => linker.func_wrap(HOOK_MODULE, name, |_: u32, _: u32, _: u64, _: u64| ())?,
        };
    }
    Ok(())
}

fn main() -> Result<()> {
    let mut config = wasmtime::Config::new();
    config.shared_memory(true);
    let engine = Engine::new(&config)?;
    // No budget: the governor would close the gates that are to be measured.
    let config = Config { overhead_budget: f64::INFINITY, ..Config::default() };
    let observer = Observer::builder().recording(config).build()?;
    for guest in guests() {
        let prepare = |mode, hooks| Prepared::new(guest, &engine, &observer, mode, hooks);
        let subjects = [
            ("uninstrumented", prepare(None, Hooks::None)?),
            ("counts (bar 1.05)", prepare(Some(Mode::Counts), Hooks::None)?),
            ("gates closed (bar 1.20)", prepare(Some(Mode::Calls), Hooks::GatesClosed)?),
            ("ring (bar 1.40)", prepare(Some(Mode::Ring), Hooks::Waspect)?),
            ("calls (bar 4)", prepare(Some(Mode::Calls), Hooks::Waspect)?),
            ("floor of ring", prepare(Some(Mode::Ring), Hooks::Floor)?),
            ("floor of calls", prepare(Some(Mode::Calls), Hooks::Floor)?),
            ("naive", prepare(Some(Mode::Calls), Hooks::Naive)?),
        ];
        let mut variants: Vec<_> = subjects
            .iter()
            .map(|(name, prepared)| Variant::new(name, || prepared.round().expect("the guest runs")))
            .collect();
        let ratios = compare(guest.0, ROUNDS, &mut variants);
        println!("  the naive way takes {:.2} times as long as ours", ratios[7] / ratios[4]);
    }
    Ok(())
}
