//! Calls: frames that open and close (rules T, C, B and U).

use alloc::sync::Arc;

use waspect_abi::semconv::DropReason;

use crate::Recorder;
use crate::failure::Failure;
use crate::figures::Figure;
use crate::flight::Closed;
use crate::frame::{Frame, flag};
use crate::functions::NONE;
use crate::spans::Candidate;
use crate::token;

/// How a frame closes.
#[derive(Clone, Debug)]
pub(crate) enum Closing {
    /// By its own hook.
    Returned,
    /// An exception went through it (T3, U1).
    Unwound,
    /// With its scope (B2). `exception`: it is the innermost frame, and carries the exception (X3).
    Failed { failure: Arc<Failure>, exception: bool },
}

impl Recorder {
    /// Hook `enter`: opens a frame for a call; its token, or 0.
    ///
    /// Here and in [`Recorder::close_call`] stands what nearly every call needs; what is rare stands apart, growing the stack
    /// included: a function that may allocate saves every register first.
    #[inline]
    pub(crate) fn open_call(&mut self, now: u64, id: u32) -> u32 {
        let function = self.functions.place(id);
        match self.lane.frames.last() {
            Some(caller)
                if function != NONE
                    && !caller.is(flag::SCOPE | flag::BEGIN)
                    && self.lane.frames.len() < self.depth_max.min(self.lane.frames.capacity()) =>
            {
                let node = self.tree.child(caller.node, function);
                self.push(now, function, node, 0)
            }
            _ => self.open_any_call(now, id),
        }
    }

    /// Hook `exit`: closes the frame of the token, and what was left open above it.
    #[inline]
    pub(crate) fn close_call(&mut self, now: u64, token: u32) {
        let depth = self.lane.frames.len().wrapping_sub(1);
        match self.lane.frames.last() {
            Some(&frame) if frame.token(depth) == token && !frame.is(flag::SLOW) => {
                // First: accounting may call, and then everything that is still needed has to be kept across that.
                self.give_to_caller(now.wrapping_sub(frame.start), &frame);
                if self.account(now, &frame) {
                    return self.pop_with_span(now);
                }
                self.lane.frames.truncate(depth);
            }
            _ => self.close_any_call(now, token),
        }
    }

    /// A call that took no time and called nothing: what opening and closing its frame would do, without the frame. False, and nothing
    /// is done, where that would not be all.
    #[inline]
    pub(crate) fn instant_call(&mut self, id: u32) -> bool {
        let function = self.functions.place(id);
        let Some(caller) = self.lane.frames.last() else { return false };
        if function == NONE
            || caller.is(flag::SCOPE | flag::BEGIN)
            || self.lane.frames.len() >= self.depth_max
            || self.config.spans.min_duration_ns == 0
            || self.functions.met[function as usize].flags & flag::LISTED != 0
        {
            return false;
        }
        let node = self.tree.child(caller.node, function);
        self.functions.met[function as usize].entered += 1;
        self.sequence = self.sequence.wrapping_add(1);
        self.account_instant(function, node);
        true
    }

    /// Hook `begin`: opens a boundary.
    pub(crate) fn open_boundary(&mut self, now: u64, id: u32) -> u32 {
        let Some(function) = self.meet(id) else { return 0 };
        if !self.has_room() {
            return 0;
        }
        let caller = self.lane.frames.last().map_or(crate::tree::ROOT, |caller| caller.node);
        let node = self.tree.child(caller, function);
        self.open_root(now);
        let root = if self.is_new_root() { flag::ROOT } else { 0 };
        self.push_frame(now, function, node, flag::BEGIN | flag::BOUNDARY | root)
    }

    /// Hook `end`.
    pub(crate) fn close_boundary(&mut self, now: u64, token: u32) {
        if let Some(depth) = self.find(token, true) {
            self.close_above(now, depth + 1, &Closing::Unwound);
            self.close_top(now, &Closing::Returned);
        }
    }

    /// Hook `unwind`: the frame goes on, what is above it was unwound.
    pub(crate) fn unwind_to(&mut self, now: u64, token: u32) {
        if let Some(depth) = self.find(token, false) {
            self.close_above(now, depth + 1, &Closing::Unwound);
        }
    }

