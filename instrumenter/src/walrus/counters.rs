//! Counters and gates as globals, and the accessors that reach them by original index (rule C1).
//!
//! Accessors search: each `if` halves what is left, so that no instruction grows with the module. Functions of
//! [`LEAF_FUNCTIONS`] share one leaf, for a function that engines compile in parallel.

use ::walrus::ir::{BinaryOp, UnaryOp, Value};
use ::walrus::{ConstExpr, FunctionBuilder, FunctionId, GlobalId, InstrSeqBuilder, LocalId, Module, ValType};
use waspect_abi::manifest::Mode;
use waspect_abi::{COUNTER_GET_EXPORT, COUNTER_SET_EXPORT, GATE_BIT};

use super::{Error, types};
use crate::info::{ModuleInfo, asyncify};
use crate::plan::Plan;

/// Counters in one leaf of the accessors.
const LEAF_FUNCTIONS: usize = 512;
/// Functions whose gates share a global, where functions have gates only.
const WORD_FUNCTIONS: u32 = i32::BITS;

/// Where a function's counter or gate is.
#[derive(Clone, Copy)]
pub(super) enum Counter {
    /// The counter as the accessors show it: the gate is bit 63, calls below.
    Calls(GlobalId),
    /// One bit of a global; no count.
    Gate(GlobalId, u32),
}

/// All of a module's counters.
pub(super) struct Counters {
    /// By ascending original index.
    list: Vec<(u32, Counter)>,
}

impl Counters {
    /// Adds a global for every counter, or for every 32 gates. All gates are open at first.
    pub fn add(module: &mut Module, info: &ModuleInfo, plan: &Plan) -> Counters {
        let counted = |index: &u32| plan.is_hooked(*index) && (!plan.gates_only || *index >= info.imported_functions);
        let mut list: Vec<(u32, Counter)> = Vec::new();
        for index in (0..info.functions.len() as u32).filter(counted) {
            if plan.gates_only {
                let word = match list.last() {
                    Some((last, Counter::Gate(word, _))) if last / WORD_FUNCTIONS == index / WORD_FUNCTIONS => *word,
                    _ => add_global(module, ValType::I32, Value::I32(-1)),
                };
                list.push((index, Counter::Gate(word, index % WORD_FUNCTIONS)));
            } else {
                let value = if plan.mode == Mode::Counts { 0 } else { GATE_BIT as i64 };
                list.push((index, Counter::Calls(add_global(module, ValType::I64, Value::I64(value)))));
            }
        }
        Counters { list }
    }

    /// A function's counter or gate, by original index.
    pub fn of(&self, index: u32) -> Option<Counter> {
        let at = self.list.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        Some(self.list[at].1)
    }

    /// One more call of a function, if it has a counter that counts.
    pub fn count(&self, seq: &mut InstrSeqBuilder<'_>, index: u32) {
        if let Some(Counter::Calls(global)) = self.of(index) {
            seq.global_get(global).i64_const(1).binop(BinaryOp::I64Add).global_set(global);
        }
    }

    /// As [`count`](Counters::count), of a function that may begin anywhere: where its first parameter says that it begins.
    pub fn count_beginning(&self, seq: &mut InstrSeqBuilder<'_>, index: u32, point: LocalId) {
        if let Some(Counter::Calls(global)) = self.of(index) {
            seq.global_get(global).local_get(point).unop(UnaryOp::I32Eqz).unop(UnaryOp::I64ExtendUI32);
            seq.binop(BinaryOp::I64Add).global_set(global);
        }
    }

    /// As [`count`](Counters::count), where the module's state says that nothing is gone on with.
    pub fn count_unless_rewinding(&self, seq: &mut InstrSeqBuilder<'_>, index: u32, state: GlobalId) {
        if let Some(Counter::Calls(global)) = self.of(index) {
            seq.global_get(global).global_get(state).i32_const(asyncify::REWINDING).binop(BinaryOp::I32Ne);
            seq.unop(UnaryOp::I64ExtendUI32).binop(BinaryOp::I64Add).global_set(global);
        }
    }

    /// One call less of a function that had not begun.
    pub fn uncount(&self, seq: &mut InstrSeqBuilder<'_>, index: u32) {
        if let Some(Counter::Calls(global)) = self.of(index) {
            seq.global_get(global).i64_const(1).binop(BinaryOp::I64Sub).global_set(global);
        }
    }

    /// Whether a function's gate is open, as an `i32` on the stack.
    pub fn gate(&self, seq: &mut InstrSeqBuilder<'_>, index: u32) {
        match self.of(index).expect("a hooked function has a counter or a gate") {
            Counter::Calls(global) => seq.global_get(global).i64_const(0).binop(BinaryOp::I64LtS),
            Counter::Gate(global, bit) => seq.global_get(global).i32_const(1 << bit).binop(BinaryOp::I32And),
        };
    }

