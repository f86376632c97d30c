//! How a module is run: the same way before and after. Plain data.

use std::path::PathBuf;

use wasmtime::Val;

use crate::facts::Facts;
use crate::host::hash;

/// The function that a reactor wants to be called before any other.
const REACTOR: &str = "_initialize";

/// The function that a command begins with.
pub const COMMAND: &str = "_start";

/// How a module is run.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Who calls what.
    pub drive: Drive,
    /// Where generated arguments and answers of unknown imports begin.
    pub seed: u64,
    /// Fuel of one call of the original: what needs more is not compared beyond.
    pub fuel: u64,
    /// Instances that may be used up by meeting limits.
    pub instances_max: usize,
    /// Longest memory that an instance may have, in bytes.
    pub memory_bytes_max: usize,
    /// Bytes of memory that may be read back to be compared, over a whole run.
    pub read_bytes_max: u64,
    /// How imports that nobody knows behave.
    pub stubs: Stubs,
    /// What WASI preview 1 shows of the outside.
    pub world: World,
}

/// Who calls what.
#[derive(Clone, Debug)]
pub enum Drive {
    /// Every exported function, so many times, with generated arguments.
    Exports {
        /// Calls of each.
        rounds: u32,
    },
    /// One exported function with these arguments.
    Invoke {
        /// The export.
        function: String,
        /// Its arguments, of its own types: none that belongs to a store.
        arguments: Vec<Val>,
    },
    /// `_start`.
    Command,
}

/// How imports behave that are neither hooks nor WASI: they answer with generated values.
#[derive(Clone, Copy, Debug)]
pub struct Stubs {
    /// Host calls of one call that are answered; later ones fail.
    pub calls_max: u64,
    /// One host call in so many fails; 0 is none.
    pub fail_every: u64,
    /// One host call in so many calls the guest again; 0 is none.
    pub reenter_every: u64,
}

/// What a guest of WASI preview 1 sees: nothing that differs from run to run. Files that it can read and not change, no network; a
/// clock that goes on by the same step at each reading; random bytes that repeat.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Its arguments, its own name first.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// Its standard input.
    pub stdin: Vec<u8>,
    /// Directories that it may read: the host's path, the guest's.
    pub directories: Vec<(PathBuf, String)>,
}

/// A call that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) name: String,
    /// Original index of the function.
    pub(crate) index: u32,
    pub(crate) arguments: Arguments,
}

#[derive(Clone, Debug)]
pub(crate) enum Arguments {
    Given(Vec<Val>),
    /// Generated from this seed.
    Generated(u64),
}

/// Fuel of a call unless a trial says otherwise: some hundredths of a second.
pub const FUEL: u64 = 10_000_000;
/// Longest memory of a guest, unless a trial says otherwise.
const MEMORY_BYTES_MAX: usize = 1 << 30;
/// Bytes of memory that are read back, unless a trial says otherwise: some seconds.
const READ_BYTES_MAX: u64 = 4 << 30;
/// Instances that are used up by limits, unless a trial says otherwise.
const INSTANCES_MAX: usize = 100;

impl Trial {
    /// A module's own way to be run: everything by default.
    pub fn new(drive: Drive) -> Trial {
        Trial {
            drive,
            seed: 0,
            fuel: FUEL,
            instances_max: INSTANCES_MAX,
            memory_bytes_max: MEMORY_BYTES_MAX,
            read_bytes_max: READ_BYTES_MAX,
            stubs: Stubs { calls_max: u64::MAX, fail_every: 0, reenter_every: 0 },
            world: World::default(),
        }
    }

    /// Every exported function so many times, with generated arguments.
    pub fn exports(rounds: u32) -> Trial {
        Trial::new(Drive::Exports { rounds })
    }

    /// The calls that the drive asks for, those of functions that the module exports.
    pub(crate) fn calls(&self, facts: &Facts) -> Vec<Planned> {
        let planned = |name: &str, arguments| {
            let index = *facts.function_exports.get(name)?;
            Some(Planned { name: name.to_owned(), index, arguments })
        };
        let first = |name: &str| planned(name, Arguments::Given(vec![]));
        match &self.drive {
            Drive::Command => first(COMMAND).into_iter().collect(),
            Drive::Invoke { function, arguments } => {
                let before = (function != REACTOR).then(|| first(REACTOR)).flatten();
                before.into_iter().chain(planned(function, Arguments::Given(arguments.clone()))).collect()
            }
            Drive::Exports { rounds } => {
                let names: Vec<&String> = facts.function_exports.keys().filter(|name| *name != REACTOR).collect();
                let rounds = (0..u64::from(*rounds)).flat_map(|round| names.iter().map(move |name| (round, *name)));
                let generated = rounds.filter_map(|(round, name)| {
                    let seed = hash(name.as_bytes()) ^ self.seed.rotate_left(32) ^ round.rotate_left(48);
                    planned(name, Arguments::Generated(seed))
                });
                first(REACTOR).into_iter().chain(generated).collect()
            }
        }
    }
}