    /// Hook `unwound`: an exception leaves the function, and its frame closes (U5). True when it did: what the host called stays,
    /// for whoever called it knows what became of the exception (B2).
    pub(crate) fn leave_unwound(&mut self, now: u64, token: u32) -> bool {
        let Some(depth) = self.find(token, false) else { return false };
        self.close_above(now, depth + 1, &Closing::Unwound);
        let leaves = !self.lane.frames[depth].is(flag::BOUNDARY | flag::MERGED);
        if leaves {
            self.close_top(now, &Closing::Unwound);
        }
        leaves
    }

    /// Closes every frame from this depth up, innermost first.
    pub(crate) fn close_above(&mut self, now: u64, depth: usize, closing: &Closing) {
        while self.lane.frames.len() > depth {
            self.close_top(now, closing);
        }
    }

    /// Closes the innermost frame, whatever it is. True when it had a span to speak for it, kept or not.
    pub(crate) fn close_top(&mut self, now: u64, closing: &Closing) -> bool {
        let is_floor = self.lane.frames.last().is_some_and(|frame| frame.is(flag::FLOOR));
        let spoke = self.close_frame(now, closing);
        if is_floor {
            self.fail_stack(now, closing);
            self.detach(now);
        }
        spoke
    }

    /// As [`Recorder::close_top`], and leaves the stack of a floor where it is.
    pub(crate) fn close_frame(&mut self, now: u64, closing: &Closing) -> bool {
        let Some(&frame) = self.lane.frames.last() else { return false };
        if frame.is(flag::SCOPE) {
            self.lane.parents.pop();
            self.lane.frames.pop();
            if let Some(caller) = self.lane.frames.last_mut() {
                // The host's own time within a scope stays with the host call around it.
                caller.callees = caller.callees.wrapping_add(frame.callees);
                caller.allocated = caller.allocated.wrapping_add(frame.allocated);
            }
            return false;
        }
        let is_long =
            if frame.is(flag::BEGIN) { self.account_boundary(now, &frame) } else { self.account(now, &frame) };
        match frame.is(flag::FLOOR) {
            true => self.give_to_stack(now.wrapping_sub(frame.start), &frame),
            false => self.give_to_caller(now.wrapping_sub(frame.start), &frame),
        }
        if !frame.is(flag::BEGIN) {
            let met = &mut self.functions.met[frame.function as usize];
            match closing {
                Closing::Returned => {}
                Closing::Unwound => met.figures[Figure::Unwound] += 1,
                Closing::Failed { failure, .. } => met.figures[Figure::Errors] += u64::from(failure.is_error()),
            }
        }
        let kept = flag::BOUNDARY | flag::KEPT | flag::LISTED;
        let wanted = is_long || frame.is(kept) || frame.is(flag::ROOT) && self.root_is_wanted();
        let exception = matches!(closing, Closing::Failed { exception: true, .. });
        if !frame.is(flag::MERGED) && (wanted || exception) {
            self.offer_span(now, closing);
        }
        if frame.is(flag::ROOT) {
            self.end_root(now);
        }
        self.lane.frames.pop();
        !frame.is(flag::MERGED)
    }

    /// Whether the first frame of the current root becomes a span whatever it took.
    fn root_is_wanted(&self) -> bool {
        self.lane.roots.last().is_none_or(|root| !root.of_stack || root.kept.len() + root.slowest.len() > 0)
    }

    /// The depth of the open frame that a closing hook names; None, and counted, when it names none (T4) or one of another kind (T5).
    pub(crate) fn find(&mut self, token: u32, begin: bool) -> Option<usize> {
        let found = token::depth(token).and_then(|depth| Some((depth, *self.lane.frames.get(depth)?)));
        let Some((depth, frame)) = found.filter(|(depth, frame)| frame.token(*depth) == token) else {
            self.drops.count(DropReason::Token);
            return None;
        };
        if frame.is(flag::SCOPE) || frame.is(flag::BEGIN) != begin {
            self.drops.count(DropReason::Mismatch);
            return None;
        }
        Some(depth)
    }

