//! Names of the telemetry.

/// Why something was dropped or refused (rule D1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DropReason {
    /// A frame beyond the depth limit (D2).
    Depth,
}
