//! The recorder: one method a hook. It knows no runtime, no clock and no socket.

use std::sync::Arc;

use waspect_abi::Manifest;

use crate::{Config, Delta, GateChange, Outcome, Parent, SpanContext, Timestamp, Untimed};

/// Records one thread of execution in one trust domain.
///
/// Methods named like hooks take the time first, then what the hook passes. Any value in any order is survived (rule Z1).
#[derive(Debug)]
pub struct Recorder {}

impl Recorder {
    /// A recorder. `entropy` makes its trace and span ids unguessable and unique; without it there are no spans.
    pub fn new(_config: &Config, _entropy: Option<[u8; 16]>) -> Recorder {
        todo!()
    }

    /// Makes it as new, keeping its buffers. What was not drained is lost.
    pub fn reset(&mut self, _entropy: Option<[u8; 16]>) {
        todo!()
    }

    /// Names the functions of a module; found by build id when, or after, `module` announces it. Replaces an older one.
    pub fn add_manifest(&mut self, _manifest: Arc<Manifest>) {
        todo!()
    }

    /// Hook `module` (M2, M3, M4): the base of a new instance.
    pub fn module(&mut self, _now: Timestamp, _abi: u32, _build_a: u32, _build_b: u32, _functions: u32) -> u32 {
        todo!()
    }

    /// Hook `enter`: the token of a new frame; 0 when it was not recorded.
    #[inline]
    pub fn enter(&mut self, _now: Timestamp, _func: u32) -> u32 {
        todo!()
    }

    /// Hook `exit`.
    #[inline]
    pub fn exit(&mut self, _now: Timestamp, _func: u32, _token: u32) {
        todo!()
    }

    /// Hook `unwind`.
    pub fn unwind(&mut self, _now: Timestamp, _func: u32, _token: u32) {
        todo!()
    }

    /// Hook `begin`.
    pub fn begin(&mut self, _now: Timestamp, _func: u32) -> u32 {
        todo!()
    }

    /// Hook `end`.
    pub fn end(&mut self, _now: Timestamp, _func: u32, _token: u32) {
        todo!()
    }

    /// Hook `alloc`: 32-bit addresses and size, unsigned.
    pub fn alloc(&mut self, _now: Timestamp, _func: u32, _old: u32, _new: u32, _size: u32) {
        todo!()
    }

    /// Hook `alloc64`.
    pub fn alloc64(&mut self, _now: Timestamp, _func: u32, _old: u64, _new: u64, _size: u64) {
        todo!()
    }

    /// Hook `grow`: pages, unsigned; `result` all ones: it failed.
    pub fn grow(&mut self, _now: Timestamp, _func: u32, _memory: u32, _delta: u32, _result: u32) {
        todo!()
    }

    /// Hook `grow64`.
    pub fn grow64(&mut self, _now: Timestamp, _func: u32, _memory: u32, _delta: u64, _result: u64) {
        todo!()
    }

    /// The host is about to call the guest (B2): a token for [`Recorder::scope_end`]. `wall_unix_ns` anchors time to the
    /// calendar. Without a `parent`, a scope within open frames continues their trace.
    pub fn scope_begin(&mut self, _now: Timestamp, _wall_unix_ns: u64, _parent: Option<&Parent>) -> u32 {
        todo!()
    }

    /// That call ended: every frame above the scope closes with this outcome (B2, X3).
    pub fn scope_end(&mut self, _now: Timestamp, _scope: u32, _outcome: &Outcome) {
        todo!()
    }

    /// Says what the calendar reads now, for boundaries without a scope (C3).
    pub fn anchor(&mut self, _now: Timestamp, _wall_unix_ns: u64) {
        todo!()
    }

    /// Switches to a lane (L1). A lane begins to exist when it is first named; beyond the limit the switch is refused and
    /// counted, and hooks record nothing until a lane with room is named.
    pub fn lane(&mut self, _lane: u32) {
        todo!()
    }

    /// Open frames of the current lane, scopes included.
    pub fn depth(&self) -> usize {
        todo!()
    }

    /// The context of the innermost open frame, for what the host does on its behalf; that span is then kept. None when
    /// nothing is open or recorded.
    pub fn context(&mut self) -> Option<SpanContext> {
        todo!()
    }

    /// A function's counter, as `waspect_counter_get` gave it; the gate bit is ignored (C1). `func` is the original index.
    pub fn counts(&mut self, _base: u32, _func: u32, _counter: u64) {
        todo!()
    }

    /// Size of an instance's memories now, in bytes.
    pub fn memory(&mut self, _base: u32, _bytes: u64) {
        todo!()
    }

    /// An instance is gone: its live bytes are given back, its ids become free. `memory_bytes` is the last size of its memories.
    pub fn instance_end(&mut self, _now: Timestamp, _base: u32, _memory_bytes: u64) {
        todo!()
    }

    /// What is to be done to gates so that live instances follow `untimed`. Empty when nothing changed since the last time.
    pub fn gate_changes(&mut self, _untimed: &Untimed) -> Vec<GateChange> {
        todo!()
    }

    /// What was recorded since the last drain.
    pub fn drain(&mut self, _now: Timestamp) -> Delta {
        todo!()
    }
}