    /// A call of a function that was not met, or on an empty lane, above a boundary, where there is no room.
    #[inline(never)]
    fn open_any_call(&mut self, now: u64, id: u32) -> u32 {
        let Some(function) = self.meet(id) else { return 0 };
        if !self.has_room() {
            self.functions.met[function as usize].entered += 1;
            return 0;
        }
        let sequence = self.sequence;
        let (caller, merged) = match self.lane.frames.last_mut() {
            // The call that the boundary is for: nothing was opened between them (B6).
            Some(caller)
                if caller.is(flag::BEGIN) && caller.function == function && caller.sequence + 1 == sequence =>
            {
                caller.flags |= flag::HAS_CALL;
                (caller.node, true)
            }
            Some(caller) => (caller.node, false),
            None => (crate::tree::ROOT, false),
        };
        if merged {
            return self.push(now, function, caller, flag::MERGED);
        }
        let node = self.tree.child(caller, function);
        let implicit = self.lane.frames.last().is_none_or(|caller| caller.is(flag::SCOPE));
        if !implicit {
            return self.push(now, function, node, 0);
        }
        self.open_root(now);
        let root = if self.is_new_root() { flag::ROOT } else { 0 };
        self.push(now, function, node, flag::BOUNDARY | root)
    }

    /// An exit of any frame but a common one on top.
    #[inline(never)]
    fn close_any_call(&mut self, now: u64, token: u32) {
        if let Some(depth) = self.find(token, false) {
            self.close_above(now, depth + 1, &Closing::Unwound);
            self.close_top(now, &Closing::Returned);
        }
    }

    /// The innermost frame, accounted for, becomes a candidate for a span.
    #[inline(never)]
    fn pop_with_span(&mut self, now: u64) {
        self.offer_span(now, &Closing::Returned);
        self.lane.frames.pop();
    }

    /// Whether a frame may be opened; counted when not (D2).
    pub(crate) fn has_room(&mut self) -> bool {
        if self.lane.frames.len() < self.depth_max {
            return true;
        }
        self.drops.count(if self.lane.refused { DropReason::Lane } else { DropReason::Depth });
        false
    }

    /// Pushes the frame of a call, and counts it.
    #[inline]
    pub(crate) fn push(&mut self, now: u64, function: u32, node: u32, mut flags: u16) -> u32 {
        let met = &mut self.functions.met[function as usize];
        met.entered += 1;
        flags |= met.flags;
        let recursive = self
            .lane
            .frames
            .get(met.outer as usize)
            .is_some_and(|outer| outer.function == function && outer.is(flag::OUTERMOST));
        if !recursive {
            met.outer = self.lane.frames.len() as u32;
            flags |= flag::OUTERMOST;
        }
        self.push_frame(now, function, node, flags)
    }

    /// The one store that publishes a frame.
    #[inline]
    pub(crate) fn push_frame(&mut self, now: u64, function: u32, node: u32, flags: u16) -> u32 {
        let frame =
            Frame { sequence: self.sequence, start: now, callees: 0, allocated: 0, function, node, record: 0, flags };
        let token = frame.token(self.lane.frames.len());
        self.sequence = self.sequence.wrapping_add(1);
        self.lane.frames.push(frame);
        token
    }

    /// Figures of a call that closes; whether it took long enough for a span. Time never goes back (W1): no difference is negative.
    ///
    /// Always inline: a frame that is passed on is a copy, whose 16-byte loads wait for the 8-byte stores that opened it.
    #[inline(always)]
    fn account(&mut self, now: u64, frame: &Frame) -> bool {
        let duration = now.wrapping_sub(frame.start);
        if duration == 0 {
            self.account_instant(frame.function, frame.node);
            return self.config.spans.min_duration_ns == 0;
        }
        let own = duration.saturating_sub(frame.callees);
        if self.flight.closed(Closed {
            duration,
            own,
            function: frame.function,
            outermost: frame.is(flag::OUTERMOST),
            node: frame.node,
        }) {
            self.settle();
        }
        duration >= self.config.spans.min_duration_ns
    }

