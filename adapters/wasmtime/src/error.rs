//! What can go wrong while observation is set up. Nothing of it happens during a call.

use waspect_abi::manifest::ManifestError;

use crate::modules::MODULES_MAX;

/// Why something could not be observed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no WebAssembly module.
    #[error("module cannot be read: {0}; pass the instrumented module's binary, not its text or compiled code")]
    Unreadable(#[source] wasmparser::BinaryReaderError),
    /// The module holds no manifest.
    #[error(
        "module holds no `{section}` section; instrument it first, or pass its sidecar manifest to `add_manifest`",
        section = waspect_abi::MANIFEST_SECTION
    )]
    NotInstrumented,
    /// The manifest was refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The instance's module was never made known.
    #[error("the instance's module is not known; pass it to `Observer::add_module` when it is compiled")]
    UnknownModule,
    /// The instance has no accessors for its counters.
    #[error(
        "the instance exports no `{name}` of the expected type; instrument its module with this version of waspect",
        name = waspect_abi::COUNTER_GET_EXPORT
    )]
    NoCounters,
    /// The engine does not take the second memory of mode `ring`.
    #[error(
        "the engine refuses a second, shared memory: {0}; enable `wasm_multi_memory` and `wasm_threads`, or use mode calls"
    )]
    RingModule(#[source] wasmtime::Error),
    /// The engine makes no shared memories.
    #[error("the engine makes no shared memory: {0}; enable `Config::shared_memory`, or use mode calls")]
    RingMemory(#[source] wasmtime::Error),
    /// Too many modules are known at a time.
    #[error("more than {MODULES_MAX} modules are known; give `add_module` each module once, when it is compiled")]
    TooManyModules,
    /// The thread that merges and exports could not be started.
    #[error("the export thread cannot be started: {0}; raise the limit of threads")]
    Thread(#[source] std::io::Error),
    /// The exporter's variables cannot be understood.
    #[error(transparent)]
    Export(#[from] waspect_export::ConfigError),
    /// The exporter cannot start.
    #[error(transparent)]
    Start(#[from] waspect_export::StartError),
    /// An environment variable that cannot be understood.
    #[error("{name}: `{value}` is not {expected}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
}
