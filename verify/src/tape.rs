//! A stream of events, kept small: a hash a block of it, and one block in full.
//!
//! Two runs are compared block by block. Where they differ, both are run again with that block kept, so that the first
//! difference can be shown however long the streams are.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use waspect_abi::Hook;

/// A hook call, as two runs can be compared by: tokens depend on the recorder, so the frame that one names stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// The hook.
    pub hook: Hook,
    /// The id that it was given.
    pub func: u32,
    /// How many frames are below the one that its token names; or below the one that it opens.
    pub depth: usize,
    /// Its other arguments.
    pub values: [u64; 3],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Block {
    events: u64,
    hash: u64,
}

/// What a tape takes down of an event.
pub type Select = Arc<dyn Fn(Event) -> Option<Event> + Send + Sync>;

/// The events of one run.
#[derive(Clone)]
pub struct Tape {
    select: Select,
    block_events: u64,
    keep: Option<usize>,
    blocks: Vec<Block>,
    open: Block,
    kept: Vec<Event>,
    events: u64,
}

/// Most events of one block that are kept in full.
const KEPT_MAX: usize = 1 << 20;

impl Tape {
    /// A tape of what `select` makes of events. A block ends after `block_events`, and wherever [`Tape::cut`] says so;
    /// `keep` is the block to keep in full.
    pub fn new(block_events: u64, select: Select, keep: Option<usize>) -> Tape {
        Tape { select, block_events, keep, blocks: Vec::new(), open: Block::default(), kept: Vec::new(), events: 0 }
    }

    /// Takes an event down.
    pub fn note(&mut self, event: Event) {
        let Some(event) = (self.select)(event) else { return };
        let mut hasher = DefaultHasher::new();
        (self.open.hash, event).hash(&mut hasher);
        self.open = Block { events: self.open.events + 1, hash: hasher.finish() };
        self.events += 1;
        if self.keep == Some(self.blocks.len()) && self.kept.len() < KEPT_MAX {
            self.kept.push(event);
        }
        if self.open.events == self.block_events {
            self.cut();
        }
    }

    /// Ends a block, empty or not.
    pub fn cut(&mut self) {
        self.blocks.push(std::mem::take(&mut self.open));
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The blocks that differ from another tape's.
    pub fn differing<'a>(&'a self, other: &'a Tape) -> impl Iterator<Item = usize> + 'a {
        let block = |tape: &Tape, at: usize| tape.blocks.get(at).copied().unwrap_or(tape.open);
        let count = self.blocks.len().max(other.blocks.len()) + 1;
        (0..count).filter(move |at| block(self, *at) != block(other, *at))
    }

    /// The first events of the block that both keep which differ, in words, with what came before.
    pub fn explain(&self, other: &Tape) -> String {
        let same = self.kept.iter().zip(&other.kept).take_while(|(one, another)| one == another).count();
        let before: Vec<String> = self.kept[same.saturating_sub(4)..same].iter().map(Event::to_string).collect();
        let next = |tape: &Tape| tape.kept.get(same).map_or("no more".to_string(), Event::to_string);
        format!("event {same} of the block: {} | {} (after {})", next(self), next(other), before.join(", "))
    }
}

/// Everything.
pub fn all() -> Select {
    Arc::new(Some)
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape").field("events", &self.events).finish_non_exhaustive()
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}) at depth {}", self.hook.name(), self.func, self.depth)?;
        if self.values == [0; 3] { Ok(()) } else { write!(f, " {:?}", self.values) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape(ids: &[u32], keep: Option<usize>) -> Tape {
        let mut tape = Tape::new(4, Arc::new(|event| (event.hook != Hook::Begin).then_some(event)), keep);
        for id in ids {
            let hook = if *id == 0 { Hook::Begin } else { Hook::Enter };
            tape.note(Event { hook, func: *id, depth: 0, values: [0; 3] });
        }
        tape
    }

    #[test]
    fn the_first_difference_is_found_and_shown() {
        let (one, another) = ([1, 2, 3, 4, 5, 6, 7], [1, 2, 0, 3, 4, 5, 9, 7]);
        assert_eq!(tape(&one, None).differing(&tape(&one, None)).count(), 0);
        assert_eq!(tape(&one, None).differing(&tape(&another, None)).collect::<Vec<_>>(), [1]);
        let words = tape(&one, Some(1)).explain(&tape(&another, Some(1)));
        assert_eq!(
            words,
            "event 1 of the block: enter(6) at depth 0 | enter(9) at depth 0 (after enter(5) at depth 0)"
        );
    }

    #[test]
    fn a_stream_that_ends_early_differs() {
        assert_eq!(tape(&[1, 2, 3, 4], None).differing(&tape(&[1, 2, 3, 4, 5], None)).collect::<Vec<_>>(), [1]);
        assert_eq!(tape(&[1, 2, 3, 4], None).differing(&tape(&[1, 2, 3], None)).next(), Some(0));
    }
}
