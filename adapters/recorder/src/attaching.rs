//! Stacks of the guest's come onto the lane, and leave it; their roots with them (rules L7 and L8).

use crate::Recorder;
use crate::calls::Closing;
use crate::frame::{Frame, flag};
use crate::stacks::{Active, Key, Place};

impl Recorder {
    /// A stack comes onto the lane.
    pub(crate) fn attach(&mut self, now: u64, key: Key) {
        let is_deep = self.stacks.depth(key) > 0;
        self.lane.stacks.push(Active { key, arrived: now, is_deep, root: None, root_at: 0 });
    }

    /// The last frame of a stack has left the lane, for good or not: what called it there pays for the time.
    pub(crate) fn detach(&mut self, now: u64) {
        self.put_root_away(now);
        let Some(active) = self.lane.stacks.pop() else { return };
        match self.stacks.top(active.key) {
            Some(top) => top.since = top.since.or(Some(now)),
            None => self.stacks.forget_empty(active.key),
        }
        self.measure_room();
        if let Some(caller) = self.lane.frames.last_mut() {
            caller.callees = caller.callees.wrapping_add(now.saturating_sub(active.arrived));
        }
    }

    /// The ancestors of a floor that failed: they are suspended, and nobody will go on with them.
    pub(crate) fn fail_stack(&mut self, now: u64, closing: &Closing) {
        let Some(active) = self.lane.stacks.last().copied() else { return };
        let Closing::Failed { failure, .. } = closing else { return };
        let closing = Closing::Failed { failure: failure.clone(), exception: false };
        while self.stacks.depth(active.key) > active.root_at {
            self.close_suspended(now, active.key, &closing);
        }
    }

    /// Closes the innermost suspended frame of the stack that is on the lane last.
    pub(crate) fn close_suspended(&mut self, now: u64, key: Key, closing: &Closing) {
        self.bring_root(now, key);
        let Some(mut gone) = self.stacks.pop(key) else { return };
        gone.frame.flags |= flag::FLOOR;
        let waited = gone.since.map_or(0, |since| now.saturating_sub(since));
        gone.frame.callees = gone.frame.callees.wrapping_add(waited);
        self.lane.frames.push(gone.frame);
        self.close_frame(now, closing);
    }

    /// The root of what is suspended innermost comes onto the lane, where spans are offered to it.
    pub(crate) fn bring_root(&mut self, now: u64, key: Key) {
        if let Some(active) = self.lane.stacks.last_mut().filter(|active| active.root.is_none())
            && let Some((at, mut root)) = self.stacks.take_root(key)
        {
            // While it waited, alone, nobody was busy.
            if self.lane.roots.is_empty() {
                root.busy_from = now;
            }
            (active.root, active.root_at) = (Some(root.sequence), at);
            self.lane.roots.push(root);
        }
    }

    /// The root of the last stack leaves the lane; it ends where its stack has no frame of it any more.
    pub(crate) fn put_root_away(&mut self, now: u64) {
        let Some(active) = self.lane.stacks.last_mut().filter(|active| active.root.is_some()) else { return };
        active.root = None;
        let (key, at) = (active.key, active.root_at);
        let Some(mut root) = self.lane.roots.pop() else { return };
        if self.lane.roots.is_empty() {
            self.busy = self.busy.saturating_add(now.saturating_sub(root.busy_from));
            root.busy_from = now;
        }
        if let Some(root) = self.stacks.put_root(key, at, root) {
            self.lane.roots.push(root);
            self.end_root(now);
        }
    }

    /// A floor closed: what it took is its caller's, which is suspended.
    pub(crate) fn give_to_stack(&mut self, duration: u64, frame: &Frame) {
        let Some(key) = self.lane.stacks.last().map(|active| active.key) else { return };
        if let Some(caller) = self.stacks.top(key) {
            caller.frame.callees = caller.frame.callees.wrapping_add(duration);
            caller.frame.allocated = caller.frame.allocated.wrapping_add(frame.allocated);
        }
    }

    /// Where the frame on top began, and flags that it gets.
    #[inline]
    pub(crate) fn place_top(&mut self, place: Place, flags: u16) {
        let Some(depth) = self.lane.frames.len().checked_sub(1) else { return };
        if self.lane.places.len() <= depth {
            self.lane.places.resize(depth + 1, Place::default());
        }
        self.lane.places[depth] = place;
        let frame = &mut self.lane.frames[depth];
        frame.flags |= flags;
        if frame.is(flag::OUTERMOST)
            && let Some(active) = self.lane.stacks.last().filter(|active| active.is_deep)
            && self.stacks.has_outermost(active.key, frame.function)
        {
            frame.flags &= !flag::OUTERMOST;
        }
    }

    /// Room for all that stacks of the guest's may need: at the first hook that speaks of one (H1).
    pub(crate) fn reserve_for_stacks(&mut self) {
        let limits = &self.config.limits;
        let more = |list: usize| limits.depth_max.saturating_sub(list);
        self.stacks.reserve(limits.depth_max, limits.lanes_max);
        self.leaving.frames.reserve(more(self.leaving.frames.len()));
        self.lane.places.reserve(more(self.lane.places.len()));
        self.lane.stacks.reserve(limits.lanes_max.saturating_sub(self.lane.stacks.len()));
    }

    pub(crate) fn measure_room(&mut self) {
        let taken = self.parked.frames() + self.stacks.len();
        self.depth_max = if self.lane.refused { 0 } else { self.config.limits.depth_max.saturating_sub(taken) };
    }
}