    /// Adds and exports the accessors.
    pub fn export_accessors(&self, module: &mut Module, info: &ModuleInfo) -> Result<(), Error> {
        if self.list.is_empty() {
            return Ok(());
        }
        for (access, export) in [(Access::Get, COUNTER_GET_EXPORT), (Access::Set, COUNTER_SET_EXPORT)] {
            types::plain(&mut module.types, access.params(), access.results(), "the accessor of counters")?;
            let leaves: Vec<(u32, FunctionId)> = (self.list.chunks(LEAF_FUNCTIONS).enumerate())
                .map(|(at, run)| {
                    let name = info.has_names.then(|| format!("{}.{at}", access.name()));
                    (run[0].0, access.function(module, name, run, &|seq, at, args| access.leaf(seq, at, args)))
                })
                .collect();
            let name = info.has_names.then(|| access.name().to_string());
            let root = access.function(module, name, &leaves, &|seq, (_, leaf), args| {
                for arg in args {
                    seq.local_get(*arg);
                }
                seq.call(leaf);
            });
            module.exports.add(export, root);
        }
        Ok(())
    }
}

fn add_global(module: &mut Module, r#type: ValType, value: Value) -> GlobalId {
    module.globals.add_local(r#type, true, false, ConstExpr::Value(value))
}

/// Which of the two accessors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Get,
    Set,
}

/// Writes what a search finds.
type Found<'a, T> = &'a dyn Fn(&mut InstrSeqBuilder<'_>, (u32, T), &[LocalId]);

impl Access {
    fn name(self) -> &'static str {
        match self {
            Access::Get => "waspect.counter_get",
            Access::Set => "waspect.counter_set",
        }
    }

    fn params(self) -> &'static [ValType] {
        match self {
            Access::Get => &[ValType::I32],
            Access::Set => &[ValType::I32, ValType::I64],
        }
    }

    fn results(self) -> &'static [ValType] {
        match self {
            Access::Get => &[ValType::I64],
            Access::Set => &[],
        }
    }

    /// An accessor, or a part of one, that searches a list by its first parameter.
    fn function<T: Copy>(
        self,
        module: &mut Module,
        name: Option<String>,
        list: &[(u32, T)],
        found: Found<'_, T>,
    ) -> FunctionId {
        let args: Vec<LocalId> = self.params().iter().map(|r#type| module.locals.add(*r#type)).collect();
        let mut builder = FunctionBuilder::new(&mut module.types, self.params(), self.results());
        if let Some(name) = name {
            builder.name(name);
        }
        self.search(&mut builder.func_body(), list, &args, found);
        builder.finish(args, &mut module.funcs)
    }

    /// Halves the list until one entry is left: the last that is not above what is sought.
    fn search<T: Copy>(self, seq: &mut InstrSeqBuilder<'_>, list: &[(u32, T)], args: &[LocalId], found: Found<'_, T>) {
        if let [only] = list {
            return found(seq, *only, args);
        }
        let (below, above) = list.split_at(list.len() / 2);
        seq.local_get(args[0]).i32_const(above[0].0 as i32).binop(BinaryOp::I32LtU).if_else(
            self.results().first().copied(),
            |then| self.search(then, below, args, found),
            |otherwise| self.search(otherwise, above, args, found),
        );
    }

    /// Reads or writes one counter if it is the one that is sought.
    fn leaf(self, seq: &mut InstrSeqBuilder<'_>, (index, counter): (u32, Counter), args: &[LocalId]) {
        seq.local_get(args[0]).i32_const(index as i32).binop(BinaryOp::I32Eq).if_else(
            self.results().first().copied(),
            |then| match self {
                Access::Get => get(then, counter),
                Access::Set => set(then, counter, args[1]),
            },
            |otherwise| {
                if self == Access::Get {
                    otherwise.i64_const(0);
                }
            },
        );
    }
}

/// The place of the gate in a counter that the accessors show.
const GATE_SHIFT: i64 = GATE_BIT.trailing_zeros() as i64;

fn get(seq: &mut InstrSeqBuilder<'_>, counter: Counter) {
    match counter {
        Counter::Calls(global) => seq.global_get(global),
        Counter::Gate(global, bit) => seq
            .global_get(global)
            .i32_const(bit as i32)
            .binop(BinaryOp::I32ShrU)
            .unop(UnaryOp::I64ExtendUI32)
            .i64_const(GATE_SHIFT)
            .binop(BinaryOp::I64Shl),
    };
}

fn set(seq: &mut InstrSeqBuilder<'_>, counter: Counter, value: LocalId) {
    match counter {
        Counter::Calls(global) => seq.local_get(value).global_set(global),
        Counter::Gate(global, bit) => seq
            .global_get(global)
            .i32_const(!(1 << bit))
            .binop(BinaryOp::I32And)
            .local_get(value)
            .i64_const(GATE_SHIFT)
            .binop(BinaryOp::I64ShrU)
            .unop(UnaryOp::I32WrapI64)
            .i32_const(bit as i32)
            .binop(BinaryOp::I32Shl)
            .binop(BinaryOp::I32Or)
            .global_set(global),
    };
}
