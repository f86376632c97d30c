//! The table of hooks: one truth for the rewriter that imports them and the adapters that provide them.

/// The module name from which an instrumented module imports its hooks (rule M1).
pub const HOOK_MODULE: &str = "waspect/hooks";

/// The type of a hook's parameter or result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
}

use ValueType::{I32, I64};

/// A hook of the ABI. What each one means is in `spec/abi.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// `(abi, build_a, build_b, functions) -> base`
    Module,
    /// `(func) -> token`
    Enter,
    /// `(token)`
    Exit,
    /// `(token)`
    Unwind,
    /// `(func) -> token`
    Begin,
    /// `(token)`
    End,
    /// `(func, old, new, size)`
    Alloc,
    /// `(func, old: i64, new: i64, size: i64)`
    Alloc64,
    /// `(func, memory, delta, result)`
    Grow,
    /// `(func, memory, delta: i64, result: i64)`
    Grow64,
    /// `(base)`, in mode `ring`
    Flush,
    /// `(func, token)`, in mode `ring`
    UnwindRing,
    /// `(func, point, stack, height) -> token`, of functions that may be left and gone on with
    EnterOrResume,
    /// `(token, way)`, of the same
    ExitOrSuspend,
    /// `(token)`
    Unwound,
    /// `(func, token)`, in mode `ring`
    UnwoundRing,
}

/// How an activation ends: the last argument of [`Hook::ExitOrSuspend`] (rule L4).
pub mod way {
    /// The call ends.
    pub const ENDED: u32 = 0;
    /// The call is suspended: another activation of its function goes on with it. Any value that is not listed means this as well, and
    /// names the stack, whatever the call began on.
    pub const SUSPENDED: u32 = 1;
    /// The call had not begun: another activation of its function begins it.
    pub const NOT_BEGUN: u32 = 2;
}

/// Where an activation begins or goes on: the second argument of [`Hook::EnterOrResume`] (rules L3 and L6).
pub mod point {
    /// The call begins.
    pub const BEGINNING: u32 = 0;
    /// The whole stack goes on, from its outermost function. Any other value but 0: the innermost.
    pub const REWINDING: u32 = u32::MAX;
}

/// How a stack is named: the third argument of [`Hook::EnterOrResume`].
pub mod stack {
    /// Not yet: it gets its name when it is suspended.
    pub const UNNAMED: u32 = u32::MAX;
    /// Set in such a name, so that it is no [`way`](super::way) that is listed.
    pub const NAME_BITS: u32 = 3;
}

impl Hook {
    /// Every hook, in the order in which instrumented modules import them.
    pub const ALL: [Hook; 16] = [
        Hook::Module,
        Hook::Enter,
        Hook::Exit,
        Hook::Unwind,
        Hook::Begin,
        Hook::End,
        Hook::Alloc,
        Hook::Alloc64,
        Hook::Grow,
        Hook::Grow64,
        Hook::Flush,
        Hook::UnwindRing,
        Hook::EnterOrResume,
        Hook::ExitOrSuspend,
        Hook::Unwound,
        Hook::UnwoundRing,
    ];

    /// The import's field name.
    pub const fn name(self) -> &'static str {
        match self {
            Hook::Module => "module",
            Hook::Enter => "enter",
            Hook::Exit => "exit",
            Hook::Unwind => "unwind",
            Hook::Begin => "begin",
            Hook::End => "end",
            Hook::Alloc => "alloc",
            Hook::Alloc64 => "alloc64",
            Hook::Grow => "grow",
            Hook::Grow64 => "grow64",
            Hook::Flush => "flush",
            Hook::UnwindRing => "unwind_ring",
            Hook::EnterOrResume => "enter_or_resume",
            Hook::ExitOrSuspend => "exit_or_suspend",
            Hook::Unwound => "unwound",
            Hook::UnwoundRing => "unwound_ring",
        }
    }

    /// Parameter types.
    pub const fn params(self) -> &'static [ValueType] {
        match self {
            Hook::Module | Hook::Alloc | Hook::Grow | Hook::EnterOrResume => &[I32, I32, I32, I32],
            Hook::Enter | Hook::Exit | Hook::Unwind | Hook::Unwound | Hook::Begin | Hook::End | Hook::Flush => &[I32],
            Hook::UnwindRing | Hook::UnwoundRing | Hook::ExitOrSuspend => &[I32, I32],
            Hook::Alloc64 => &[I32, I64, I64, I64],
            Hook::Grow64 => &[I32, I32, I64, I64],
        }
    }

    /// Result types: at most one.
    pub const fn results(self) -> &'static [ValueType] {
        match self {
            Hook::Module | Hook::Enter | Hook::Begin | Hook::EnterOrResume => &[I32],
            _ => &[],
        }
    }
}
