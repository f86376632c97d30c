//! Functions that are suspended and gone on with, as rules L3 to L6 have it: what the mock believes of a guest's own stacks.
//!
//! It shares no code with the recorder: there frames move between a lane and a table, here a list a stack says who waits.

use std::collections::{HashMap, VecDeque};

use waspect_abi::hooks::way;

/// Where a frame began: on which stack of the guest's, and how high that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The guest's name of the stack.
    pub stack: u32,
    /// How much of it was in use.
    pub height: u32,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    func: u32,
    place: Place,
}

/// What was seen of activations that began or went on somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Laps {
    /// Suspended calls that were gone on with.
    pub resumed: u64,
    /// Calls that had not begun.
    pub not_begun: u64,
    /// Functions that went on, on a stack where nothing waited: they were never seen to begin.
    pub in_the_middle: u64,
    /// Functions that went on where another one waits. Where every gate is open there is none.
    pub fragments: u64,
    /// Suspended calls that nobody went on with: a function that runs now stands where they stood.
    pub left: u64,
}

/// Every stack of every instance.
#[derive(Debug, Default)]
pub struct Stacks {
    /// By the instance's base and the stack, outermost first.
    waiting: HashMap<(u32, u32), Vec<Waiting>>,
    /// Those that were suspended one after the other just now, innermost first.
    leaving: Vec<Waiting>,
    /// Those of a stack that goes on as a whole which were not yet gone on with, outermost first.
    rewinding: VecDeque<Waiting>,
    base: u32,
    laps: Laps,
}

impl Stacks {
    /// What was seen so far.
    pub fn laps(&self) -> Laps {
        self.laps
    }

    /// An activation ends this way. Calls that it left suspended above it had to leave before.
    pub fn end(&mut self, base: u32, func: u32, place: Place, how: u32) {
        self.base = base;
        match how {
            way::ENDED => self.settle(),
            way::NOT_BEGUN => {
                self.laps.not_begun += 1;
                self.laps.left += self.leaving.len() as u64;
                self.leaving.clear();
            }
            way::SUSPENDED => self.leaving.push(Waiting { func, place }),
            name => self.leaving.push(Waiting { func, place: Place { stack: name, height: 0 } }),
        }
    }

    /// An activation goes on of which the whole stack does, from the outermost on.
    pub fn rewind(&mut self, base: u32, func: u32, stack: u32) {
        self.settle();
        if self.rewinding.is_empty() {
            self.rewinding = self.waiting.remove(&(base, stack)).unwrap_or_default().into();
        }
        match self.rewinding.pop_front() {
            None => self.laps.in_the_middle += 1,
            Some(next) if next.func == func => self.laps.resumed += 1,
            Some(_) => self.laps.fragments += 1,
        }
    }

    /// An activation begins, or goes on, of which no caller is on the engine's stack. True for a call that begins.
    pub fn arrive(&mut self, base: u32, func: u32, point: u32, place: Place) -> bool {
        self.settle();
        let waiting = self.waiting.entry((base, place.stack)).or_default();
        while let Some(top) = waiting.last() {
            let alive = if point == 0 { top.place.height < place.height } else { top.place.height <= place.height };
            if alive && top.place.stack == place.stack {
                break;
            }
            waiting.pop();
            self.laps.left += 1;
        }
        if point == 0 {
            return true;
        }
        match waiting.last() {
            None => self.laps.in_the_middle += 1,
            Some(top) if top.func == func => {
                waiting.pop();
                self.laps.resumed += 1;
            }
            Some(_) => self.laps.fragments += 1,
        }
        false
    }

    /// True while the last thing that happened was a suspension: whatever called it has to leave as well.
    pub fn is_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Whatever has left is suspended now, on the stack of the outermost.
    pub fn settle(&mut self) {
        let Some(outermost) = self.leaving.last() else { return };
        let waiting = self.waiting.entry((self.base, outermost.place.stack)).or_default();
        waiting.extend(self.leaving.drain(..).rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(stack: u32, height: u32) -> Place {
        Place { stack, height }
    }

    #[test]
    fn the_innermost_call_that_still_stands_goes_on() {
        let mut stacks = Stacks::default();
        for (func, height) in [(9, 400), (1, 300), (1, 200), (1, 100)] {
            stacks.end(0, func, at(7, height), way::SUSPENDED);
        }
        assert!(!stacks.arrive(0, 1, 5, at(7, 240)));
        assert!(!stacks.arrive(0, 1, 5, at(7, 140)));
        assert!(!stacks.arrive(0, 2, 1, at(7, 100)));
        let expected = Laps { resumed: 2, left: 2, in_the_middle: 1, ..Laps::default() };
        assert_eq!(stacks.laps(), expected);
    }
}
