//! Records of a ring (rules R1 to R9): calls that were written down and are told later, many at once.
//!
//! They pass through the same code as hook calls, with the times that they carry. What they say is believed as little.

use waspect_abi::ring::{self, CLOCK_UNIT_LOG2, Record};
use waspect_abi::semconv::DropReason;

use crate::frame::Frame;
use crate::{Recorder, Timestamp, token};

/// Readings that are ahead of the clock by less than this are now: the cell was written between two of ours.
const AHEAD_MAX: u32 = 1 << 20;

/// A call that a record began and that got no frame: there was no room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unopened {
    /// Its instance's place, and the token that its records know.
    instance: u32,
    token: u32,
    id: u32,
    /// Frames below it.
    depth: usize,
}

/// Where a call is that a record began.
enum Begun {
    /// The depth of its frame.
    Open(usize),
    /// Its place among those without.
    Unopened(usize),
}

impl Recorder {
    /// Takes records of the instance with this base. The first is number `first`; each is 8 bytes as in the ring, its first half
    /// lowest. They were written between the last event that was told and `now`.
    pub fn ring(&mut self, now: Timestamp, base: u32, first: u32, records: &[u64]) {
        let mut times = Times::new(now, self.clock.last(), self.clock.read(now));
        let Some(instance) = self.instances.at_base(base) else {
            self.drops.add(DropReason::Function, records.len() as u64);
            return;
        };
        let ids = self.instances.all[instance as usize].ids;
        self.forget_ended();
        let mut budget = self.lane.frames.len() + self.lane.unopened.len() + records.len();
        let mut places = 0..records.len();
        while let Some(place) = places.next() {
            let record = records[place];
            let time = times.of(record as u32);
            match Record::from_word((record >> 32) as u32) {
                Record::Enter(function) if function < ids => {
                    let token = ring::token(first.wrapping_add(place as u32));
                    // Most calls call nothing, and end before the clock goes on: the next record is their end, at the same time.
                    let end = u64::from(Record::Exit(token).word()) << 32 | record & u64::from(u32::MAX);
                    if records.get(place + 1) == Some(&end) && self.instant_call(base + function) {
                        places.next();
                        continue;
                    }
                    let opened = self.open_call(time, base + function);
                    match self.lane.frames.last_mut() {
                        Some(frame) if opened != 0 => frame.record = token,
                        _ => self.push_unopened(instance, token, base + function),
                    }
                }
                Record::Enter(_) => self.drops.count(DropReason::Function),
                Record::Exit(token) => {
                    let depth = self.lane.frames.len().wrapping_sub(1);
                    match self.lane.frames.last() {
                        Some(frame) if self.is_call(frame, instance, token) && self.is_innermost(depth) => {
                            self.close_call(time, frame.token(depth));
                        }
                        _ => self.end_call(time, instance, token, &mut budget),
                    }
                }
            }
        }
    }

    /// Hook `unwind_ring`: as `unwind`, of a call that a record opened.
    pub fn unwind_ring(&mut self, now: Timestamp, func: u32, token: u32) {
        let now = self.clock.read(now);
        if let Some(Begun::Open(depth)) = self.bare(func, token) {
            self.unwind_to(now, self.lane.frames[depth].token(depth));
        }
    }

    /// Hook `unwound_ring`: as `unwound`, of a call that a record opened.
    pub fn unwound_ring(&mut self, now: Timestamp, func: u32, token: u32) {
        let now = self.clock.read(now);
        match self.bare(func, token) {
            Some(Begun::Open(depth)) => _ = self.leave_unwound(now, self.lane.frames[depth].token(depth)),
            Some(Begun::Unopened(place)) => self.lane.unopened.truncate(place),
            None => {}
        }
    }

    /// The call of the function with this token, once calls without a frame above it are forgotten.
    fn bare(&mut self, func: u32, token: u32) -> Option<Begun> {
        let instance = self.instances.of(func);
        self.forget_ended();
        let mut budget = self.lane.frames.len() + self.lane.unopened.len();
        let Some(begun) = instance.and_then(|instance| self.find_begun(instance, token, &mut budget)) else {
            self.drops.count(if instance.is_none() { DropReason::Function } else { DropReason::Token });
            return None;
        };
        let id = match begun {
            Begun::Open(depth) => {
                let met = &self.functions.met[self.lane.frames[depth].function as usize];
                self.instances.all[met.instance as usize].base + met.index
            }
            Begun::Unopened(place) => self.lane.unopened[place].id,
        };
        if id != func {
            self.drops.count(DropReason::Mismatch);
            return None;
        }
        match begun {
            Begun::Open(depth) => self.forget_above(depth),
            Begun::Unopened(place) => self.lane.unopened.truncate(place + 1),
        }
        Some(begun)
    }

    /// Hook `flush`, once the records were taken: counted where they are nobody's (M4).
    pub fn flush(&mut self, now: Timestamp, base: u32) {
        self.clock.read(now);
        if self.instances.at_base(base).is_none() {
            self.drops.count(DropReason::Function);
        }
    }

