//! What an outcome means for the spans and calls that it closes: status, `error.type`, message.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::delta::FunctionId;
use crate::{Interrupt, Outcome};

/// An outcome other than a return.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Value of `wasm.outcome`.
    pub(crate) outcome: &'static str,
    /// Value of `error.type`; none when this is no error.
    pub(crate) error_type: Option<Cow<'static, str>>,
    pub(crate) message: String,
    pub(crate) backtrace: String,
    pub(crate) exit_code: Option<i32>,
    /// Whether it becomes an `exception` event on the trapping frame's span: a trap or a host's error, unless the host says no.
    pub(crate) recorded: bool,
    /// The calls that closed last, with their durations.
    pub(crate) flight: Vec<(FunctionId, u64)>,
}

impl Failure {
    /// None: it returned.
    pub(crate) fn new(outcome: &Outcome) -> Option<Failure> {
        let (name, error_type, texts) = match outcome {
            Outcome::Returned => return None,
            Outcome::Trapped { code, message, backtrace } => {
                ("trapped", Some(code.clone()), Some((message, backtrace)))
            }
            Outcome::HostError { kind, message, backtrace } => {
                let kind = if kind.is_empty() { Cow::Borrowed("host_error") } else { kind.clone() };
                ("host_error", Some(kind), Some((message, backtrace)))
            }
            Outcome::Exited(0) => ("exited", None, None),
            Outcome::Exited(_) => ("exited", Some(Cow::Borrowed("exit")), None),
            Outcome::Interrupted(Interrupt::Fuel) => ("interrupted", Some(Cow::Borrowed("fuel")), None),
            Outcome::Interrupted(Interrupt::Epoch) => ("interrupted", Some(Cow::Borrowed("epoch")), None),
            Outcome::Cancelled => ("cancelled", None, None),
            Outcome::Dropped => ("dropped", None, None),
        };
        let exit_code = if let Outcome::Exited(code) = outcome { Some(*code) } else { None };
        let recorded = texts.is_some();
        let (message, backtrace) =
            texts.map(|(message, backtrace)| (message.clone(), backtrace.clone())).unwrap_or_default();
        Some(Failure { outcome: name, error_type, message, backtrace, exit_code, recorded, flight: Vec::new() })
    }

    /// True when spans get the status ERROR.
    pub(crate) fn is_error(&self) -> bool {
        self.error_type.is_some()
    }
}
