//! Functions that are left before their call has ended, and gone on with: who made them so, and where that can be read.

use super::asyncify::Cells;
use super::{ModuleInfo, go};

/// How a function, or a call of an import, tells whether it begins or goes on, and whether it ends or is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switching {
    /// By its parameter and its result.
    Go,
    /// By the module's state.
    Asyncify(Cells),
}

impl ModuleInfo {
    /// How a function is left and gone on with, if it may be.
    pub fn switching(&self, index: u32) -> Option<Switching> {
        if let Some(asyncify) = &self.asyncify {
            // What an import waits for is why the others are left.
            let may_be_left = index < self.imported_functions || asyncify.functions.contains(&index);
            return may_be_left.then_some(Switching::Asyncify(asyncify.cells));
        }
        (self.go.is_some() && go::has_shape(self, index)).then_some(Switching::Go)
    }

    /// True for a function that may be left before its call has ended, and gone on with.
    pub fn is_resumable(&self, index: u32) -> bool {
        self.switching(index).is_some()
    }

    /// True where some function is.
    pub fn has_stacks(&self) -> bool {
        self.go.is_some() || self.asyncify.is_some()
    }
}
