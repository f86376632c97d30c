//! Names for stripped modules: Go's own table, table slots, symbol maps and unstripped builds; and what does not match is refused.

use std::fs;
use std::sync::Arc;

use wasmparser::{Parser, Payload};
use waspect_instrumenter::info::NameSource;
use waspect_instrumenter::{Error, ModuleInfo, Options, Symbols};
use waspect_tests::assets;

#[test]
fn the_table_of_a_stripped_go_module_names_what_the_name_section_named() {
    let named = read(&fs::read(assets::guest("go-work")).unwrap());
    let stripped = read(&fs::read(assets::guest("go-work-stripped")).unwrap());
    assert_eq!(named.functions.len(), stripped.functions.len());
    let mut by_table = 0;
    for (index, (named, stripped)) in named.functions.iter().zip(&stripped.functions).enumerate() {
        if stripped.named_by == NameSource::Pclntab {
            by_table += 1;
            assert_eq!(as_in_a_name_section(&stripped.name), named.name, "function {index}");
        }
    }
    // The linker adds functions that are no Go function: its entry points and helpers.
    let defined = named.functions.len() - named.imported_functions as usize;
    println!("go-work: {by_table} of {defined} functions named by their table");
    assert!(by_table * 100 > defined * 98, "{by_table} of {defined}");
}

#[test]
fn a_real_go_module_without_names_has_them_all() {
    let info = read(&fs::read(assets::module("esbuild")).unwrap());
    let by_table = info.functions.iter().filter(|function| function.named_by == NameSource::Pclntab).count();
    println!("esbuild: {by_table} of {} functions named by their table", info.functions.len());
    assert!(by_table * 100 > info.functions.len() * 98);
    assert!(info.functions.iter().any(|function| function.name == "runtime.mallocgc"));
}

#[test]
fn the_unstripped_build_names_a_stripped_module() {
    for name in ["c-work", "rust-work", "zig-work"] {
        let build = fs::read(assets::guest(name)).unwrap();
        let stripped = without_custom_sections(&build);
        let info = read_with(&stripped, &build).unwrap_or_else(|error| panic!("{name}: {error}"));
        let named = read(&build);
        for (mine, theirs) in info.functions.iter().zip(&named.functions) {
            assert_eq!(mine.name, theirs.name, "{name}");
        }
        assert!(info.has_names && info.functions.iter().any(|function| function.named_by == NameSource::Symbols));
    }
}

#[test]
fn a_symbol_map_names_a_stripped_module() {
    let build = fs::read(assets::guest("c-work")).unwrap();
    let named = read(&build);
    let lines = named.functions.iter().enumerate().map(|(index, function)| format!("{index}:{}\n", function.name));
    let map: String = lines.collect();
    let stripped = without_custom_sections(&build);
    let info = read_with(&stripped, map.as_bytes()).unwrap();
    for (mine, theirs) in info.functions.iter().zip(&named.functions) {
        assert_eq!(mine.name, theirs.name);
    }
    let shorter: String = map.lines().take(10).map(|line| format!("{line}\n")).collect();
    let error = read_with(&stripped, shorter.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("symbols: it lists 10 functions, the module has "), "{error}");
}

#[test]
fn symbols_of_another_module_are_refused() {
    let module = without_custom_sections(&fs::read(assets::guest("c-work")).unwrap());
    let refused = |symbols: &[u8]| match read_with(&module, symbols).unwrap_err() {
        error @ Error::Symbols { .. } => error.to_string(),
        error => panic!("{error}"),
    };
    let other = fs::read(assets::guest("sqlite")).unwrap();
    assert!(refused(&other).contains("functions, "), "{}", refused(&other));
    assert!(refused(&module).contains("this build has no names either"));
    assert!(refused(b"12 malloc").contains("line 1 is not `index:name`"));
    assert!(refused(b"1:a\n\n99999999:b").contains("line 3 names function 99999999"));
    assert!(refused(b"3:a\n3:b").contains("line 2 names function 3 again"));
    assert!(refused(b"\n").contains("it names no function"));
    assert!(refused(&[0xff, 0xfe]).contains("neither text nor a module"));
    assert!(refused(&other[..100]).contains("offset"));
    // One instruction is another: 0x41 (i32.const) somewhere in the code becomes one of another value.
    let mut changed = fs::read(assets::guest("c-work")).unwrap();
    let range =
        read(&changed).functions.iter().filter_map(|function| function.body.as_ref()).nth(5).unwrap().range.clone();
    let at = (range.start + 2..range.end - 2)
        .find(|at| {
            let mut candidate = changed.clone();
            candidate[*at] ^= 1;
            ModuleInfo::parse(&candidate).is_ok()
        })
        .expect("some bit of a body can be another");
    changed[at] ^= 1;
    let error = refused(&changed);
    assert!(error.contains("its body is another"), "{error}");
}

/// A name as Go's linker writes it into a name section.
fn as_in_a_name_section(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '_' }).collect()
}

fn without_custom_sections(module: &[u8]) -> Vec<u8> {
    let mut out = module[..8].to_vec();
    let mut begin = 8;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.unwrap();
        if let Some((_, range)) = payload.as_section() {
            if !matches!(payload, Payload::CustomSection(_)) {
                out.extend_from_slice(&module[begin..range.end as usize]);
            }
            begin = range.end as usize;
        }
    }
    out
}

fn read(module: &[u8]) -> ModuleInfo {
    ModuleInfo::parse(module).unwrap()
}

fn read_with(module: &[u8], symbols: &[u8]) -> Result<ModuleInfo, Error> {
    let symbols = Some(Symbols(Arc::from(symbols)));
    ModuleInfo::parse_with(module, &Options { symbols, ..Options::default() })
}
