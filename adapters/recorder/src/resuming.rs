//! Functions that are left and gone on with (rules L3 to L6): goroutines, and whatever else returns before its call has ended.
//!
//! The frames on the lane are those on the engine's stack. A frame that is suspended waits in [`Stacks`](crate::stacks::Stacks); the
//! first frame of a stack that stands on the lane is its *floor*, and its caller there (the scheduler's loop) is not its caller at
//! all: it pays for the time that it was away, and no more.

use alloc::vec::Vec;

use waspect_abi::hooks::{point, stack, way};
use waspect_abi::semconv::DropReason;

use crate::calls::Closing;
use crate::frame::{Frame, flag};
use crate::stacks::{Key, Place, STACKS, Suspended};
use crate::{Outcome, Recorder, Timestamp, tree};

/// Frames that have left the lane one after the other, innermost first, and whose callers may leave next.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    pub(crate) frames: Vec<(Frame, Place)>,
    /// When the first of them left.
    pub(crate) since: u64,
    /// Where the last of them stood, and how many frames had been opened then.
    pub(crate) depth: usize,
    pub(crate) sequence: u64,
    /// What leaves had not begun: it will begin again.
    begins_again: bool,
}

impl Leaving {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty() && !self.begins_again
    }

    pub(crate) fn clear(&mut self) {
        self.frames.clear();
        self.begins_again = false;
    }
}

impl Recorder {
    /// Hook `enter_or_resume`: `point` 0 begins the function, any other goes on with it. `stack` is the guest's name of the stack,
    /// `height` how much of it is in use.
    #[inline]
    pub fn enter_or_resume(&mut self, now: Timestamp, func: u32, point: u32, stack: u32, height: u32) -> u32 {
        let now = self.clock.read(now);
        let place = Place { stack, height };
        match self.lane.frames.last() {
            _ if stack == stack::UNNAMED || point == point::REWINDING => self.enter_or_rewind(now, func, point, stack),
            // A plain call: its caller is on the engine's stack, whatever stack of the guest's it works on.
            Some(caller) if point == 0 && caller.is(flag::STACKED) && self.leaving.is_empty() => {
                let token = self.open_call(now, func);
                if token != 0 {
                    self.place_top(place, flag::STACKED);
                }
                token
            }
            _ => self.arrive(now, func, point, place),
        }
    }

    /// Hook `exit_or_suspend`: the way is one of [`way`].
    #[inline]
    pub fn exit_or_suspend(&mut self, now: Timestamp, token: u32, how: u32) {
        let now = self.clock.read(now);
        match how {
            way::ENDED if self.leaving.is_empty() => self.close_call(now, token),
            way::ENDED => {
                self.abandon();
                self.close_call(now, token);
            }
            way::NOT_BEGUN => self.take_back(now, token),
            way::SUSPENDED => self.suspend(now, token),
            name => self.save(now, token, name),
        }
    }

    /// Closes what is suspended, of one instance or of all: nobody will go on with it.
    pub(crate) fn end_stacks(&mut self, now: u64, base: Option<u32>, closing: &Closing) {
        self.abandon();
        if self.stacks.is_empty() {
            return;
        }
        let keys: Vec<Key> = self.stacks.keys().filter(|key| base.is_none_or(|base| key.base == base)).collect();
        for key in keys {
            self.attach(now, key);
            while self.stacks.depth(key) > 0 {
                self.close_suspended(now, key, closing);
            }
            self.detach(now);
        }
    }

    /// How that is said of an instance that is gone.
    pub(crate) fn dropped() -> Closing {
        match crate::failure::Failure::new(&Outcome::Dropped) {
            Some(failure) => Closing::Failed { failure: failure.into(), exception: false },
            None => Closing::Unwound,
        }
    }

