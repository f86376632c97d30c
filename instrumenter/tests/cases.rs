//! Every `cases/*.wat` is a test: its first line says how to instrument it, its `.stdout` shows what came out.
//!
//! `;; RUN: calls include=work* no-alloc` is a mode and options. `BLESS=1` writes what is expected; read the diff.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use waspect_instrumenter::{
    Debug, Instrumented, Mode, ModuleInfo, Only, Options, Placement, Role, features_added, instrument, minimal_features,
};

#[test]
fn every_case_gives_what_stands_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "wat"));
    cases.sort();
    assert!(!cases.is_empty());
    let wrong: Vec<String> = cases.iter().filter_map(|path| check(path).err()).collect();
    assert!(wrong.is_empty(), "{}\nBLESS=1 writes what came out", wrong.join("\n"));
}

fn check(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).unwrap();
    let options = options(text.lines().next().unwrap_or_default());
    let module = wat::parse_file(path).unwrap_or_else(|error| panic!("{error}"));
    let found = show(&module, &options);
    let expected_path = path.with_extension("stdout");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&expected_path, found).unwrap();
        return Ok(());
    }
    let expected = fs::read_to_string(&expected_path).unwrap_or_default();
    if found == expected { Ok(()) } else { Err(format!("--- {}\n{found}", path.display())) }
}

fn options(line: &str) -> Options {
    let words = line.strip_prefix(";; RUN: ").expect("a case starts with `;; RUN: `").split_whitespace();
    let mut options = Options { manifest: Placement::Sidecar, ..Options::default() };
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("calls", _) => options.mode = Mode::Calls,
            ("counts", _) => options.mode = Mode::Counts,
            ("ring", _) => options.mode = Mode::Ring,
            ("include", glob) => options.include.push(glob.to_string()),
            ("exclude", glob) => options.exclude.push(glob.to_string()),
            ("function", index) => options.functions.push(index.parse().unwrap()),
            ("only-exports", _) => options.only = Some(Only::Exports),
            ("only-imports", _) => options.only = Some(Only::Imports),
            ("min", bytes) => options.body_bytes_min = bytes.parse().unwrap(),
            ("no-alloc", _) => options.alloc = false,
            ("exact-unwind", _) => options.exact_unwind = true,
            ("no-imports", _) => options.imports = false,
            ("malloc", index) => options.allocators.push((Role::Malloc, index.parse().unwrap())),
            ("free", index) => options.allocators.push((Role::Free, index.parse().unwrap())),
            ("strip-debug", _) => options.debug = Debug::Strip,
            ("source-map", url) => options.source_map_url = Some(url.to_string()),
            ("embed", _) => options.manifest = Placement::Embed,
            _ => panic!("option `{word}` is unknown"),
        }
    }
    options
}

/// The plan's interesting lines, then the rewritten module; or the error.
fn show(module: &[u8], options: &Options) -> String {
    let mut out = String::new();
    match instrument(module, options) {
        Err(error) => writeln!(out, "error: {error}").unwrap(),
        Ok(instrumented) => {
            show_plan(&mut out, module, &instrumented);
            let printed = wasmprinter::print_bytes(&instrumented.bytes).unwrap();
            out.push_str(&without_accessors(&printed, options.mode));
            check_output(module, &instrumented);
        }
    }
    out
}

fn show_plan(out: &mut String, module: &[u8], instrumented: &Instrumented) {
    let info = ModuleInfo::parse(module).unwrap();
    let plan = &instrumented.plan;
    for (index, function) in plan.functions.iter().enumerate() {
        if let Err(reason) = function.hook {
            writeln!(out, ";; left out: {index} `{}`: {reason}", info.functions[index].name).unwrap();
        }
    }
    for allocator in &plan.allocators {
        let name = &info.functions[allocator.index as usize].name;
        writeln!(out, ";; allocator: {} `{name}` of {}", allocator.index, allocator.family).unwrap();
    }
    for warning in &plan.warnings {
        writeln!(out, ";; warning: {warning}").unwrap();
    }
}

/// The accessors look the same in every case: only those of mode `counts` are shown.
fn without_accessors(printed: &str, mode: Mode) -> String {
    let mut hidden = false;
    let mut out = String::new();
    for line in printed.lines() {
        hidden |= mode.has_hooks() && line.starts_with("  (func $waspect.counter_");
        if !hidden {
            writeln!(out, "{line}").unwrap();
        }
        hidden &= line != "  )";
    }
    out
}

/// What must be true of every output, whatever the case shows.
fn check_output(module: &[u8], instrumented: &Instrumented) {
    let plan = &instrumented.plan;
    let features = minimal_features(module).unwrap() | features_added(plan.mode, plan.exact_unwind);
    wasmparser::Validator::new_with_features(features).validate_all(&instrumented.bytes).unwrap();
    assert_eq!(instrumented.is_unchanged(), instrumented.bytes == module);
    if !instrumented.is_unchanged() {
        let again = instrument(&instrumented.bytes, &Options::default()).unwrap_err().to_string();
        assert!(again.contains("already instrumented"), "{again}");
    }
    let read = waspect_instrumenter::Manifest::decode_bytes(&instrumented.manifest.encode_bytes()).unwrap();
    assert_eq!(read, instrumented.manifest);
}
