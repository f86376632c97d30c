//! Seeded faults: each is a way in which a rewriter goes wrong, and a test suite that is worth its time catches every one.
//!
//! Only with the cargo feature `mutants` can one be chosen; without it every query is the constant `false`.

use crate::options::Options;

/// A fault, by what it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// Calls lead to the next function.
    CallIndexOffByOne,
    /// A `return` in a wrapped body branches one block short.
    ReturnDepthShort,
    /// No exit where the body falls off its end.
    ExitMissedAtEnd,
    /// A `return` leaves the function past the exit.
    ExitMissedAtReturn,
    /// No exit before a tail call.
    ExitMissedBeforeTailCall,
    /// A body with a branch to the function's label is not wrapped.
    WrapMissed,
    /// `ref.func` in constant expressions keeps its old index.
    ConstExprMissed,
    /// Element segments keep their old indices.
    ElementMissed,
    /// Exports keep their old indices.
    ExportMissed,
    /// `ref.func` in bodies keeps its old index.
    RefFuncMissed,
    /// No unwind in handlers.
    UnwindMissed,
    /// An exception that leaves a function is thrown on untold.
    UnwoundMissed,
    /// An exception that leaves a function ends there.
    ThrownOnMissed,
    /// Hooks run while the gate is closed.
    GateInverted,
    /// Calls are not counted.
    CountMissed,
    /// Exports of a function in a table lead to a thunk.
    IdentityBroken,
    /// The original start function is dropped.
    StartMissed,
    /// A thunk never ends its boundary.
    EndMissed,
    /// A hooked `memory.grow` reports another result than the guest sees.
    GrowResultLost,
    /// The ring is never flushed when it is full.
    FlushMissed,
    /// A record does not move the cursor.
    CursorStands,
    /// Another instance's code enters unnoticed.
    CompanyIgnored,
}

impl Mutant {
    /// Every fault.
    pub const ALL: [Mutant; 22] = [
        Mutant::CallIndexOffByOne,
        Mutant::ReturnDepthShort,
        Mutant::ExitMissedAtEnd,
        Mutant::ExitMissedAtReturn,
        Mutant::ExitMissedBeforeTailCall,
        Mutant::WrapMissed,
        Mutant::ConstExprMissed,
        Mutant::ElementMissed,
        Mutant::ExportMissed,
        Mutant::RefFuncMissed,
        Mutant::UnwindMissed,
        Mutant::UnwoundMissed,
        Mutant::ThrownOnMissed,
        Mutant::GateInverted,
        Mutant::CountMissed,
        Mutant::IdentityBroken,
        Mutant::StartMissed,
        Mutant::EndMissed,
        Mutant::GrowResultLost,
        Mutant::FlushMissed,
        Mutant::CursorStands,
        Mutant::CompanyIgnored,
    ];
}

/// The seeded fault of a plan, if any.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seed(Option<Mutant>);

impl Seed {
    /// The fault that the options ask for.
    #[cfg(feature = "mutants")]
    pub(crate) fn of(options: &Options) -> Seed {
        Seed(options.mutant)
    }

    /// None: there is no way to ask for one.
    #[cfg(not(feature = "mutants"))]
    pub(crate) fn of(_options: &Options) -> Seed {
        Seed(None)
    }

    /// Is any fault seeded?
    pub(crate) fn is_some(self) -> bool {
        cfg!(feature = "mutants") && self.0.is_some()
    }

    /// Is this the seeded fault?
    pub(crate) fn is(self, mutant: Mutant) -> bool {
        cfg!(feature = "mutants") && self.0 == Some(mutant)
    }
}
