//! What a recorder hands to the aggregator: plain data. How it came about and where it goes is not its business.

/// What was recorded between two drains.
#[derive(Clone, Debug, Default)]
pub struct Delta {}

impl Delta {
    /// True when nothing was recorded.
    pub fn is_empty(&self) -> bool {
        true
    }
}
