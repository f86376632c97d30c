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
        let failure = match outcome {
            Outcome::Returned => return None,
            Outcome::Trapped { code, message, backtrace } => Failure {
                outcome: "trapped",
                error_type: Some(code.clone()),
                message: message.clone(),
                backtrace: backtrace.clone(),
                recorded: true,
                ..Failure::default()
            },
            Outcome::HostError { kind, message, backtrace } => Failure {
                outcome: "host_error",
                error_type: Some(if kind.is_empty() { Cow::Borrowed("host_error") } else { kind.clone() }),
                message: message.clone(),
                backtrace: backtrace.clone(),
                recorded: true,
                ..Failure::default()
            },
            Outcome::Exited(code) => Failure {
                outcome: "exited",
                error_type: (*code != 0).then_some(Cow::Borrowed("exit")),
                exit_code: Some(*code),
                ..Failure::default()
            },
            Outcome::Interrupted(Interrupt::Fuel) => Failure::error("interrupted", "fuel"),
            Outcome::Interrupted(Interrupt::Epoch) => Failure::error("interrupted", "epoch"),
            Outcome::Cancelled => Failure { outcome: "cancelled", ..Failure::default() },
            Outcome::Dropped => Failure { outcome: "dropped", ..Failure::default() },
        };
        Some(failure)
    }

    /// True when spans get the status ERROR.
    pub(crate) fn is_error(&self) -> bool {
        self.error_type.is_some()
    }

    fn error(outcome: &'static str, error_type: &'static str) -> Failure {
        Failure { outcome, error_type: Some(Cow::Borrowed(error_type)), ..Failure::default() }
    }
}
