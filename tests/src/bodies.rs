//! What the fuzz targets check, one function a target. The unit tests run each a hundred times; `fuzz/` runs them for hours.
//!
//! A body panics on what must never be, and returns otherwise. It needs no runtime: only the rewriter and wasmparser.

use std::num::NonZeroUsize;

use waspect_abi::Manifest;
use waspect_instrumenter::{Error, Mode, Only, Options, Placement, Role, features_added, instrument};

use crate::features;
use crate::random::Random;
use crate::smith;

/// Any bytes at all: a typed error, or a valid module.
pub fn any_bytes(bytes: &[u8]) {
    rewrite(bytes);
}

/// A valid module with a few bytes changed: near enough to valid to get deep into the rewriter.
pub fn mutated_module(seed: u64) {
    let Some(mut module) = smith::module(seed) else { return };
    let mut random = Random::new(seed);
    for _ in 0..1 + random.below(4) {
        let at = 8 + random.below(module.len() - 8);
        match random.below(4) {
            0 => module[at] = random.number() as u8,
            1 => module[at] ^= 1 << random.below(8),
            2 => drop(module.remove(at)),
            _ => module.insert(at, random.number() as u8),
        }
        if module.len() < 16 {
            break;
        }
    }
    rewrite(&module);
}

/// A valid module: instrumented in every mode, and no feature is needed that the input did not need.
pub fn valid_module(module: &[u8]) {
    let Some(features) = features::minimal(module) else { return };
    for (mode, exact_unwind) in Mode::ALL.into_iter().flat_map(|mode| [(mode, false), (mode, true)]) {
        let options = Options { exact_unwind, ..options(mode) };
        let output = instrument(module, &options).unwrap_or_else(|error| panic!("{mode:?}: {error}"));
        let features = features | features_added(mode, output.plan.exact_unwind);
        if let Err(error) = wasmparser::Validator::new_with_features(features).validate_all(&output.bytes) {
            panic!("{mode:?}, exact_unwind {exact_unwind}: {error} under {features:?}");
        }
    }
}

/// A valid module under any options: a typed error, such as for an allocator's index that does not fit, or a valid module.
pub fn any_options(module: &[u8], choices: u64) {
    let mut random = Random::new(choices);
    let Some(features) = features::minimal(module) else { return };
    let options = some_options(&mut random);
    if let Ok(output) = instrument(module, &options) {
        assert!(
            features::validates(&output.bytes, features | features_added(options.mode, output.plan.exact_unwind)),
            "{options:?}: not valid under {features:?}"
        );
        assert!(
            !output.is_unchanged() || output.bytes == module,
            "{options:?}: nothing is selected, and the bytes change"
        );
    }
}

fn some_options(random: &mut Random) -> Options {
    const GLOBS: [&str; 5] = ["*", "a*", "?", "[", "{0,"];
    let roles = [Role::Malloc, Role::Calloc, Role::Realloc, Role::Free, Role::AlignedAlloc, Role::PosixMemalign];
    let globs = |random: &mut Random| (0..random.below(3)).map(|_| GLOBS[random.below(GLOBS.len())].into()).collect();
    Options {
        mode: Mode::ALL[random.below(3)],
        include: globs(random),
        exclude: globs(random),
        functions: (0..random.below(4)).map(|_| random.below(24) as u32).collect(),
        only: [None, Some(Only::Exports), Some(Only::Imports)][random.below(3)],
        body_bytes_min: random.below(64) as u32,
        alloc: random.below(2) == 0,
        imports: random.below(2) == 0,
        exact_unwind: random.below(2) == 0,
        allocators: (0..random.below(3)).map(|_| (roles[random.below(roles.len())], random.below(24) as u32)).collect(),
        manifest: [Placement::Embed, Placement::Sidecar][random.below(2)],
        threads: NonZeroUsize::new(1),
        ..Options::default()
    }
}

/// Sections that describe code, each with its share of the bytes.
const DESCRIBING: [&str; 10] = [
    ".debug_abbrev",
    ".debug_info",
    ".debug_line",
    ".debug_ranges",
    ".debug_loc",
    ".debug_rnglists",
    ".debug_loclists",
    ".debug_addr",
    ".debug_aranges",
    "metadata.code.branch_hint",
];

/// Any bytes as what describes a module's code, and as its source map: kept or dropped, and the module stays valid.
pub fn describing_sections(bytes: &[u8]) {
    // Two functions of type () -> (); the second calls the first.
    let mut module =
        b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x03\x02\0\0\x0a\x09\x02\x02\0\x0b\x04\0\x10\0\x0b".to_vec();
    for (name, contents) in DESCRIBING.iter().zip(bytes.chunks(bytes.len().div_ceil(DESCRIBING.len()).max(1))) {
        module.push(0);
        number(&mut module, 1 + name.len() + contents.len());
        module.push(name.len() as u8);
        module.extend_from_slice(name.as_bytes());
        module.extend_from_slice(contents);
    }
    let wanted = Options { source_map_url: Some("map".to_owned()), ..options(Mode::Calls) };
    let output = instrument(&module, &wanted).expect("what describes code is never a reason to refuse it");
    assert!(features::validates(&output.bytes, wasmparser::WasmFeatures::all()));
    let _ = output.code_map.expect("a source map is wanted").source_map(bytes);
}

/// An unsigned LEB128.
fn number(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Any bytes as a manifest: refused, or read and written again without loss.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::decode_bytes(bytes) else { return };
    let again = Manifest::decode_bytes(&manifest.encode_bytes()).expect("what was read can be written and read");
    assert_eq!(manifest, again);
}

/// An input that is valid must not be refused, except for what an engine would refuse too; one that is not must not become
/// valid.
fn rewrite(bytes: &[u8]) {
    let everything = wasmparser::WasmFeatures::all();
    let valid = features::validates(bytes, everything);
    for mode in Mode::ALL {
        match instrument(bytes, &options(mode)) {
            Ok(output) => {
                let still = features::validates(&output.bytes, everything);
                assert_eq!(valid, still, "{mode:?}: valid before and after");
            }
            Err(Error::Malformed { message, .. }) => {
                assert!(!valid, "{mode:?}: a valid module is called malformed: {message}")
            }
            Err(_) => {}
        }
    }
}

fn options(mode: Mode) -> Options {
    Options { mode, threads: NonZeroUsize::new(1), ..Options::default() }
}
