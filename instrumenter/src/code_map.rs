//! Where the code of the input stands in the output.
//!
//! Bodies are copied between edits, so that a map is a short list: one entry for each place from which on code has moved by
//! another distance. It knows no debug format; those who rewrite one ask it.

use std::ops::Range;

/// Where each instruction of the input stands in the output.
///
/// It is exact for every instruction: its offset leads to its copy, or to what replaced it. Code that was injected before an
/// instruction belongs to what stands before. Offsets only ever grow, so that what was in order stays in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeMap {
    /// The contents of the input's code section, as offsets in the input.
    code: Range<u32>,
    /// Where the contents of the output's code section begin in the output.
    contents: u32,
    /// Ascending in both numbers. The first is where the first body's size stands, the last is where the last body ends.
    moves: Vec<Move>,
}

/// From here to the next, code moved by one distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    /// Offset in the input.
    pub from: u32,
    /// Offset in the contents of the output's code section (or, while they are written, in what is being written).
    pub to: u32,
}

impl CodeMap {
    pub(crate) fn new(code: Range<usize>) -> CodeMap {
        CodeMap { code: code.start as u32..code.end as u32, contents: 0, moves: Vec::new() }
    }

    /// Takes the moves of further bodies, which were written behind `base` bytes of the contents.
    pub(crate) fn append(&mut self, moves: &[Move], base: usize) {
        self.moves.extend(moves.iter().map(|one| Move { from: one.from, to: one.to + base as u32 }));
    }

    /// Says that the last body was written, and that the contents have `to` bytes by now.
    pub(crate) fn finish(&mut self, to: usize) {
        self.moves.push(Move { from: self.code.end, to: to as u32 });
        self.moves.shrink_to_fit();
    }

    /// Where what stands at an offset of the input stands in the contents of the output's code section; none for an offset
    /// that is in no function. The end of the last body is in it still: ranges end there.
    pub fn offset(&self, from: usize) -> Option<u32> {
        let from = u32::try_from(from).ok()?;
        if from < self.moves.first()?.from || from > self.code.end {
            return None;
        }
        let after = self.moves.partition_point(|one| one.from <= from);
        let start = self.moves[after - 1];
        // Bytes within an instruction that became shorter do not run into the next one.
        let limit = self.moves.get(after).map_or(u32::MAX, |next| next.to);
        Some((start.to + (from - start.from)).min(limit))
    }

    /// As [`offset`](CodeMap::offset), from an offset in the contents of the input's code section: what DWARF calls an address.
    pub fn address(&self, address: u64) -> Option<u64> {
        let from = u64::from(self.code.start).checked_add(address)?;
        self.offset(usize::try_from(from).ok()?).map(u64::from)
    }

    /// Says where the contents begin in the output.
    pub(crate) fn stands(&mut self, contents: usize) {
        self.contents = contents as u32;
    }

    /// As [`offset`](CodeMap::offset), as an offset in the output.
    pub fn output_offset(&self, from: usize) -> Option<u32> {
        Some(self.contents + self.offset(from)?)
    }

    /// Where the last body of the input ends in the output, as an offset in the output; injected functions follow.
    pub(crate) fn output_end(&self) -> u32 {
        self.contents + self.moves.last().map_or(0, |last| last.to)
    }
}

/// Notes moves while a body is written.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    pub list: Vec<Move>,
}

impl Moves {
    /// What stands at `from` is about to be written at `to`.
    pub fn note(&mut self, from: usize, to: usize) {
        let next = Move { from: from as u32, to: to as u32 };
        if let Some(last) = self.list.last_mut().filter(|last| last.from == next.from) {
            last.to = next.to;
            return;
        }
        let goes_on = self.list.last().is_some_and(|last| {
            next.from >= last.from && next.to >= last.to && next.from - last.from == next.to - last.to
        });
        if !goes_on {
            self.list.push(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_lead_to_copies_and_never_back() {
        let mut moves = Moves::default();
        for (from, to) in [(21, 0), (22, 1), (24, 7), (24, 9), (26, 11), (31, 14)] {
            moves.note(from, to);
        }
        assert_eq!(moves.list.len(), 3, "what goes on is one move: {:?}", moves.list);
        let mut map = CodeMap::new(20..40);
        map.append(&moves.list, 3);
        map.finish(26);
        assert_eq!([19, 20, 41].map(|from| map.offset(from)), [None; 3]);
        assert_eq!([21, 23, 24, 25, 30, 31, 40].map(|from| map.offset(from).unwrap()), [3, 5, 12, 13, 17, 17, 26]);
        assert_eq!((map.address(1), map.address(20), map.address(21)), (Some(3), Some(26), None));
        map.stands(100);
        assert_eq!((map.address(u64::MAX), map.output_end(), map.output_offset(24)), (None, 126, Some(112)));
    }
}
