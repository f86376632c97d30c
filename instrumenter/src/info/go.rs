//! Modules of Go's compiler, whose functions are left and gone on with. Known by how they are built, not by names: stripped ones
//! have none.
//!
//! Go switches goroutines by returning: every function returns 1, down to a loop that calls whatever the next goroutine was in the
//! middle of, with the place in parameter 0. Its stacks are in memory, the stack pointer is global 0, the goroutine global 2. Where
//! a stack may grow, a body begins so, the stack pointer in a local as well, or not:
//!
//! ```wat
//! (if (i32.le_u (global.get 0) (i32.load offset=16 (i32.wrap_i64 (global.get 2))))   ;; or + the size of the frame
//!   (then (global.set 0 (i32.sub (global.get 0) (i32.const 8)))
//!         (i64.store (global.get 0) (i64.const ..)) (br_if .. (call $more_stack (i32.const 0)))))
//! ```
//!
//! After that call the function is called anew, with 0: it had not begun.

use std::collections::BTreeSet;

use wasmparser::{FunctionBody, Operator, ValType};

use super::ModuleInfo;

/// Go's registers: stack pointer, context, goroutine, four results, pause.
const GLOBALS: [ValType; 8] =
    [ValType::I32, ValType::I64, ValType::I64, ValType::I64, ValType::I64, ValType::I64, ValType::I64, ValType::I32];

/// The global that is the stack pointer.
pub const STACK_POINTER: u32 = 0;
/// The global that points to the goroutine.
pub const GOROUTINE: u32 = 2;
/// Where a goroutine notes the end of its stack: that is its first address, and grows down from there.
pub const STACK_END: u64 = 8;
/// Where it notes up to where the stack may grow.
const STACK_GUARD: u64 = 16;

/// What is known of a module that Go's compiler made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Go {
    /// The functions that ask for a larger stack, and never come back: whoever calls them first thing has not begun.
    pub more_stack: BTreeSet<u32>,
}

/// Whether Go's compiler made the module.
pub(super) fn read(info: &ModuleInfo, module: &[u8]) -> Option<Go> {
    let registers = info.globals.get(..GLOBALS.len())?;
    let in_memory = info
        .memories
        .first()
        .is_some_and(|memory| !memory.is_64 && memory.page_size_log2 == 16 && memory.pages_min > 0);
    let same = registers.iter().zip(GLOBALS).all(|(global, value)| global.mutable && global.value == value);
    if !(in_memory && same) {
        return None;
    }
    let bodies = (0..info.functions.len() as u32).filter(|index| has_shape(info, *index));
    let more_stack: BTreeSet<u32> = bodies.filter_map(|index| asks_for_stack(info, module, index)).collect();
    let honest = more_stack.iter().all(|index| has_shape(info, *index));
    (honest && !more_stack.is_empty()).then_some(Go { more_stack })
}

/// `(place to go on: i32) -> (is it left?: i32)`. What is exported is called by hosts, which know of neither.
pub(super) fn has_shape(info: &ModuleInfo, index: u32) -> bool {
    let function = &info.functions[index as usize];
    let shape = info
        .function_type(index)
        .is_some_and(|r#type| *r#type.params == [ValType::I32] && *r#type.results == [ValType::I32] && !r#type.shared);
    shape && function.body.is_some() && !function.exported
}

impl ModuleInfo {
    /// True where a call of `callee` in `caller` means that `caller` has not begun.
    pub(crate) fn asks_for_stack(&self, caller: u32, callee: u32) -> bool {
        let asked =
            self.go.as_ref().is_some_and(|go| go.more_stack.contains(&callee) && !go.more_stack.contains(&caller));
        asked && self.is_resumable(caller)
    }
}

/// The function that a body calls, first of all, for more stack.
fn asks_for_stack(info: &ModuleInfo, module: &[u8], index: u32) -> Option<u32> {
    let range = info.functions[index as usize].body.as_ref()?.range.clone();
    let reader = wasmparser::BinaryReader::new(&module[range.clone()], range.start as u64);
    let operators = FunctionBody::new(reader).get_operators_reader().ok()?;
    let mut operators = operators.into_iter().map_while(Result::ok).peekable();
    // The stack pointer may have a local of its own, of the same value.
    let mut copy = None;
    let mut next = operators.next()?;
    if is_stack_pointer(&next, None)
        && let Some(Operator::LocalSet { local_index }) =
            operators.next_if(|operator| matches!(operator, Operator::LocalSet { .. }))
    {
        copy = Some(local_index);
        next = operators.next()?;
    }
    // The places to go on at, and the branch to one of them.
    while matches!(
        next,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::LocalGet { local_index: 0 }
            | Operator::BrTable { .. }
            | Operator::End
    ) {
        next = operators.next()?;
    }
    let mut next = std::iter::once(next).chain(operators);
    let mut expect = |is: &dyn Fn(&Operator<'_>) -> bool| next.next().filter(|operator| is(operator));
    let stack_pointer = |operator: &Operator<'_>| is_stack_pointer(operator, copy);
    expect(&stack_pointer)?;
    expect(&|operator| matches!(operator, Operator::GlobalGet { global_index: GOROUTINE }))?;
    expect(&|operator| matches!(operator, Operator::I32WrapI64))?;
    expect(&|operator| matches!(operator, Operator::I32Load { memarg } if memarg.offset == STACK_GUARD))?;
    let compares = |operator: &Operator<'_>| matches!(operator, Operator::I32LeU);
    if !compares(&expect(&|operator| compares(operator) || matches!(operator, Operator::I32Const { .. }))?) {
        expect(&|operator| matches!(operator, Operator::I32Add))?;
        expect(&compares)?;
    }
    expect(&|operator| matches!(operator, Operator::If { .. }))?;
    expect(&stack_pointer)?;
    expect(&|operator| matches!(operator, Operator::I32Const { value: 8 }))?;
    expect(&|operator| matches!(operator, Operator::I32Sub))?;
    if let Some(copy) = copy {
        expect(&|operator| matches!(operator, Operator::LocalTee { local_index } if *local_index == copy))?;
    }
    expect(&|operator| matches!(operator, Operator::GlobalSet { global_index: STACK_POINTER }))?;
    expect(&stack_pointer)?;
    expect(&|operator| matches!(operator, Operator::I64Const { .. }))?;
    expect(&|operator| matches!(operator, Operator::I64Store { .. }))?;
    expect(&|operator| matches!(operator, Operator::I32Const { value: 0 }))?;
    match expect(&|operator| matches!(operator, Operator::Call { .. }))? {
        Operator::Call { function_index } => Some(function_index),
        _ => None,
    }
}

fn is_stack_pointer(operator: &Operator<'_>, copy: Option<u32>) -> bool {
    match operator {
        Operator::GlobalGet { global_index: STACK_POINTER } => true,
        Operator::LocalGet { local_index } => copy == Some(*local_index),
        _ => false,
    }
}
