//! Real programs, run by two rewriters: the same output, the same hook calls.

use wasmtime::{Engine, Module};

use crate::tape::{self, Select, Tape};
use crate::wasi::{self, Drive, Ran};

/// Hook calls in a block of the tape.
const BLOCK_EVENTS: u64 = 1 << 12;

/// A program, and what two rewriters made of it.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// The module's bytes.
    pub original: &'a [u8],
    /// How it runs.
    pub drive: Drive<'a>,
}

impl Program<'_> {
    /// Runs what a rewriter made of it, with what `select` makes of hook calls on a tape.
    pub fn run(&self, engine: &Engine, prepared: &[u8], select: &Select, keep: Option<usize>) -> (Ran, Tape) {
        let tape = Tape::new(BLOCK_EVENTS, select.clone(), keep);
        let ran = Module::new(engine, prepared).and_then(|it| wasi::record(&it, self.original, self.drive, Some(tape)));
        let mut ran = ran.unwrap_or_else(|error| panic!("it does not run: {error:?}"));
        let tape = ran.mock.tape.take().expect("it was given");
        (ran, tape)
    }
}

/// The first difference between two tapes, in words. Both are made again, with the block in which they differ kept.
pub fn difference(one: &Tape, another: &Tape, again: impl FnOnce(usize) -> (Tape, Tape)) -> Option<String> {
    let block = one.differing(another).next()?;
    let (one, another) = again(block);
    Some(format!("block {block} of {BLOCK_EVENTS} events, {}", one.explain(&another)))
}

/// A tape for events from elsewhere.
pub fn blank(keep: Option<usize>) -> Tape {
    Tape::new(BLOCK_EVENTS, tape::all(), keep)
}