    /// Figures of a call that took no time, as most do by a coarse clock: it changes no sum, and needs no bucket.
    #[inline(always)]
    fn account_instant(&mut self, function: u32, node: u32) {
        self.functions.met[function as usize].instant += 1;
        self.tree.count(node, |figures| figures.calls += 1);
        if self.flight.closed_at_once(function, node) {
            self.settle();
        }
    }

    /// Puts the durations of calls that closed into their histograms.
    #[inline(never)]
    pub(crate) fn settle(&mut self) {
        while let Some(call) = self.flight.settle() {
            if call.duration == 0 {
                continue;
            }
            let met = &mut self.functions.met[call.function as usize];
            let figures = &mut met.figures;
            figures[Figure::Closed] += 1;
            figures[Figure::Own] = figures[Figure::Own].wrapping_add(call.own);
            if call.outermost {
                figures[Figure::Total] = figures[Figure::Total].wrapping_add(call.duration);
            }
            self.functions.histograms[met.histogram as usize].record(call.duration);
            self.tree.count(call.node, |figures| {
                figures.calls += 1;
                figures.own = figures.own.wrapping_add(call.own);
            });
        }
    }

    /// Figures of a `begin` that closes, as above. It is no call: its time is the function's only when the call itself was not recorded.
    fn account_boundary(&mut self, now: u64, frame: &Frame) -> bool {
        let duration = now.wrapping_sub(frame.start);
        let own = duration.saturating_sub(frame.callees);
        let met = &mut self.functions.met[frame.function as usize];
        if !frame.is(flag::HAS_CALL) {
            met.figures[Figure::Own] = met.figures[Figure::Own].wrapping_add(own);
            let active = self.lane.frames.get(met.outer as usize);
            if !active.is_some_and(|outer| outer.function == frame.function && outer.is(flag::OUTERMOST)) {
                met.figures[Figure::Total] = met.figures[Figure::Total].wrapping_add(duration);
            }
            self.tree.count(frame.node, |figures| figures.own = figures.own.wrapping_add(own));
        }
        duration >= self.config.spans.min_duration_ns
    }

    /// Charges a frame's time and bytes to the frame below it.
    #[inline]
    pub(crate) fn give_to_caller(&mut self, duration: u64, frame: &Frame) {
        let below = self.lane.frames.len().wrapping_sub(2);
        if let Some(caller) = self.lane.frames.get_mut(below) {
            caller.callees = caller.callees.wrapping_add(duration);
            caller.allocated = caller.allocated.wrapping_add(frame.allocated);
        }
    }

    /// Offers the innermost frame, which closes, to the root around it. It reads the frame itself: a copy whose address is taken
    /// would make every call load 48 bytes that were just stored piece by piece, which stalls.
    #[inline(never)]
    fn offer_span(&mut self, now: u64, closing: &Closing) {
        let Some(&frame) = self.lane.frames.last() else { return };
        let Some(root) = self.lane.roots.last_mut().filter(|root| root.sampled) else { return };
        let (failure, exception) = match closing {
            Closing::Failed { failure, exception } => (Some(failure.clone()), *exception),
            Closing::Returned | Closing::Unwound => (None, false),
        };
        let candidate = Candidate {
            sequence: frame.sequence,
            end_sequence: self.sequence.wrapping_sub(1),
            start: frame.start,
            duration: now.saturating_sub(frame.start),
            allocated: frame.allocated,
            function: frame.function,
            unwound: matches!(closing, Closing::Unwound),
            exception,
            failure,
        };
        let full = self.candidates >= self.config.limits.spans_max;
        let spans_max = if full { 0 } else { self.config.spans.per_root_max };
        if exception || frame.is(flag::ROOT | flag::KEPT) {
            if full && !frame.is(flag::ROOT) {
                self.drops.count(DropReason::Span);
                return;
            }
            root.kept.push(candidate);
            self.candidates += 1;
        } else if root.offer(candidate, spans_max) {
            self.candidates += 1;
        } else {
            self.drops.count(DropReason::Omitted);
        }
    }
}