    /// Whether a token names an open frame of the current lane.
    pub fn is_open(&self, frame: u32) -> bool {
        let Some(depth) = token::depth(frame) else { return false };
        self.lane.frames.get(depth).is_some_and(|open| open.token(depth) == frame)
    }

    /// Records that were overwritten before they were taken.
    pub fn ring_lost(&mut self, records: u64) {
        self.drops.add(DropReason::Record, records);
    }

    /// By how much the clock behind records may lag, at most: an adapter says what it saw.
    pub fn clock_resolution(&mut self, ns: u64) {
        self.resolution_ns = self.resolution_ns.max(ns);
    }

    /// As many as frames, once more: beyond, not even their ends are known any more.
    #[inline(never)]
    fn push_unopened(&mut self, instance: u32, token: u32, id: u32) {
        if self.lane.unopened.len() < self.config.limits.depth_max {
            let depth = self.lane.frames.len();
            self.lane.unopened.push(Unopened { instance, token, id, depth });
        }
    }

    /// The end of a call that is not the innermost frame.
    #[inline(never)]
    fn end_call(&mut self, time: u64, instance: u32, token: u32, budget: &mut usize) {
        match self.find_begun(instance, token, budget) {
            Some(Begun::Open(depth)) => {
                self.forget_above(depth);
                self.close_call(time, self.lane.frames[depth].token(depth));
            }
            Some(Begun::Unopened(place)) => self.lane.unopened.truncate(place),
            None => self.drops.count(DropReason::Token),
        }
    }

    /// Whether a frame is the call that has this token in an instance's records.
    #[inline]
    fn is_call(&self, frame: &Frame, instance: u32, token: u32) -> bool {
        frame.record == token && self.functions.met[frame.function as usize].instance == instance
    }

    /// Whether no call without a frame began within the frame at this depth.
    #[inline]
    fn is_innermost(&self, depth: usize) -> bool {
        self.lane.unopened.last().is_none_or(|unopened| unopened.depth <= depth)
    }

    /// Where a call is, from the innermost out. What is passed by was unwound and goes when it is found; so all searches of honest
    /// records together look at each once, and the budget ends the others.
    fn find_begun(&self, instance: u32, token: u32, budget: &mut usize) -> Option<Begun> {
        let (mut depth, mut place) = (self.lane.frames.len(), self.lane.unopened.len());
        // No record gives the token 0, which frames have that no record opened.
        if token == 0 {
            return None;
        }
        while depth + place > 0 && *budget > 0 {
            *budget -= 1;
            match self.lane.unopened[..place].last() {
                Some(unopened) if unopened.depth >= depth => {
                    place -= 1;
                    if unopened.token == token && unopened.instance == instance {
                        return Some(Begun::Unopened(place));
                    }
                }
                _ => {
                    depth -= 1;
                    if self.is_call(&self.lane.frames[depth], instance, token) {
                        return Some(Begun::Open(depth));
                    }
                }
            }
        }
        None
    }

    /// Forgets calls without a frame that began within the frame at this depth.
    fn forget_above(&mut self, depth: usize) {
        while self.lane.unopened.pop_if(|unopened| unopened.depth > depth).is_some() {}
    }

    /// Forgets calls without a frame that something else has ended: a lower token, a scope. Without any frame there are none.
    fn forget_ended(&mut self) {
        match self.lane.frames.len() {
            0 => self.lane.unopened.clear(),
            frames => self.forget_above(frames),
        }
    }
}

/// Turns clock cells into the recorder's time.
struct Times {
    /// The cell as it would be now, and when that unit began.
    clock: u32,
    unit_began: u64,
    last: u64,
    until: u64,
}

impl Times {
    fn new(now: Timestamp, last: u64, until: u64) -> Times {
        let within = now.0 & ((1 << CLOCK_UNIT_LOG2) - 1);
        Times { clock: ring::clock(now.0), unit_began: until.saturating_sub(within), last, until }
    }

    /// Never before the one before, never later than now.
    #[inline]
    fn of(&mut self, clock: u32) -> u64 {
        let behind = self.clock.wrapping_sub(clock);
        let behind = if behind > u32::MAX - AHEAD_MAX { 0 } else { u64::from(behind) << CLOCK_UNIT_LOG2 };
        self.last = self.unit_began.saturating_sub(behind).max(self.last).min(self.until);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_cells_within_what_is_known() {
        let now = Timestamp((100 << CLOCK_UNIT_LOG2) + 5);
        let mut times = Times::new(now, 97 << CLOCK_UNIT_LOG2, now.0);
        let unit = |count: u64| count << CLOCK_UNIT_LOG2;
        assert_eq!([3, 98, 97, 101, 100].map(|cell| times.of(cell)), [97, 98, 98, 100, 100].map(unit));
    }

    #[test]
    fn cells_wrap() {
        let now = Timestamp((1 << 32 | 2) << CLOCK_UNIT_LOG2);
        let mut times = Times::new(now, 0, now.0);
        assert_eq!(times.of(u32::MAX), (u64::from(u32::MAX)) << CLOCK_UNIT_LOG2);
        assert_eq!(times.of(2), now.0);
    }
}
