//! The governor's decisions, as plain data that travels from the aggregator to every recorder.

use alloc::sync::Arc;
use alloc::vec::Vec;

use waspect_abi::BuildId;

/// Functions whose gates are to be closed, of every module in the process. Cheap to clone and to compare.
#[derive(Clone, Debug, Default)]
pub struct Untimed {
    /// Goes up by one with every change; 0 is 'nothing is untimed'.
    pub version: u64,
    /// By build id, ascending; function indexes ascending.
    pub modules: Arc<Vec<(BuildId, Vec<u32>)>>,
}

impl Untimed {
    /// The functions of a module, by original index, ascending. What a new instance closes before its first call.
    pub fn functions(&self, build: BuildId) -> &[u32] {
        match self.modules.binary_search_by_key(&build, |(id, _)| *id) {
            Ok(at) => &self.modules[at].1,
            Err(_) => &[],
        }
    }
}

/// A gate to set through `waspect_counter_set` (rule C1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateChange {
    /// Base of the instance.
    pub base: u32,
    /// Original function index.
    pub function: u32,
    /// Whether its hooks shall run.
    pub open: bool,
}
