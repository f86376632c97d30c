//! Telling the host what goes wrong, seldom enough to be read.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Signal;
use crate::health::DropReason;

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// An attempt failed and the batch is tried again.
    Retrying,
    /// Items were dropped.
    Dropped(DropReason),
    /// A batch was given up that may have arrived.
    Unanswered,
    /// The peer accepted everything and has something to say.
    PeerWarning,
}

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Of which signal.
    pub signal: Signal,
    /// What.
    pub kind: ErrorKind,
    /// Spans or points concerned.
    pub items: u64,
    /// Why, in one line.
    pub message: String,
    /// How many reports of this kind and signal were left out since the last one.
    pub suppressed: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { signal, kind, items, message, suppressed } = self;
        match kind {
            ErrorKind::Retrying => write!(formatter, "{signal}: {items} items are tried again: {message}")?,
            ErrorKind::Dropped(reason) => {
                write!(formatter, "{signal}: {items} items dropped ({}): {message}", reason.name())?
            }
            ErrorKind::Unanswered => write!(formatter, "{signal}: {items} items given up, unconfirmed: {message}")?,
            ErrorKind::PeerWarning => write!(formatter, "{signal}: the receiver says: {message}")?,
        }
        if *suppressed > 0 {
            write!(formatter, " (and {suppressed} more like this)")?;
        }
        Ok(())
    }
}

/// The host's ear for [`Report`]s; by default there is none. Called on the exporter's own thread: a slow one delays exports,
/// never a caller of [`send`](crate::Exporter::send).
#[derive(Clone, Default)]
pub struct ErrorHandler(Option<Arc<Handler>>);

type Handler = dyn Fn(&Report) + Send + Sync;

impl ErrorHandler {
    /// Calls `handler` at most once in 30 seconds for each kind and signal.
    pub fn new(handler: impl Fn(&Report) + Send + Sync + 'static) -> ErrorHandler {
        ErrorHandler(Some(Arc::new(handler)))
    }
}

impl fmt::Debug for ErrorHandler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "ErrorHandler(..)" } else { "ErrorHandler(none)" })
    }
}

/// How long reports of one kind stay silent after one was given.
const SILENCE: Duration = Duration::from_secs(30);

/// One signal's reports on their way to the handler.
#[derive(Debug)]
pub(crate) struct Reporter {
    handler: ErrorHandler,
    signal: Signal,
    last: HashMap<ErrorKind, Last>,
}

#[derive(Debug)]
struct Last {
    at: Instant,
    suppressed: u64,
}

impl Reporter {
    pub fn new(handler: ErrorHandler, signal: Signal) -> Reporter {
        Reporter { handler, signal, last: HashMap::new() }
    }

    /// Tells the handler, unless it was told of the same kind a short while ago.
    pub fn report(&mut self, now: Instant, kind: ErrorKind, items: u64, message: &str) {
        let Some(handler) = &self.handler.0 else { return };
        let suppressed = match self.last.get_mut(&kind) {
            Some(last) if now.saturating_duration_since(last.at) < SILENCE => {
                last.suppressed += 1;
                return;
            }
            Some(last) => last.suppressed,
            None => 0,
        };
        self.last.insert(kind, Last { at: now, suppressed: 0 });
        let report = Report { signal: self.signal, kind, items, message: message.to_owned(), suppressed };
        // A handler that panics must not end the exports; its own panic hook has told of it.
        let _ = catch_unwind(AssertUnwindSafe(|| handler(&report)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn the_same_kind_is_silent_for_a_while_and_then_tells_how_many_were_left_out() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let ear = seen.clone();
        let handler = ErrorHandler::new(move |report| ear.lock().unwrap().push(report.to_string()));
        let mut reporter = Reporter::new(handler, Signal::Traces);
        let start = Instant::now();
        reporter.report(start, ErrorKind::Retrying, 5, "connection refused");
        reporter.report(start + SILENCE / 2, ErrorKind::Retrying, 6, "left out");
        reporter.report(start + SILENCE / 2, ErrorKind::Dropped(DropReason::QueueFull), 7, "no room");
        reporter.report(start + SILENCE, ErrorKind::Retrying, 8, "connection refused");
        assert_eq!(
            *seen.lock().unwrap(),
            [
                "traces: 5 items are tried again: connection refused",
                "traces: 7 items dropped (queue_full): no room",
                "traces: 8 items are tried again: connection refused (and 1 more like this)",
            ]
        );
    }

    #[test]
    fn a_handler_that_panics_is_survived() {
        let mut reporter = Reporter::new(ErrorHandler::new(|_| panic!("the host's own bug")), Signal::Metrics);
        reporter.report(Instant::now(), ErrorKind::Unanswered, 1, "timeout");
    }
}
