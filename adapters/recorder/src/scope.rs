//! Scopes, roots and contexts: what the host knows of a call into the guest (rules B2 to B5 and X).

use alloc::borrow::ToOwned;
use alloc::sync::Arc;

use waspect_abi::semconv::DropReason;

use crate::calls::Closing;
use crate::delta::{ErrorDelta, FunctionId};
use crate::failure::Failure;
use crate::frame::{NO_FUNCTION, flag};
use crate::gather::gather;
use crate::spans::Trace;
use crate::stacks::STACKS;
use crate::tree;
use crate::{Outcome, Parent, Recorder, SpanContext, Timestamp};

/// Most codes and functions of errors between two drains.
const ERRORS_MAX: usize = 256;

/// Most roots whose buffers are kept for the next ones.
const SPARE_ROOTS_MAX: usize = 4;

/// W3C trace flag: sampled.
const SAMPLED: u8 = 1;

impl Recorder {
    /// The host is about to call the guest (B2): a token for [`Recorder::scope_end`]. `wall_unix_ns` anchors time to the
    /// calendar. Without a `parent`, a scope within open frames continues their trace.
    pub fn scope_begin(&mut self, now: Timestamp, wall_unix_ns: u64, parent: Option<&Parent>) -> u32 {
        self.anchor(now, wall_unix_ns);
        let now = self.clock.last();
        if self.lane.frames.len() >= self.depth_max {
            self.drops.count(if self.lane.refused { DropReason::Lane } else { DropReason::Depth });
            return 0;
        }
        let parent = parent.filter(|parent| parent.trace_id != [0; 16] && parent.span_id != [0; 8]);
        self.lane.parents.push(parent.cloned());
        let node = self.lane.frames.last().map_or(tree::ROOT, |caller| caller.node);
        self.push_frame(now, NO_FUNCTION, node, flag::SCOPE)
    }

    /// That call ended: every frame above the scope closes with this outcome (B2, X3).
    pub fn scope_end(&mut self, now: Timestamp, scope: u32, outcome: &Outcome) {
        let now = self.clock.read(now);
        let depth = crate::token::depth(scope);
        let found = depth.filter(|depth| {
            self.lane.frames.get(*depth).is_some_and(|frame| frame.is(flag::SCOPE) && frame.token(*depth) == scope)
        });
        let Some(depth) = found else {
            self.drops.count(DropReason::Token);
            return;
        };
        match Failure::new(outcome) {
            None => self.close_above(now, depth + 1, &Closing::Unwound),
            Some(failure) => self.fail_above(now, depth + 1, failure),
        }
        self.close_top(now, &Closing::Returned);
    }

    /// Every frame that is still open on the current lane closes with this outcome, scope or not: its store is gone.
    pub fn close_lane(&mut self, now: Timestamp, outcome: &Outcome) {
        let now = self.clock.read(now);
        match Failure::new(outcome) {
            None => self.close_above(now, 0, &Closing::Unwound),
            Some(failure) => self.fail_above(now, 0, failure),
        }
        self.end_stacks(now, None, &Recorder::dropped());
    }

    /// Says what the calendar reads now, for boundaries without a scope (C3).
    pub fn anchor(&mut self, now: Timestamp, wall_unix_ns: u64) {
        let now = self.clock.read(now);
        self.wall_offset = Some(wall_unix_ns.wrapping_sub(now));
    }

    /// The context of the innermost open frame, for what the host does on its behalf; that span is then kept. None when
    /// nothing is open or no ids can be made.
    pub fn context(&mut self) -> Option<SpanContext> {
        let (ids, root) = (self.ids.as_ref()?, self.lane.roots.last_mut()?);
        if !root.identified {
            return None;
        }
        let speaks = |flags: u16| flags & (flag::SCOPE | flag::MERGED) == 0;
        let mut frames = self.lane.frames.iter_mut().rev();
        let mut frame = frames.find(|frame| speaks(frame.flags))?;
        if !frame.is(flag::ROOT | flag::KEPT) {
            if root.promised < self.config.spans.per_root_max {
                root.promised += 1;
                frame.flags |= flag::KEPT;
            } else {
                frame = frames.find(|frame| frame.is(flag::ROOT | flag::KEPT))?;
            }
        }
        Some(SpanContext { trace_id: root.trace.id, span_id: ids.span(frame.sequence), flags: root.trace.flags })
    }

    /// Opens a root when the next frame begins one: on an empty lane, right above a scope on an empty lane, or right above a
    /// scope that was given a parent.
    pub(crate) fn open_root(&mut self, now: u64) {
        // A root whose frame never came: its hook died (H2).
        let last = self.lane.frames.last().map(|frame| frame.sequence);
        while self.lane.roots.pop_if(|root| last.is_none_or(|last| root.sequence > last)).is_some() {}
        if !self.begins_root() {
            return;
        }
        let parent = match self.lane.frames.last() {
            Some(_) => self.lane.parents.last().and_then(Option::as_ref),
            None => None,
        };
        let mut root = self.spare_roots.pop().unwrap_or_default();
        let mut trace = Trace { wall_offset: self.wall_offset.unwrap_or(0), ..Trace::default() };
        let identified = self.ids.is_some() && self.wall_offset.is_some();
        if let (Some(ids), true) = (&mut self.ids, identified) {
            trace.id = parent.map_or_else(|| ids.trace(), |parent| parent.trace_id);
            trace.parent = parent.map_or([0; 8], |parent| parent.span_id);
            let state = parent.map_or("", |parent| &parent.trace_state);
            trace.state = (!state.is_empty()).then(|| Arc::from(state));
            let sampled = match parent {
                _ if !self.config.spans.on => false,
                Some(parent) if self.config.sampling.parent_based => parent.flags & SAMPLED != 0,
                _ => samples(&trace.id, self.config.sampling.ratio),
            };
            trace.flags = parent.map_or(0, |parent| parent.flags & !SAMPLED) | u8::from(sampled);
        } else if self.config.spans.on {
            self.drops.count(DropReason::Identity);
        }
        root.restart(trace, self.sequence, now);
        root.identified = identified;
        root.sampled = identified && root.trace.flags & SAMPLED != 0;
        self.lane.roots.push(root);
    }

