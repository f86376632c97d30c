//! How a scope ended, as the adapter saw it (rule B4).

use alloc::borrow::Cow;
use alloc::string::String;

/// How a call from the host ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It returned.
    #[default]
    Returned,
    /// The guest trapped.
    Trapped {
        /// Low-cardinality code, such as `unreachable` or `integer_divide_by_zero`: becomes `error.type`.
        code: Cow<'static, str>,
        /// The runtime's message.
        message: String,
        /// The Wasm backtrace, as the runtime prints it; may be empty.
        backtrace: String,
    },
    /// The guest exited, `proc_exit` for instance. 0 is no error.
    Exited(i32),
    /// A host function failed.
    HostError {
        /// Low-cardinality kind; becomes `error.type`. Empty: `host_error`.
        kind: Cow<'static, str>,
        /// The host's message.
        message: String,
        /// The Wasm backtrace; may be empty.
        backtrace: String,
    },
    /// The host interrupted the guest.
    Interrupted(Interrupt),
    /// The call was given up: a future was dropped.
    Cancelled,
    /// The store or instance was dropped with frames open.
    Dropped,
}

/// What interrupted a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// It ran out of fuel.
    Fuel,
    /// Its epoch's deadline passed.
    Epoch,
}
