//! The governor's decisions, as plain data that travels from the aggregator to every recorder.

use alloc::sync::Arc;
use alloc::vec::Vec;

use waspect_abi::BuildId;

use crate::order::Keyed;

/// Functions whose gates are to be closed, of every module in the process. Cheap to clone and to compare.
#[derive(Clone, Debug, Default)]
pub struct Untimed {
    /// Goes up with every change; 0 is 'nothing is untimed'.
    pub version: u64,
    /// Build id of the module and original index, in the order of the decisions, which are never taken back.
    pub(crate) functions: Arc<Vec<Keyed>>,
}

impl Untimed {
    /// The functions of a module, by original index, in the order of the decisions.
    pub fn functions(&self, build: BuildId) -> Vec<u32> {
        self.functions.iter().filter(|(id, _)| *id == build.0).map(|(_, function)| *function).collect()
    }
}

/// A gate to set through `waspect_counter_set` (rule C1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateChange {
    /// Base of the instance.
    pub base: u32,
    /// Original function index.
    pub function: u32,
    /// Whether its hooks shall run; the governor only closes gates.
    pub open: bool,
}