    /// Opens the root of a stack of the guest's, with the next frame. It continues the trace of the call from the host that runs, but
    /// not as a part of it: others run in between. False: there was no need for one.
    pub(crate) fn open_stack_root(&mut self, now: u64) -> bool {
        if !self.begins_root() && self.open_root_of_stack(self.sequence, now) {
            return true;
        }
        self.open_root(now);
        self.is_new_root()
    }

    /// The same with a frame that is open already, where there is a root to continue.
    pub(crate) fn open_root_of_stack(&mut self, sequence: u64, started: u64) -> bool {
        let Some(outer) = self.lane.roots.iter().rev().find(|root| !root.of_stack) else { return false };
        let mut trace = outer.trace.clone();
        let (sampled, identified) = (outer.sampled, outer.identified);
        if let (true, Some(ids)) = (identified, &self.ids) {
            trace.parent = ids.span(outer.sequence);
        }
        let mut root = self.spare_roots.pop().unwrap_or_default();
        root.restart(trace, sequence, started);
        (root.sampled, root.identified, root.of_stack) = (sampled, identified, true);
        self.lane.roots.push(root);
        true
    }

    /// The root's own frame is taken back: nothing of it is told.
    pub(crate) fn forget_root(&mut self) {
        let Some(root) = self.lane.roots.pop() else { return };
        self.candidates = self.candidates.saturating_sub(root.kept.len() + root.slowest.len());
        self.forget_root_of_stack(root.sequence);
        if self.spare_roots.len() < SPARE_ROOTS_MAX {
            self.spare_roots.push(root);
        }
    }

    /// True when a root waits for its first frame, which is the next one to be pushed.
    pub(crate) fn is_new_root(&self) -> bool {
        self.lane.roots.last().is_some_and(|root| root.sequence == self.sequence)
    }

    /// The root's own frame closed.
    pub(crate) fn end_root(&mut self, now: u64) {
        let Some(mut root) = self.lane.roots.pop() else { return };
        self.forget_root_of_stack(root.sequence);
        if self.lane.roots.is_empty() {
            self.busy = self.busy.saturating_add(now.saturating_sub(root.busy_from));
        }
        if let (true, Some(ids)) = (root.sampled, &self.ids) {
            let flushed = root.flush(ids, &self.functions.met, &[], &mut self.spans, self.config.limits.spans_max);
            // A hook may have died between a candidate and its count (H2): nothing wraps, and no root means none.
            self.candidates = self.candidates.saturating_sub(flushed.candidates);
            self.drops.add(DropReason::Span, flushed.dropped);
        }
        if self.lane.roots.is_empty() && self.parked.is_empty() && self.stacks.is_empty() {
            self.candidates = 0;
        }
        if self.spare_roots.len() < SPARE_ROOTS_MAX {
            self.spare_roots.push(root);
        }
    }

    /// A root left the lane: the stack that began with it has none there any more.
    fn forget_root_of_stack(&mut self, sequence: u64) {
        if STACKS && let Some(active) = self.lane.stacks.last_mut().filter(|active| active.root == Some(sequence)) {
            active.root = None;
        }
    }

    fn begins_root(&self) -> bool {
        let below = match self.lane.frames.last() {
            None => return true,
            Some(frame) if frame.is(flag::SCOPE) => self.lane.frames.len() - 1,
            Some(_) => return false,
        };
        self.lane.roots.is_empty() || self.lane.parents.last().is_some_and(Option::is_some) || below == 0
    }

    /// Closes frames with a failure; the innermost one that has a span speaks of it (X3).
    fn fail_above(&mut self, now: u64, depth: usize, mut failure: Failure) {
        if failure.is_error() {
            let innermost = self.lane.frames[depth..].iter().rev().find(|frame| !frame.is(flag::SCOPE));
            let function = innermost.map(|frame| self.functions.met[frame.function as usize].id());
            self.count_error(&failure, function);
            failure.recorded &= self.config.exception_events;
            let calls = self.flight.calls();
            failure.flight = gather(calls.map(|(place, ns)| (self.functions.met[place as usize].id(), ns)));
        }
        let mut exception = failure.is_error();
        let failure = Arc::new(failure);
        while self.lane.frames.len() > depth {
            let closing = Closing::Failed { failure: failure.clone(), exception };
            exception &= !self.close_top(now, &closing);
        }
    }

    fn count_error(&mut self, failure: &Failure, function: Option<FunctionId>) {
        let code = failure.error_type.as_deref().unwrap_or_default();
        match self.errors.iter().position(|error| error.code == code && error.function == function) {
            Some(at) => self.errors[at].count += 1,
            None if self.errors.len() >= ERRORS_MAX => self.drops.count(DropReason::Error),
            None => self.errors.push(ErrorDelta {
                code: code.to_owned(),
                function,
                count: 1,
                message: failure.message.clone(),
            }),
        }
    }
}

/// Sampling by trace id, as the field's SDKs do it: the low 8 bytes against the ratio.
fn samples(trace_id: &[u8; 16], ratio: f64) -> bool {
    let low = u128::from_be_bytes(*trace_id) as u64 >> 1;
    ratio >= 1.0 || low < (ratio.max(0.0) * (1_u64 << 63) as f64) as u64
}
