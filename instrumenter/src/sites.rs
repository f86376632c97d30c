//! Which instructions matter: one visitor that sorts operators into *sites*, for the reader of facts and for the rewriter.
//!
//! Everything else is [`Site::Plain`] and is copied unread. The visitor knows nothing of types or of what is injected.

use wasmparser::{Catch, Handle, VisitOperator, VisitSimdOperator};

/// An instruction, as far as a rewriter cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Copied as it is.
    Plain,
    /// `block`, `if`, `try`: a label whose branches go behind its end.
    Open,
    /// `loop`: a label whose branches go to its start.
    OpenLoop,
    /// `try_table`: opens a block; its clauses' labels are in [`Sites::clauses`].
    OpenTryTable,
    /// `resume` in all its forms: another stack runs. It comes back behind the instruction when that stack returned, or at the
    /// labels in [`Sites::clauses`] when it was suspended.
    Resume,
    /// `catch`, `catch_all`.
    Handler,
    /// `end` or `delegate` of a block.
    Close,
    /// The body's last `end`.
    FunctionEnd,
    /// A branch that may go to the function's own label.
    BranchOut,
    /// `return`.
    Return,
    /// `call`.
    Call(u32),
    /// `call_indirect`, `call_ref`.
    CallDynamic,
    /// `return_call`.
    TailCall(u32),
    /// `return_call_indirect`, `return_call_ref`.
    TailCallDynamic,
    /// `ref.func`.
    RefFunc(u32),
    /// `throw`, `throw_ref`, `rethrow`; and `suspend` and `switch`, behind which the resumer may throw.
    Throw,
    /// `memory.grow`.
    Grow(u32),
    /// `struct.new` in all its forms, of this type.
    NewStruct(u32),
    /// `array.new` in a form that takes the length from the top of the stack.
    NewArray(u32),
    /// `array.new_fixed`, of this type and length.
    NewArrayFixed(u32, u32),
}

/// Sorts the operators of one body.
#[derive(Default)]
pub(crate) struct Sites {
    /// Open blocks: the relative depth of the function's own label.
    pub depth: u32,
    /// The labels that the clauses of the last `try_table` or `resume` lead to, relative to the instruction itself (0: around
    /// it).
    pub clauses: Vec<u32>,
}

impl Sites {
    /// Makes ready for the next body.
    pub fn reset(&mut self) {
        self.depth = 0;
        self.clauses.clear();
    }

    fn open(&mut self, site: Site) -> Site {
        self.depth += 1;
        site
    }

    fn close(&mut self) -> Site {
        match self.depth.checked_sub(1) {
            Some(depth) => {
                self.depth = depth;
                Site::Close
            }
            None => Site::FunctionEnd,
        }
    }

    fn branch(&mut self, label: u32) -> Site {
        if label == self.depth { Site::BranchOut } else { Site::Plain }
    }

    fn branch_table(&mut self, targets: &wasmparser::BrTable<'_>) -> Site {
        let out = targets.default() == self.depth || targets.targets().flatten().any(|label| label == self.depth);
        if out { Site::BranchOut } else { Site::Plain }
    }

    fn try_table(&mut self, table: &wasmparser::TryTable) -> Site {
        self.clauses.clear();
        self.clauses.extend(table.catches.iter().map(|catch| match *catch {
            Catch::One { label, .. } | Catch::OneRef { label, .. } | Catch::All { label } | Catch::AllRef { label } => {
                label
            }
        }));
        self.open(Site::OpenTryTable)
    }

    fn resume(&mut self, table: &wasmparser::ResumeTable) -> Site {
        self.clauses.clear();
        self.clauses.extend(table.handlers.iter().filter_map(|handler| match *handler {
            Handle::OnLabel { label, .. } => Some(label),
            Handle::OnSwitch { .. } => None,
        }));
        Site::Resume
    }
}

