//! What an exporter says in the log: when trouble begins, changes and ends, and now and then while it lasts.

use std::time::{Duration, Instant};

use tracing::{info, warn};

/// Trouble that lasts is said again after so long.
const AGAIN: Duration = Duration::from_secs(60);

/// What was said last.
pub(super) struct Report {
    exporter: String,
    said: Option<(&'static str, Instant)>,
}

impl Report {
    pub fn new(exporter: &str) -> Report {
        Report { exporter: exporter.to_owned(), said: None }
    }

    /// A request waits.
    pub fn waits(&mut self, why: &str) {
        if self.is_news("waits") {
            warn!(exporter = self.exporter, why, "the endpoint does not take what is stored; it is tried again");
        }
    }

    /// Items are given up, for a reason that is counted as well.
    pub fn drops(&mut self, reason: &'static str, items: u64, why: &str) {
        if self.is_news(reason) {
            warn!(exporter = self.exporter, reason, items, why, "items are dropped");
        }
    }

    /// A request was taken whole.
    pub fn took(&mut self) {
        if self.said.take().is_some() {
            info!(exporter = self.exporter, "the endpoint takes what is stored again");
        }
    }

    fn is_news(&mut self, what: &'static str) -> bool {
        let now = Instant::now();
        let known = self.said.is_some_and(|(said, when)| said == what && now.duration_since(when) < AGAIN);
        if !known {
            self.said = Some((what, now));
        }
        !known
    }
}
