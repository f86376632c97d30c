//! The system's clock, since 1970. Before that it is 0.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, in ms.
pub fn now_unix_ms() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

/// Now, in ns.
pub fn now_unix_ns() -> u64 {
    u64::try_from(since_1970().as_nanos()).unwrap_or(u64::MAX)
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
