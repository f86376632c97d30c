//! Figures to show to a person: plain data, since the aggregator began.

use alloc::string::String;
use alloc::vec::Vec;

use waspect_abi::BuildId;

/// Everything that a summary prints.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Functions that were called or that allocated, by descending self time. Imports (host calls) are among them.
    pub functions: Vec<FunctionSnapshot>,
    /// Objects of the garbage collector's, by function and type, by descending bytes.
    pub objects: Vec<ObjectSnapshot>,
    /// Errors that ended a call from the host, by code and function.
    pub errors: Vec<ErrorSnapshot>,
    /// Modules that had an instance.
    pub modules: Vec<ModuleSnapshot>,
    /// Drops by reason; only those that are not zero.
    pub drops: Vec<(DropReason, u64)>,
    /// Spans that were made.
    pub spans: u64,
    /// Time inside calls from the host, in nanoseconds.
    pub busy_ns: u64,
    /// Estimated cost of hooks within it, in nanoseconds.
    pub hooks_ns: u64,
    /// Smallest step of the clock, in nanoseconds.
    pub clock_resolution_ns: u64,
}

pub use waspect_abi::semconv::DropReason;

/// A function of a module, all instances together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionSnapshot {
    /// Build id of its module.
    pub build: BuildId,
    /// Original function index.
    pub index: u32,
    /// Name to show; never empty.
    pub name: String,
    /// Source file; may be empty.
    pub file: String,
    /// Source line; 0 when unknown.
    pub line: u32,
    /// True for an import: a host call.
    pub import: bool,
    /// Calls, exactly: from the counters where they were read.
    pub calls: u64,
    /// Calls that were timed, and so stand in the histogram.
    pub timed_calls: u64,
    /// Calls that an error closed.
    pub errors: u64,
    /// Calls that an exception unwound.
    pub unwound: u64,
    /// Time in the function and its callees, outermost activations only, in nanoseconds.
    pub total_ns: u64,
    /// Time in the function itself, in nanoseconds.
    pub self_ns: u64,
    /// Longest call, in nanoseconds.
    pub max_ns: u64,
    /// Median duration of a timed call, from the histogram; none without one.
    pub p50_ns: Option<u64>,
    /// 99th percentile of the same.
    pub p99_ns: Option<u64>,
    /// Successful allocations that it asked for.
    pub allocations: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
    /// Bytes of them that are still alive, in instances that are alive.
    pub live_bytes: i64,
    /// Allocations of them that are still alive, in instances that are alive.
    pub live_allocations: i64,
    /// Highest `live_bytes` that any one recorder saw.
    pub live_bytes_max: u64,
    /// Bytes that were alive when a long-lived instance ended.
    pub leaked_bytes: u64,
    /// Allocations that were alive when a long-lived instance ended.
    pub leaked_allocations: u64,
    /// True when the governor closed its gate: its calls count, its time is its caller's.
    pub untimed: bool,
}

/// Objects of one type that one function made, all instances together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectSnapshot {
    /// Build id of the module.
    pub build: BuildId,
    /// Name of the function; never empty.
    pub function: String,
    /// Original function index.
    pub function_index: u32,
    /// Name of the type; never empty.
    pub r#type: String,
    /// Original type index.
    pub type_index: u32,
    /// How many.
    pub objects: u64,
    /// Their bytes, as estimated by type (rule A7).
    pub bytes: u64,
}

/// Errors of one code at one function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorSnapshot {
    /// The trap's code, or the kind of error: `error.type`.
    pub code: String,
    /// Name of the innermost function that was open; empty when none was.
    pub function: String,
    /// How often.
    pub count: u64,
    /// The first message.
    pub message: String,
}

/// A module, all instances together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModuleSnapshot {
    /// Build id.
    pub build: BuildId,
    /// The module's own name; may be empty.
    pub name: String,
    /// Instances that began.
    pub instances_started: u64,
    /// Instances that ended.
    pub instances_ended: u64,
    /// Memory of live instances, in bytes.
    pub memory_bytes: u64,
    /// Largest memory that an instance had, in bytes.
    pub memory_bytes_max: u64,
    /// Bytes by which memories grew.
    pub grown_bytes: u64,
    /// `memory.grow`s that failed.
    pub grow_failures: u64,
    /// Allocated and alive in live instances, in bytes.
    pub live_bytes: i64,
    /// Highest live bytes that an instance had.
    pub live_bytes_max: u64,
    /// Allocations that failed.
    pub allocation_failures: u64,
    /// Frees of an address that had just been freed.
    pub double_frees: u64,
    /// Frees of an address that was never seen.
    pub unknown_frees: u64,
}
