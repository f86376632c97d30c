//! Observability for WebAssembly modules that run in Wasmtime.
//!
//! A module that Waspect instrumented calls hooks. This crate defines them in a [`Linker`](wasmtime::Linker), records what
//! they say, and exports spans, metrics and profiles in the background as OpenTelemetry. The module needs no source and no
//! SDK, and a call never waits for telemetry.
//!
//! ```
//! use std::time::Duration;
//!
//! use waspect_instrumenter::{Options, instrument};
//! use waspect_wasmtime::{Observe, Observer, add_to_linker, scope};
//! use wasmtime::{Engine, Linker, Module, Store};
//!
//! struct State {
//!     observe: Observe,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Once a process. `.environment()?` adds export to where the OTEL_* variables say.
//! let observer = Observer::builder().service_name("shop").build()?;
//!
//! // Once a module: here it is instrumented on the fly; `waspect instrument` does the same to a file.
//! let engine = Engine::default();
//! let wasm = wat::parse_str(r#"(module (func $work) (func $run (export "run") call $work call $work))"#)?;
//! let wasm = instrument(&wasm, &Options::default())?.bytes;
//! let module = Module::new(&engine, &wasm)?;
//! observer.add_module(&module, &wasm)?;
//! let mut linker = Linker::new(&engine);
//! add_to_linker(&mut linker, |state: &mut State| &mut state.observe)?;
//!
//! // Once a store, and once a call.
//! let mut store = Store::new(&engine, State { observe: observer.observe() });
//! let instance = linker.instantiate(&mut store, &module)?;
//! let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
//! scope(&mut store, |state| &mut state.observe, |store| run.call(store, ()))?;
//!
//! let snapshot = observer.snapshot();
//! let work = snapshot.functions.iter().find(|function| function.name == "work").unwrap();
//! assert_eq!(work.calls, 2);
//! observer.shutdown(Duration::from_secs(5));
//! # Ok(()) }
//! ```
//!
//! # What to call when
//!
//! - [`scope`] (or [`scope_async`]) around every call from the host: it gives the root its parent and its outcome, and closes
//!   what a trap leaves open. Calls outside a scope are recorded too; then frames that a trap left open close when the next
//!   call proves that they are gone, or when the store is dropped.
//! - [`attach`] for modules in mode `counts`: they import nothing, so that nobody else tells of their instances.
//! - [`check_ring`] before modules of mode `ring` are compiled: their engine needs `config.shared_memory(true)`. The rest is as in
//!   mode `calls`. While they run, one thread keeps their clock and another does the recording, so that theirs need not.
//! - [`Observer::flush`] and [`Observer::shutdown`] before a process ends.
//!
//! # Bounds
//!
//! A hook never blocks, locks or grows anything without a limit, and nothing that a guest does makes a hook fail. Everything
//! that is dropped for want of room is counted ([`Snapshot::drops`]). The two accessors through which counters are read and
//! gates are set are code of the guest: they run within the scope, under the limits that the host set for the guest, and
//! cost the guest no fuel.
//!
//! With the pooling allocator, instances of instrumented modules are larger by 8 bytes a selected function, which matters
//! against its default limit of 1 MiB an instance; above 10,000 functions the instrumenter injects gates only.

mod attach;
mod backtrace;
mod builder;
mod cells;
mod clock;
mod context;
mod cost;
mod counters;
mod desk;
mod error;
mod hooks;
mod instances;
mod log;
mod modules;
mod observe;
mod observer;
mod outcome;
mod profiles;
mod pump;
mod replayer;
mod ring;
mod scope;
mod seat;
mod shared;
mod tick;
mod ticker;
mod variables;

pub use attach::attach;
pub use builder::Builder;
pub use context::parent_from_headers;
pub use error::Error;
pub use hooks::add_to_linker;
pub use modules::MODULES_MAX;
pub use observe::Observe;
pub use observer::{Health, Observer};
pub use ring::check_ring;
pub use scope::{collect, collect_async, scope, scope_async};

pub use waspect_export::{ExportConfig, Exporter, Signal};
pub use waspect_recorder::{Batch, Config, Parent, Profile, Snapshot, Weight};