    /// A function begins or goes on of which no caller is known on the engine's stack: its stack tells more.
    #[inline(never)]
    fn arrive(&mut self, now: u64, func: u32, point: u32, place: Place) -> u32 {
        self.abandon();
        let Some(function) = self.meet(func) else { return 0 };
        let met = &self.functions.met[function as usize];
        let base = self.instances.all[met.instance as usize].base;
        let key = Key { base, stack: place.stack };
        if !self.has_room() {
            self.functions.met[function as usize].entered += u64::from(point == 0);
            return 0;
        }
        if self.config.preallocate {
            self.reserve_for_stacks();
        }
        let from_loop = self.comes_from_loop(point);
        self.attach(now, key);
        let waited = self.close_gone(now, key, point, place);
        let again = self.stacks.begins_again(key);
        self.stacks.set_begins_again(key, false);
        self.bring_root(now, key);
        let floor = flag::STACKED | flag::FLOOR;
        let caller = match self.stacks.top(key) {
            Some(top) if point != 0 && top.frame.function == function => return self.bring_back(now, key, waited),
            Some(top) if point != 0 || again || from_loop => {
                let since = top.since.take().or(waited);
                top.frame.callees = top.frame.callees.wrapping_add(since.map_or(0, |since| now.saturating_sub(since)));
                Some(top.frame.node)
            }
            _ => None,
        };
        let token = match caller {
            Some(caller) => {
                let node = self.tree.child(caller, function);
                self.push(now, function, node, floor)
            }
            None => {
                let caller = self.lane.frames.last().map_or(tree::ROOT, |caller| caller.node);
                let node = self.tree.child(caller, function);
                let implicit = self.lane.frames.last().is_none_or(|caller| caller.is(flag::SCOPE));
                let boundary = if implicit { flag::BOUNDARY } else { 0 };
                self.put_root_away(now);
                let root = if self.open_stack_root(now) { flag::ROOT } else { 0 };
                if let (true, Some(active)) = (root != 0, self.lane.stacks.last_mut()) {
                    (active.root, active.root_at) = (Some(self.sequence), self.stacks.depth(key));
                }
                self.push(now, function, node, floor | boundary | root)
            }
        };
        self.place_top(place, 0);
        if point != 0 {
            // It was not seen to begin: no call.
            let met = &mut self.functions.met[function as usize];
            met.entered = met.entered.wrapping_sub(1);
        }
        token
    }

    /// Whether the frame on top is that of a loop which goes on with functions. Only such a one says where in a function to go on;
    /// once it did, it is known.
    fn comes_from_loop(&mut self, point: u32) -> bool {
        let Some(caller) = self.lane.frames.last().filter(|caller| !caller.is(flag::SCOPE)) else { return false };
        let met = &mut self.functions.met[caller.function as usize];
        met.resumes |= point != 0;
        met.resumes
    }

    /// Closes the frames of a stack that are higher than what runs now: the guest left them for good. Gives since when they had waited.
    fn close_gone(&mut self, now: u64, key: Key, point: u32, place: Place) -> Option<u64> {
        let mut waited = None;
        while let Some(top) = self.stacks.top(key) {
            let alive = match point {
                0 => top.place.height < place.height,
                _ => top.place.height <= place.height,
            };
            if alive && top.place.stack == key.stack {
                break;
            }
            waited = waited.or(top.since);
            self.close_suspended(waited.unwrap_or(now), key, &Closing::Unwound);
        }
        waited
    }

    /// The innermost suspended frame comes back onto the lane.
    fn bring_back(&mut self, now: u64, key: Key, waited: Option<u64>) -> u32 {
        let Some(mut back) = self.stacks.pop(key) else { return 0 };
        let waited = back.since.or(waited).map_or(0, |since| now.saturating_sub(since));
        back.frame.callees = back.frame.callees.wrapping_add(waited);
        back.frame.flags |= flag::FLOOR;
        let depth = self.lane.frames.len();
        if back.frame.is(flag::OUTERMOST) {
            self.functions.met[back.frame.function as usize].outer = depth as u32;
        }
        self.lane.frames.push(back.frame);
        self.place_top(back.place, 0);
        self.measure_room();
        back.frame.token(depth)
    }

    /// The frame of the token leaves the lane: it is suspended once the floor of its stack has left as well.
    fn suspend(&mut self, now: u64, token: u32) {
        if let Some((depth, _)) = self.next_to_leave(now, token) {
            self.put_aside(now, depth, self.lane.places[depth]);
        }
    }

