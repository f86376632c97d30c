//! A frame of the shadow stack.

use crate::token;

/// The function of a frame that has none: a scope.
pub(crate) const NO_FUNCTION: u32 = u32::MAX;

/// What was opened, and what has to happen when it closes. Bits, so that the common call tests them all at once.
pub(crate) mod flag {
    use crate::stacks::STACKS;

    /// A host call's scope (B2): no function, no span.
    pub(crate) const SCOPE: u16 = 1;
    /// A `begin` (B1), or a call that opens a boundary implicitly (C3): always a span.
    pub(crate) const BOUNDARY: u16 = 2;
    /// Opened by `begin`: no call of the function.
    pub(crate) const BEGIN: u16 = 4;
    /// The call that the `begin` below is about: that one's span is this one's.
    pub(crate) const MERGED: u16 = 8;
    /// A `begin` whose call was recorded (the frame above it was `MERGED`).
    pub(crate) const HAS_CALL: u16 = 16;
    /// The outermost frame of a root.
    pub(crate) const ROOT: u16 = 32;
    /// Its span is kept whatever the policy says: its id is known outside.
    pub(crate) const KEPT: u16 = 64;
    /// The outermost activation of its function on this lane.
    pub(crate) const OUTERMOST: u16 = 128;

    /// A call of an allow-listed function: a span, however short it was.
    pub(crate) const LISTED: u16 = 256;
    /// A call that may be suspended: it stands on a stack of the guest's.
    pub(crate) const STACKED: u16 = if STACKS { 512 } else { 0 };
    /// The first frame of such a stack on the lane: what is below is not its caller.
    pub(crate) const FLOOR: u16 = if STACKS { 1024 } else { 0 };

    /// A frame with any of these does not close the short way.
    pub(crate) const SLOW: u16 = SCOPE | BOUNDARY | BEGIN | MERGED | ROOT | KEPT | LISTED | FLOOR;
}

/// An open call or boundary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// Number of frames opened before it, by this recorder.
    pub(crate) sequence: u64,
    pub(crate) start: u64,
    /// Time of the frames that it called.
    pub(crate) callees: u64,
    /// Bytes allocated by it and its callees.
    pub(crate) allocated: u64,
    /// Its function's place in the recorder's table.
    pub(crate) function: u32,
    /// Its node in the call tree.
    pub(crate) node: u32,
    /// The token by which a ring knows the call (R5); 0 where no record opened it.
    pub(crate) record: u32,
    pub(crate) flags: u16,
}

impl Frame {
    /// Its token at this depth.
    #[inline]
    pub(crate) fn token(&self, depth: usize) -> u32 {
        token::new(self.sequence, depth)
    }

    #[inline]
    pub(crate) fn is(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }
}
