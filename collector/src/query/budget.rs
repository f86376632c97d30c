//! What one answer may cost: time, and memory for what was read. A query that comes to the end of it answers with what it has.

use std::time::{Duration, Instant};

/// Time for one answer.
const TIME: Duration = Duration::from_secs(10);

/// Memory for the spans of one answer, as they are once they are decoded.
const BYTES: u64 = 64 << 20;

/// Memory for a span, beside its bytes: decoded, and as JSON.
const SPAN_BYTES: u64 = 512;

/// Memory for a message in it: an attribute, a value, an event.
const MESSAGE_BYTES: u64 = 64;

/// What is left.
pub struct Budget {
    until: Instant,
    bytes: u64,
    /// Something was left out.
    pub spent: bool,
}

impl Budget {
    /// All of it.
    pub fn new() -> Budget {
        Budget { until: Instant::now() + TIME, bytes: BYTES, spent: false }
    }

    /// True while there is time.
    pub fn has_time(&mut self) -> bool {
        self.spent |= Instant::now() >= self.until;
        !self.spent
    }

    /// Takes so many bytes; false: it is too much.
    pub fn take_bytes(&mut self, bytes: usize) -> bool {
        match self.bytes.checked_sub(bytes as u64) {
            Some(left) => self.bytes = left,
            None => self.spent = true,
        }
        !self.spent
    }

    /// Takes what a span costs; false: it is too much.
    pub fn take(&mut self, bytes: usize, messages: u64) -> bool {
        let beside = SPAN_BYTES.saturating_add(messages.saturating_mul(MESSAGE_BYTES));
        self.take_bytes(bytes.saturating_add(usize::try_from(beside).unwrap_or(usize::MAX)))
    }
}
