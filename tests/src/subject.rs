//! What is put under test: the module as it is, or what the rewriter made of it.

use waspect_instrumenter::mutants::Mutant;
use waspect_instrumenter::{Error, Mode, Options, instrument};

use crate::mock::Proof;
use crate::oracle;

/// Who rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The rewriter.
    Stream,
    /// walrus; the rewriter where walrus cannot take a module.
    Walrus,
}

/// Which gates are closed as soon as an instance lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gates {
    /// None: every hook runs.
    Open,
    /// All: only calls of imports are seen.
    Closed,
    /// Those of functions with an odd index.
    OddClosed,
}

/// One way of preparing a module before it runs.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What reports call it.
    pub name: &'static str,
    /// How to instrument; none: run the original bytes.
    pub options: Option<Options>,
    /// Gates to close.
    pub gates: Gates,
    /// Who rewrites.
    pub backend: Backend,
}

impl Subject {
    /// The module as it is.
    pub fn original() -> Subject {
        Subject { name: "original", options: None, gates: Gates::Open, backend: Backend::Stream }
    }

    /// Mode `calls`, everything selected.
    pub fn calls() -> Subject {
        Subject { name: "calls", options: Some(options(Mode::Calls)), ..Subject::original() }
    }

    /// Mode `calls` as a governor leaves it at worst: every gate closed.
    pub fn calls_with_gates_closed() -> Subject {
        Subject { name: "calls, gates closed", gates: Gates::Closed, ..Subject::calls() }
    }

    /// Mode `calls` with half the gates closed: frames with and without hooks alternate.
    pub fn calls_with_odd_gates_closed() -> Subject {
        Subject { name: "calls, odd gates closed", gates: Gates::OddClosed, ..Subject::calls() }
    }

    /// Mode `counts`, everything selected.
    pub fn counts() -> Subject {
        Subject { name: "counts", options: Some(options(Mode::Counts)), ..Subject::original() }
    }

    /// This subject by the walrus backend.
    pub fn by_walrus(self) -> Subject {
        Subject { name: "walrus", backend: Backend::Walrus, ..self }
    }

    /// Mode `ring`, everything selected.
    pub fn ring() -> Subject {
        Subject { name: "ring", options: Some(options(Mode::Ring)), ..Subject::original() }
    }

    /// This subject with exceptions caught where they leave a function.
    pub fn with_exact_unwind(mut self) -> Subject {
        self.name = if self.name == "ring" { "ring, exact unwind" } else { "calls, exact unwind" };
        if let Some(options) = &mut self.options {
            options.exact_unwind = true;
        }
        self
    }

    /// Mode `ring` with half the gates closed.
    pub fn ring_with_odd_gates_closed() -> Subject {
        Subject { name: "ring, odd gates closed", gates: Gates::OddClosed, ..Subject::ring() }
    }

    /// Each mode, everything selected, and with exact unwinding.
    pub fn in_every_mode() -> [Subject; 5] {
        let [calls, ring] = [Subject::calls(), Subject::ring()].map(Subject::with_exact_unwind);
        [Subject::calls(), Subject::counts(), Subject::ring(), calls, ring]
    }

    /// This subject by a rewriter with a seeded fault.
    pub fn with_mutant(mut self, mutant: Mutant) -> Subject {
        if let Some(options) = &mut self.options {
            options.mutant = Some(mutant);
        }
        self
    }

    /// The bytes that this subject runs.
    pub fn prepare(&self, module: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.options {
            None => Ok(module.to_vec()),
            Some(options) => {
                let bytes = instrument(module, options)?.bytes;
                match self.backend {
                    Backend::Stream => Ok(bytes),
                    Backend::Walrus => Ok(oracle::walrus::instrument(module, options).unwrap_or(bytes)),
                }
            }
        }
    }

    /// True when hooks are imported.
    pub fn has_hooks(&self) -> bool {
        self.options.as_ref().is_some_and(|options| options.mode.has_hooks())
    }

    /// What the mock may expect of frames that are still open: with gates closed, some handlers say nothing.
    pub fn proof(&self) -> Proof {
        match self.gates {
            Gates::Open => Proof::Strict,
            Gates::Closed | Gates::OddClosed => Proof::LowerToken,
        }
    }

    /// Whether this function's gate is closed.
    pub fn closes(&self, func: u32) -> bool {
        match self.gates {
            Gates::Open => false,
            Gates::Closed => true,
            Gates::OddClosed => func % 2 == 1,
        }
    }
}

fn options(mode: Mode) -> Options {
    // One thread: the tests run on all cores already.
    Options { mode, threads: std::num::NonZeroUsize::new(1), ..Options::default() }
}