    /// The depth and the frame that the token names, alone on top. What left before it, and was not its callee, is abandoned.
    pub(crate) fn next_to_leave(&mut self, now: u64, token: u32) -> Option<(usize, Frame)> {
        let depth = self.find(token, false)?;
        let expected = self.leaving.depth == depth + 1 && self.leaving.sequence == self.sequence;
        if depth + 1 < self.lane.frames.len() || !expected {
            self.abandon();
        }
        Some((depth, self.uncover(now, depth)?))
    }

    /// The frame on top leaves the lane, to wait at this place.
    pub(crate) fn put_aside(&mut self, now: u64, depth: usize, place: Place) {
        let frame = self.lane.frames[depth];
        if self.leaving.is_empty() {
            self.leaving.since = now;
        }
        self.leaving.frames.push((frame, place));
        self.leave(now, depth, &frame);
    }

    /// The call of the token had not begun (L5): its frame goes as if it had never been, and its caller has its time.
    fn take_back(&mut self, now: u64, token: u32) {
        let Some(depth) = self.find(token, false) else { return };
        self.abandon();
        let Some(frame) = self.uncover(now, depth) else { return };
        let met = &mut self.functions.met[frame.function as usize];
        met.entered = met.entered.wrapping_sub(1);
        if frame.is(flag::ROOT) {
            self.forget_root();
        }
        let taken = Frame { callees: 0, ..frame };
        match frame.is(flag::FLOOR) {
            true => self.give_to_stack(frame.callees, &taken),
            false => self.give_to_caller(frame.callees, &taken),
        }
        (self.leaving.since, self.leaving.begins_again) = (now, true);
        self.leave(now, depth, &frame);
    }

    /// The frame that a closing hook names, once what stands above it is closed. None: it never stood on a stack of the guest's, and
    /// is closed, too.
    pub(crate) fn uncover(&mut self, now: u64, depth: usize) -> Option<Frame> {
        self.close_above(now, depth + 1, &Closing::Unwound);
        let frame = self.lane.frames[depth];
        if !frame.is(flag::STACKED) {
            self.close_top(now, &Closing::Returned);
            return None;
        }
        Some(frame)
    }

    /// The frame on top leaves the lane; its caller may leave next.
    pub(crate) fn leave(&mut self, now: u64, depth: usize, frame: &Frame) {
        (self.leaving.depth, self.leaving.sequence) = (depth, self.sequence);
        self.lane.frames.truncate(depth);
        if frame.is(flag::FLOOR) {
            self.part(now);
        }
    }

    /// The floor of a stack has left the lane: what left before it waits from now on.
    fn part(&mut self, now: u64) {
        let Some(key) = self.lane.stacks.last().map(|active| active.key) else { return self.leaving.clear() };
        if !self.leaving.frames.is_empty() && !self.has_room_for_stack(key) {
            return self.abandon();
        }
        while let Some((frame, place)) = self.leaving.frames.pop() {
            let frame = Frame { flags: frame.flags & !flag::FLOOR, ..frame };
            self.stacks.push(key, Suspended { frame, place, since: None });
        }
        // What works on another stack of the guest's, as the scheduler does, never comes back to it.
        while self.stacks.top(key).is_some_and(|top| top.place.stack != key.stack) {
            self.close_suspended(self.leaving.since, key, &Closing::Unwound);
        }
        if let Some(top) = self.stacks.top(key) {
            top.since = Some(self.leaving.since);
        }
        self.stacks.set_begins_again(key, self.leaving.begins_again);
        self.leaving.clear();
        self.detach(now);
    }

    /// Whether frames of a stack may be suspended; counted when there are as many stacks as there may be (D1).
    fn has_room_for_stack(&mut self, key: Key) -> bool {
        let fits = self.stacks.depth(key) > 0 || self.stacks.count() < self.config.limits.lanes_max;
        if !fits {
            self.drops.count(DropReason::Lane);
        }
        fits
    }

    /// What left the lane, and whose caller then did not: it closes where it was.
    pub(crate) fn abandon(&mut self) {
        self.leaving.begins_again = false;
        if !STACKS || self.leaving.frames.is_empty() {
            return;
        }
        let (since, depth) = (self.leaving.since, self.lane.frames.len());
        while let Some((frame, place)) = self.leaving.frames.pop() {
            self.lane.frames.push(frame);
            self.place_top(place, 0);
        }
        self.close_above(since, depth, &Closing::Unwound);
    }
}
