//! Stacks that are left and gone on with as a whole (rules L9 to L11): what Asyncify makes of them.
//!
//! Such a stack has no name until it is suspended, so until then its functions are calls like any other. When the host, or a scheduler,
//! goes on with it, it calls the outermost function first, and each calls the next: so all frames come back at once, with the first
//! of them, and those that follow find their own. That costs no more than what the guest does: it saves and restores every one.

use waspect_abi::hooks::{point, stack};

use crate::Recorder;
use crate::calls::Closing;
use crate::frame::flag;
use crate::stacks::{Active, Key, Place};

/// Frames that came back whose functions say nothing, one after the other, for their gates closed meanwhile: more are not looked through.
const SILENT_MAX: usize = 64;

/// Where frames that came back as a whole are gone on with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rewound {
    /// The depth of the frame that is next.
    next: usize,
    /// How many frames had been opened when they came back: valid until one more is.
    sequence: u64,
}

impl Recorder {
    /// A function begins on a stack without a name, or goes on where its frame came back.
    pub(crate) fn enter_or_rewind(&mut self, now: u64, func: u32, point: u32, name: u32) -> u32 {
        if !self.leaving.is_empty() {
            self.abandon();
        }
        if self.config.preallocate && self.lane.places.capacity() < self.config.limits.depth_max {
            self.reserve_for_stacks();
        }
        if point == point::BEGINNING {
            return self.open_unnamed(now, func);
        }
        let Some(function) = self.meet(func) else { return 0 };
        let token = self.next_rewound(function).or_else(|| {
            self.bring_all_back(now, self.key(function, name));
            self.next_rewound(function)
        });
        token.unwrap_or_else(|| {
            // It was not seen to begin: no call.
            let token = self.open_unnamed(now, func);
            let met = &mut self.functions.met[function as usize];
            met.entered = met.entered.wrapping_sub(1);
            token
        })
    }

    /// The frame of the token leaves the lane for the stack of this name, once the outermost one of its stack has left as well.
    pub(crate) fn save(&mut self, now: u64, token: u32, name: u32) {
        let Some((depth, frame)) = self.next_to_leave(now, token) else { return };
        let key = self.key(frame.function, name);
        let is_outermost = depth.checked_sub(1).is_none_or(|below| !self.lane.frames[below].is(flag::STACKED));
        if frame.is(flag::FLOOR) || is_outermost {
            self.close_stale(now, key);
            self.name_floor(depth, key);
        }
        self.put_aside(now, depth, Place { stack: name, height: 0 });
    }

    fn key(&self, function: u32, name: u32) -> Key {
        let instance = self.functions.met[function as usize].instance;
        Key { base: self.instances.all[instance as usize].base, stack: name }
    }

    fn open_unnamed(&mut self, now: u64, func: u32) -> u32 {
        let token = self.open_call(now, func);
        if token != 0 {
            self.place_top(Place { stack: stack::UNNAMED, height: 0 }, flag::STACKED);
        }
        token
    }

    /// The token of the next frame that came back, if it is of this function.
    fn next_rewound(&mut self, function: u32) -> Option<u32> {
        let Rewound { next, sequence } = self.lane.rewound;
        let waiting = self.lane.frames.get(next..).filter(|_| sequence == self.sequence)?;
        let depth = next + waiting.iter().take(SILENT_MAX).position(|frame| frame.function == function)?;
        self.lane.rewound.next = depth + 1;
        Some(self.lane.frames[depth].token(depth))
    }

    /// Every frame of a stack comes back onto the lane.
    fn bring_all_back(&mut self, now: u64, key: Key) {
        let Some(top) = self.stacks.top(key) else { return };
        top.frame.callees = top.frame.callees.wrapping_add(top.since.map_or(0, |since| now.saturating_sub(since)));
        self.attach(now, key);
        self.bring_root(now, key);
        while let Some(back) = self.stacks.pop(key) {
            self.leaving.frames.push((back.frame, back.place));
        }
        if let Some(active) = self.lane.stacks.last_mut() {
            active.is_deep = false;
        }
        self.lane.rewound = Rewound { next: self.lane.frames.len(), sequence: self.sequence };
        if let Some((outermost, _)) = self.leaving.frames.last_mut() {
            outermost.flags |= flag::FLOOR;
            // The host calls it again: that boundary is for this call, too (B6).
            if let Some(caller) = self.lane.frames.last_mut()
                && caller.is(flag::BEGIN)
                && caller.function == outermost.function
            {
                caller.flags |= flag::HAS_CALL;
            }
        }
        while let Some((frame, place)) = self.leaving.frames.pop() {
            if frame.is(flag::OUTERMOST) {
                self.functions.met[frame.function as usize].outer = self.lane.frames.len() as u32;
            }
            self.lane.frames.push(frame);
            self.place_top(place, 0);
        }
        self.measure_room();
    }

    /// What waits where another stack is saved now was left for good, when it was left.
    fn close_stale(&mut self, now: u64, key: Key) {
        let Some(top) = self.stacks.top(key) else { return };
        let left = top.since.unwrap_or(now);
        self.attach(now, key);
        while self.stacks.depth(key) > 0 {
            self.close_suspended(left, key, &Closing::Unwound);
        }
        self.detach(now);
    }

    /// The outermost frame of a stack gets the stack's name, and where it is suspended for the first time a root of its own: what it
    /// does from now on is not within the call of the host that ends.
    fn name_floor(&mut self, depth: usize, key: Key) {
        let frame = self.lane.frames[depth];
        if frame.is(flag::FLOOR) {
            if let Some(active) = self.lane.stacks.last_mut() {
                active.key = key;
            }
            return;
        }
        let has_root = frame.is(flag::ROOT) || self.open_root_of_stack(frame.sequence, frame.start);
        let root = self.lane.roots.last().filter(|_| has_root).map(|root| root.sequence);
        self.lane.stacks.push(Active { key, arrived: frame.start, is_deep: false, root, root_at: 0 });
        let root = if has_root { flag::ROOT } else { 0 };
        self.lane.frames[depth].flags = frame.flags & !flag::MERGED | flag::FLOOR | root;
    }
}
