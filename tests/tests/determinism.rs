//! Bar F5: the same bytes from the same input, whatever the number of threads; no second instrumentation; nothing selected,
//! nothing changed. Over every valid module of the spec suite, and every real one.

use std::cmp::Reverse;
use std::fs;
use std::num::NonZeroUsize;

use waspect_instrumenter::{Error, Mode, Options, instrument};
use waspect_tests::spec::corpus;
use waspect_tests::{assets, features, parallel};

/// Every depth of instrumentation.
const MODES: &[Mode] = &[Mode::Calls, Mode::Counts, Mode::Ring];

/// Valid modules of the suite when this test was written.
const SUITE_MODULES_MIN: usize = 3_000;

/// Longest real module that is held against itself in every mode: what mode `counts` writes, mode `calls` writes too.
const EVERY_MODE_BYTES_MAX: usize = 1_000_000;

#[test]
fn the_spec_suite() {
    let files = corpus::files();
    let counts = parallel::map(&files, |file| {
        let modules = corpus::modules(file)
            .into_iter()
            .filter(|module| features::validates(module, wasmparser::WasmFeatures::all()));
        modules.map(|module| check(file.name(), &module, MODES)).filter(|&done| done).count()
    });
    let modules: usize = counts.iter().sum();
    println!("F5: {modules} modules of the spec suite");
    assert!(modules >= SUITE_MODULES_MIN, "{modules} modules, there were {SUITE_MODULES_MIN}");
}

#[test]
fn real_modules() {
    let mut paths: Vec<_> = assets::modules().into_iter().chain(assets::guests()).collect();
    // The largest first: none of them is left for one thread alone at the end.
    paths.sort_by_key(|path| Reverse(fs::metadata(path).map_or(0, |file| file.len())));
    let done = parallel::map(&paths, |path| {
        let module = fs::read(path).expect("it can be read");
        let modes = if module.len() <= EVERY_MODE_BYTES_MAX { MODES } else { &[Mode::Calls] };
        check(&path.display().to_string(), &module, modes)
    });
    println!("F5: {} real modules", done.len());
    assert!(done.iter().all(|&done| done), "no real module is refused");
}

/// False when the rewriter refuses the module with a typed error.
fn check(name: &str, module: &[u8], modes: &[Mode]) -> bool {
    for &mode in modes {
        let one = match instrument(module, &options(mode, 1)) {
            Ok(one) => one,
            Err(Error::Malformed { message, .. }) => panic!("{name}: a valid module is called malformed: {message}"),
            Err(_) => return false,
        };
        let two = instrument(module, &options(mode, 2)).expect("what one thread can do, two can");
        assert!(one.bytes == two.bytes, "{name}: two threads write other bytes than one");
        assert!(one.manifest == two.manifest, "{name}: two threads write another manifest than one");
        if one.bytes != module {
            let again = instrument(&one.bytes, &options(mode, 1));
            assert!(matches!(again, Err(Error::AlreadyInstrumented { .. })), "{name}: instrumented twice");
        }
        let nothing = Options { exclude: vec!["*".into()], alloc: false, imports: false, ..options(mode, 1) };
        let nothing = instrument(module, &nothing).expect("nothing to do cannot fail");
        assert!(nothing.bytes == module, "{name}: nothing is selected, and the bytes change");
    }
    true
}

fn options(mode: Mode, threads: usize) -> Options {
    Options { mode, threads: NonZeroUsize::new(threads), ..Options::default() }
}