/// One operator's method: the few that matter by name, the rest plain.
macro_rules! site {
    (visit_block, $s:ident $(, $arg:ident)*) => {
        $s.open(Site::Open)
    };
    (visit_if, $s:ident $(, $arg:ident)*) => {
        $s.open(Site::Open)
    };
    (visit_try, $s:ident $(, $arg:ident)*) => {
        $s.open(Site::Open)
    };
    (visit_loop, $s:ident $(, $arg:ident)*) => {
        $s.open(Site::OpenLoop)
    };
    (visit_try_table, $s:ident, $table:ident) => {
        $s.try_table(&$table)
    };
    (visit_catch, $s:ident $(, $arg:ident)*) => {
        Site::Handler
    };
    (visit_catch_all, $s:ident) => {
        Site::Handler
    };
    (visit_end, $s:ident) => {
        $s.close()
    };
    (visit_delegate, $s:ident $(, $arg:ident)*) => {
        $s.close()
    };
    (visit_br, $s:ident, $label:ident) => {
        $s.branch($label)
    };
    (visit_br_if, $s:ident, $label:ident) => {
        $s.branch($label)
    };
    (visit_br_table, $s:ident, $targets:ident) => {
        $s.branch_table(&$targets)
    };
    (visit_br_on_null, $s:ident, $label:ident) => {
        $s.branch($label)
    };
    (visit_br_on_non_null, $s:ident, $label:ident) => {
        $s.branch($label)
    };
    (visit_br_on_cast, $s:ident, $label:ident $(, $arg:ident)*) => {
        $s.branch($label)
    };
    (visit_br_on_cast_fail, $s:ident, $label:ident $(, $arg:ident)*) => {
        $s.branch($label)
    };
    (visit_br_on_cast_desc_eq, $s:ident, $label:ident $(, $arg:ident)*) => {
        $s.branch($label)
    };
    (visit_br_on_cast_desc_eq_fail, $s:ident, $label:ident $(, $arg:ident)*) => {
        $s.branch($label)
    };
    (visit_resume, $s:ident, $cont:ident, $table:ident) => {
        $s.resume(&$table)
    };
    (visit_resume_throw, $s:ident, $cont:ident, $tag:ident, $table:ident) => {
        $s.resume(&$table)
    };
    (visit_resume_throw_ref, $s:ident, $cont:ident, $table:ident) => {
        $s.resume(&$table)
    };
    (visit_return, $s:ident) => {
        Site::Return
    };
    (visit_call, $s:ident, $function:ident) => {
        Site::Call($function)
    };
    (visit_call_indirect, $s:ident $(, $arg:ident)*) => {
        Site::CallDynamic
    };
    (visit_call_ref, $s:ident $(, $arg:ident)*) => {
        Site::CallDynamic
    };
    (visit_return_call, $s:ident, $function:ident) => {
        Site::TailCall($function)
    };
    (visit_return_call_indirect, $s:ident $(, $arg:ident)*) => {
        Site::TailCallDynamic
    };
    (visit_return_call_ref, $s:ident $(, $arg:ident)*) => {
        Site::TailCallDynamic
    };
    (visit_throw, $s:ident $(, $arg:ident)*) => {
        Site::Throw
    };
    (visit_throw_ref, $s:ident) => {
        Site::Throw
    };
    (visit_rethrow, $s:ident $(, $arg:ident)*) => {
        Site::Throw
    };
    (visit_suspend, $s:ident $(, $arg:ident)*) => {
        Site::Throw
    };
    (visit_switch, $s:ident $(, $arg:ident)*) => {
        Site::Throw
    };
    (visit_ref_func, $s:ident, $function:ident) => {
        Site::RefFunc($function)
    };
    (visit_memory_grow, $s:ident, $memory:ident) => {
        Site::Grow($memory)
    };
    (visit_struct_new, $s:ident, $type:ident) => {
        Site::NewStruct($type)
    };
    (visit_struct_new_default, $s:ident, $type:ident) => {
        Site::NewStruct($type)
    };
    (visit_struct_new_desc, $s:ident, $type:ident) => {
        Site::NewStruct($type)
    };
    (visit_struct_new_default_desc, $s:ident, $type:ident) => {
        Site::NewStruct($type)
    };
    (visit_array_new, $s:ident, $type:ident) => {
        Site::NewArray($type)
    };
    (visit_array_new_default, $s:ident, $type:ident) => {
        Site::NewArray($type)
    };
    (visit_array_new_data, $s:ident, $type:ident, $segment:ident) => {
        Site::NewArray($type)
    };
    (visit_array_new_elem, $s:ident, $type:ident, $segment:ident) => {
        Site::NewArray($type)
    };
    (visit_array_new_fixed, $s:ident, $type:ident, $length:ident) => {
        Site::NewArrayFixed($type, $length)
    };
    ($other:ident, $s:ident $(, $arg:ident)*) => {
        Site::Plain
    };
}

macro_rules! visit {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $type:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        $(
            #[inline]
            #[allow(unused_variables)]
            fn $visit(&mut self $($(, $arg: $type)*)?) -> Site {
                let sites = self;
                site!($visit, sites $($(, $arg)*)?)
            }
        )*
    };
}

impl<'a> VisitOperator<'a> for Sites {
    type Output = Site;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Site>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(visit);
}

impl<'a> VisitSimdOperator<'a> for Sites {
    wasmparser::for_each_visit_simd_operator!(visit);
}
