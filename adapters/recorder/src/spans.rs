//! Which closed calls become spans, and whose children they are.
//!
//! A child closes before its parent, and whether the parent is kept is known later still. So a closed call is a candidate
//! until its root ends; then the candidates stand in the order in which they opened, and each one's parent is the last before
//! it that was still open. Candidates are bounded: the shortest gives way. A parent never gives way before its child, as it
//! took at least as long.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::delta::Span;
use crate::failure::Failure;
use crate::functions::Function;
use crate::ids::Ids;
use crate::order::{self, Keyed};

/// A closed call that may become a span.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Number of its frame.
    pub(crate) sequence: u64,
    /// Number of the last frame that opened before it closed.
    pub(crate) end_sequence: u64,
    pub(crate) start: u64,
    pub(crate) duration: u64,
    pub(crate) allocated: u64,
    /// Its function's place.
    pub(crate) function: u32,
    pub(crate) unwound: bool,
    /// The trapping frame: it carries the exception.
    pub(crate) exception: bool,
    pub(crate) failure: Option<Arc<Failure>>,
}

impl Candidate {
    /// The larger one gives way first: the shorter, and of equals the one that opened last.
    fn key(&self) -> (u64, u64) {
        (!self.duration, self.sequence)
    }
}

/// What all spans of a root share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub(crate) id: [u8; 16],
    /// The host's span above the root; zeros: none.
    pub(crate) parent: [u8; 8],
    pub(crate) flags: u8,
    pub(crate) state: Option<Arc<str>>,
    /// Unix time minus the recorder's time, in nanoseconds.
    pub(crate) wall_offset: u64,
}

/// An open root: a boundary call that began a trace or continues the host's, and the candidates within it.
#[derive(Debug, Default)]
pub(crate) struct Root {
    pub(crate) trace: Trace,
    /// False: no spans, for the parent or the sampler said so, or no ids can be made.
    pub(crate) sampled: bool,
    /// True when the trace has ids, sampled or not.
    pub(crate) identified: bool,
    /// It began with a stack of the guest's: its first frame is kept as any other is, or where it has something below.
    pub(crate) of_stack: bool,
    pub(crate) sequence: u64,
    pub(crate) started: u64,
    /// Until when drains have told its time as busy.
    pub(crate) busy_from: u64,
    /// Spans kept whatever comes: the root's, those whose context is known outside.
    pub(crate) kept: Vec<Candidate>,
    /// A heap: the first one gives way first.
    pub(crate) slowest: Vec<Candidate>,
    /// Frames that were promised to be kept.
    pub(crate) promised: usize,
    /// Candidates that gave way.
    pub(crate) omitted: u64,
    /// What a flush works on; here for its room.
    above: Vec<Known>,
    order: Vec<Keyed>,
}

/// An open frame that will certainly be kept, or a candidate.
#[derive(Clone, Copy, Debug)]
struct Known {
    sequence: u64,
    end_sequence: u64,
}

impl Root {
    /// A root with room for so many spans, kept ones and slow ones each.
    pub(crate) fn with_room(spans: usize) -> Root {
        Root {
            kept: Vec::with_capacity(spans + 1),
            slowest: Vec::with_capacity(2 * (spans + 1)),
            above: Vec::with_capacity(2 * (spans + 1)),
            order: Vec::with_capacity(2 * (spans + 1)),
            ..Root::default()
        }
    }

    /// Makes it a new root, keeping its buffers.
    pub(crate) fn restart(&mut self, trace: Trace, sequence: u64, started: u64) {
        self.kept.clear();
        self.slowest.clear();
        (self.trace, self.sequence, self.started, self.promised, self.omitted) = (trace, sequence, started, 0, 0);
        (self.sampled, self.identified, self.busy_from) = (false, false, started);
        self.of_stack = false;
    }

    /// A call that the policy wants to see. False: it, or another one, gave way.
    pub(crate) fn offer(&mut self, candidate: Candidate, spans_max: usize) -> bool {
        if self.slowest.len() + 1 < spans_max {
            self.slowest.push(candidate);
            order::sift_up(&mut self.slowest, Candidate::key);
            return true;
        }
        self.omitted += 1;
        if let Some(first) = self.slowest.first_mut().filter(|first| first.key() > candidate.key()) {
            *first = candidate;
            order::sift_down(&mut self.slowest, 0, Candidate::key);
        }
        false
    }

    /// Makes spans of the candidates. `open` are the frames that are still open and will be kept, by ascending number; gives the
    /// numbers of those that became parents. `functions` are those that were met.
    pub(crate) fn flush(
        &mut self,
        ids: &Ids,
        functions: &[Function],
        open: &[u64],
        out: &mut Vec<Span>,
        room: usize,
    ) -> Flushed {
        let mut candidates = core::mem::take(&mut self.slowest);
        candidates.append(&mut self.kept);
        let mut order = core::mem::take(&mut self.order);
        order.clear();
        order.extend(candidates.iter().enumerate().map(|(place, candidate)| (candidate.sequence, place as u32)));
        order::sort(&mut order);
        let mut flushed = Flushed::default();
        let mut above = core::mem::take(&mut self.above);
        above.clear();
        let mut open = open;
        flushed.candidates = candidates.len();
        for (_, place) in &order {
            let candidate = &candidates[*place as usize];
            while let Some((sequence, rest)) =
                open.split_first().filter(|(sequence, _)| **sequence < candidate.sequence)
            {
                above.push(Known { sequence: *sequence, end_sequence: u64::MAX });
                open = rest;
            }
            while above.last().is_some_and(|known| known.end_sequence < candidate.sequence) {
                above.pop();
            }
            let parent = match above.last() {
                Some(known) => {
                    if known.end_sequence == u64::MAX && flushed.parents.last() != Some(&known.sequence) {
                        flushed.parents.push(known.sequence);
                    }
                    ids.span(known.sequence)
                }
                None => self.trace.parent,
            };
            above.push(Known { sequence: candidate.sequence, end_sequence: candidate.end_sequence });
            if out.len() >= room {
                flushed.dropped += 1;
                continue;
            }
            let omitted = if candidate.sequence == self.sequence { self.omitted } else { 0 };
            let function = functions[candidate.function as usize].id();
            out.push(Span::new(&self.trace, ids.span(candidate.sequence), parent, candidate, function, omitted));
        }
        candidates.clear();
        (self.slowest, self.above, self.order) = (candidates, above, order);
        flushed
    }
}

/// What a flush did besides.
#[derive(Debug, Default)]
pub(crate) struct Flushed {
    /// Open frames that are now parents of spans.
    pub(crate) parents: Vec<u64>,
    /// Candidates that it took.
    pub(crate) candidates: usize,
    /// Spans for which there was no room.
    pub(crate) dropped: u64,
}
