//! Records of a ring (rules R1 to R9): calls that were written down and are told later, many at once.
//!
//! They pass through the same code as hook calls, with the times that they carry. What they say is believed as little.

use waspect_abi::ring::{self, CLOCK_UNIT_LOG2, Record};
use waspect_abi::semconv::DropReason;

use crate::{Recorder, Timestamp, token};

/// Readings that are ahead of the clock by less than this are now: the cell was written between two of ours.
const AHEAD_MAX: u32 = 1 << 20;

/// A call that a record opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    /// Base of the instance, and the token that its records know.
    base: u32,
    token: u32,
    id: u32,
    /// The frame's own token; 0 where no frame was opened.
    frame: u32,
}

impl Recorder {
    /// Takes records of the instance with this base. The first is number `first`; each is 8 bytes as in the ring, its first half
    /// lowest. They were written between the last event that was told and `now`.
    pub fn ring(&mut self, now: Timestamp, base: u32, first: u32, records: &[u64]) {
        let mut times = Times::new(now, self.clock.last(), self.clock.read(now));
        let instance = self.instances.at_base(base);
        let Some(ids) = instance.map(|place| self.instances.all[place as usize].ids) else {
            self.drops.add(DropReason::Function, records.len() as u64);
            return;
        };
        self.forget_closed();
        let mut budget = self.lane.opens.len() + records.len();
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
                    let frame = self.open_call(time, base + function);
                    self.push_open(Open { base, token, id: base + function, frame });
                }
                Record::Enter(_) => self.drops.count(DropReason::Function),
                Record::Exit(token) => match self.find_open(base, token, &mut budget) {
                    Some(place) => {
                        let open = self.lane.opens[place];
                        self.lane.opens.truncate(place);
                        if open.frame != 0 {
                            self.close_call(time, open.frame);
                        }
                    }
                    None => self.drops.count(DropReason::Token),
                },
            }
        }
    }

    /// Hook `unwind_ring`: as `unwind`, of a call that a record opened.
    pub fn unwind_ring(&mut self, now: Timestamp, func: u32, token: u32) {
        let now = self.clock.read(now);
        let Some((_, open)) = self.bare_open(func, token) else { return };
        if open.frame != 0 {
            self.unwind_to(now, open.frame);
        }
    }

    /// Hook `unwound_ring`: as `unwound`, of a call that a record opened.
    pub fn unwound_ring(&mut self, now: Timestamp, func: u32, token: u32) {
        let now = self.clock.read(now);
        let Some((place, open)) = self.bare_open(func, token) else { return };
        if open.frame == 0 || self.leave_unwound(now, open.frame) {
            self.lane.opens.truncate(place);
        }
    }

    /// The open call of the function with this token, and its place, once what its records opened above it is forgotten.
    fn bare_open(&mut self, func: u32, token: u32) -> Option<(usize, Open)> {
        let base = self.instances.of(func).map(|place| self.instances.all[place as usize].base);
        self.forget_closed();
        let mut budget = self.lane.opens.len();
        let Some(place) = base.and_then(|base| self.find_open(base, token, &mut budget)) else {
            self.drops.count(if base.is_none() { DropReason::Function } else { DropReason::Token });
            return None;
        };
        let open = self.lane.opens[place];
        if open.id != func {
            self.drops.count(DropReason::Mismatch);
            return None;
        }
        self.lane.opens.truncate(place + 1);
        Some((place, open))
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

    /// Twice as many as frames: beyond, not even their ends are known any more.
    fn push_open(&mut self, open: Open) {
        if self.lane.opens.len() < 2 * self.config.limits.depth_max {
            self.lane.opens.push(open);
        }
    }

    /// The place of an open call, from the innermost down. What is passed by was unwound and goes when it is found; so all searches
    /// of honest records together look at each once, and the budget ends the others.
    #[inline]
    fn find_open(&self, base: u32, token: u32, budget: &mut usize) -> Option<usize> {
        let opens = &self.lane.opens;
        let is_it = |open: &Open| open.token == token && open.base == base;
        if opens.last().is_some_and(is_it) {
            return Some(opens.len() - 1);
        }
        let place = opens.iter().rev().take(*budget).position(is_it);
        *budget -= place.map_or(opens.len().min(*budget), |place| place.min(*budget));
        place.map(|place| opens.len() - 1 - place)
    }

    /// Forgets calls whose frames something else has closed: a lower token, a scope. Always the innermost ones.
    fn forget_closed(&mut self) {
        while let Some(at) = self.lane.opens.iter().rposition(|open| open.frame != 0) {
            if self.is_open(self.lane.opens[at].frame) {
                return;
            }
            self.lane.opens.truncate(at);
        }
        // Those left were never frames; without any frame they are no more.
        if self.lane.frames.is_empty() {
            self.lane.opens.clear();
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
