//! Bar F4: backtraces, lines, functions and locations are as they were, in every mode, wherever there is DWARF.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use waspect_instrumenter::plan::Warning;
use waspect_instrumenter::{Debug, Mode, Options, instrument};
use waspect_tests::debug_info::{DebugInfo, Place, symbols};
use waspect_tests::random::Random;
use waspect_tests::{assets, features, parallel, trap};

/// Guests that trap, and the ways in which each does. Where a stack ends depends on the size of frames, so none overflows.
const TRAPS: &[(&str, &[&str])] = &[
    ("rust-trap", &["unreachable", "panic"]),
    ("c-trap", &["divide", "indirect", "memory"]),
    ("c-trap-dwarf5", &["divide", "indirect", "memory"]),
    ("c-trap-dwarf5-o0", &["divide", "indirect", "memory"]),
];

/// Modules with DWARF that must be among those that are compared.
const WITH_DWARF: &[&str] = &["c-trap", "c-trap-dwarf5", "c-trap-dwarf5-o0", "qjs-reactor", "rust-trap", "sqlite"];

/// Damaged modules a guest.
const DAMAGED: u64 = 100;

/// The ways in which a module is instrumented.
fn ways() -> [(&'static str, Options); 4] {
    [
        ("counts", Options { mode: Mode::Counts, ..Options::default() }),
        ("ring", Options { mode: Mode::Ring, ..Options::default() }),
        ("calls", Options::default()),
        ("calls, split", Options { debug: Debug::Split { url: "debug.wasm".to_owned() }, ..Options::default() }),
    ]
}

#[test]
fn backtraces_are_as_they_were() {
    let mut count = 0;
    for (guest, arguments) in TRAPS {
        let module = fs::read(assets::guest(guest)).expect("it can be read");
        for argument in *arguments {
            let before = trap::frames(&module, &module, argument);
            let lines = before.iter().filter(|frame| frame.symbols.iter().any(|symbol| symbol.2.is_some())).count();
            assert!(lines >= 3, "{guest} {argument}: lines for three frames at least: {before:#?}");
            for (way, options) in ways().into_iter().filter(|(way, _)| *way != "calls, split") {
                let done = instrument(&module, &options).expect("it can be instrumented");
                let after = trap::frames(&module, &done.bytes, argument);
                assert_eq!(before, after, "{guest} {argument} in mode {way}");
                count += 1;
            }
        }
    }
    println!("F4: {count} backtraces of instrumented guests, names, files and lines as in the original");
}

#[test]
fn every_line_and_every_function_is_where_it_was() {
    let mut paths: Vec<PathBuf> = assets::modules().into_iter().chain(assets::guests()).collect();
    paths.sort();
    let results = parallel::map(&paths, |path| {
        let module = fs::read(path).expect("it can be read");
        let name = path.file_stem().unwrap_or_default().display().to_string();
        let before = DebugInfo::of(&module, &module);
        before.has_dwarf().then(|| (name.clone(), compare(&name, &module, &before)))
    });
    let results: Vec<_> = results.into_iter().flatten().collect();
    for (name, (rows, functions)) in &results {
        println!("F4: {name}: {rows} rows, {functions} addresses with their functions, 0 wrong in any mode");
    }
    for name in WITH_DWARF {
        assert!(results.iter().any(|(found, (rows, _))| found == name && *rows > 100), "{name} has no lines");
    }
}

/// Compares a module with what becomes of it in every way; rows and addresses compared.
fn compare(name: &str, module: &[u8], before: &DebugInfo<'_>) -> (usize, usize) {
    let rows = before.rows().unwrap_or_else(|error| panic!("{name}: {error}"));
    let context = before.context();
    let mut addresses = 0;
    for (way, options) in ways() {
        let done = instrument(module, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        let dropped = done.plan.warnings.iter().find(|warning| {
            matches!(
                warning,
                Warning::DebugInfoDropped { .. } | Warning::DebugRangesLost { .. } | Warning::StaleSections { .. }
            )
        });
        assert_eq!(dropped, None, "{name}, {way}");
        let debug = done.debug_module.as_ref().unwrap_or(&done.bytes);
        let after = DebugInfo::of(&done.bytes, debug);
        if done.debug_module.is_some() {
            assert!(!DebugInfo::of(&done.bytes, &done.bytes).has_dwarf(), "{name}, {way}: it is split off");
        }
        let new_rows = after.rows().unwrap_or_else(|error| panic!("{name}, {way}: {error}"));
        assert_eq!(rows.len(), new_rows.len(), "{name}, {way}: one row for each");
        let new_context = after.context();
        let (mut last, mut is_dead) = (None, true);
        for ((old, is_end), (new, _)) in rows.iter().zip(&new_rows) {
            let at = || format!("{name}, {way}: {old:x?} became {new:x?}");
            assert_eq!((&old.file, &old.says), (&new.file, &new.says), "{}", at());
            // The linker leaves the lines of what it threw away at address 0.
            let begins = last.is_none();
            is_dead = if begins { old.address == 0 } else { is_dead };
            last = (!is_end).then_some(old.address);
            if is_dead {
                assert_eq!(old.address, new.address, "{}", at());
                continue;
            }
            let (old_place, new_place) = (before.place(old.address, *is_end), after.place(new.address, *is_end));
            assert!(same_place(old_place, new_place), "{}: {old_place:x?}, {new_place:x?}", at());
            if !is_end {
                assert_eq!(symbols(&context, old.address), symbols(&new_context, new.address), "{}", at());
                addresses += 1;
            }
        }
        assert_eq!(entries(before), entries(&after), "{name}, {way}: entries and their locations");
    }
    (rows.len(), addresses / ways().len())
}

/// The same body, and the same instruction in it: a `return` may have become a branch.
fn same_place(old: Option<(usize, Place)>, new: Option<(usize, Place)>) -> bool {
    match (old, new) {
        (Some((old_body, Place::Instruction([0x0f, _]))), Some((new_body, Place::Instruction([0x0c, _])))) => {
            old_body == new_body
        }
        (Some((old_body, Place::Within)), Some((new_body, _))) => old_body == new_body,
        _ => old.is_some() && old == new,
    }
}

/// Every entry without its addresses: tag and attributes, and of location lists the expressions.
fn entries(info: &DebugInfo<'_>) -> Vec<String> {
    let dwarf = info.dwarf();
    let mut found = Vec::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next().expect("a unit") {
        let unit = dwarf.unit(header).expect("a unit");
        let mut cursor = unit.entries();
        while let Some(entry) = cursor.next_dfs().expect("an entry") {
            let mut text = format!("{} {}", entry.depth(), entry.tag());
            for attribute in entry.attrs() {
                text += &format!(" {}", attribute.name());
                let moves = [
                    gimli::constants::DW_AT_low_pc,
                    gimli::constants::DW_AT_high_pc,
                    gimli::constants::DW_AT_entry_pc,
                    gimli::constants::DW_AT_call_pc,
                    gimli::constants::DW_AT_call_return_pc,
                    gimli::constants::DW_AT_stmt_list,
                    gimli::constants::DW_AT_ranges,
                    gimli::constants::DW_AT_rnglists_base,
                    gimli::constants::DW_AT_loclists_base,
                ];
                if let Some(mut list) = dwarf.attr_locations(&unit, attribute.value()).expect("a list") {
                    while let Some(location) = list.next().expect("a location") {
                        text += &format!(" {:?}", location.data.0.slice());
                    }
                } else if !moves.contains(&attribute.name()) {
                    text += &format!("={:?}", attribute.raw_value());
                }
            }
            found.push(text);
        }
    }
    found
}

#[test]
fn damaged_debug_information_is_dropped_or_rewritten_and_never_a_panic() {
    let guests = ["c-trap", "c-trap-dwarf5", "rust-trap"];
    let mut outcomes = Vec::new();
    for guest in guests {
        let module = fs::read(assets::guest(guest)).expect("it can be read");
        let sections = debug_sections(&module);
        let minimal = features::minimal(&module).expect("a valid module");
        let seeds: Vec<u64> = (0..DAMAGED).collect();
        outcomes.extend(parallel::map(&seeds, |seed| {
            let mut random = Random::new(*seed);
            let mut damaged = module.clone();
            let section = &sections[random.below(sections.len())];
            for _ in 0..=random.below(4) {
                let at = section.start + random.below(section.len());
                damaged[at] = [0, 1, 0x7f, 0x80, 0xff, random.number() as u8][random.below(6)];
            }
            let done = instrument(&damaged, &Options::default()).expect("only the debug information is damaged");
            assert!(features::validates(&done.bytes, minimal), "seed {seed}");
            let dropped = done.plan.warnings.iter().any(|warning| matches!(warning, Warning::DebugInfoDropped { .. }));
            assert_eq!(dropped, debug_sections(&done.bytes).is_empty(), "seed {seed}: what is dropped is said");
            dropped
        }));
    }
    let dropped = outcomes.iter().filter(|dropped| **dropped).count();
    println!("F4: {} damaged modules: {dropped} lost their debug information with a warning", outcomes.len());
    assert!(dropped > 0 && dropped < outcomes.len());
}

/// Where the contents of DWARF sections are.
fn debug_sections(module: &[u8]) -> Vec<std::ops::Range<usize>> {
    let payloads = wasmparser::Parser::new(0).parse_all(module);
    payloads
        .filter_map(|payload| match payload.expect("a module") {
            wasmparser::Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                Some(section.data_offset() as usize..section.range().end as usize)
            }
            _ => None,
        })
        .collect()
}

#[test]
fn source_maps_lead_to_the_same_places() {
    let folder = tempfile::tempdir().expect("a folder");
    let (input, output) = (assets::guest("as-work"), folder.path().join("out.wasm"));
    let mut waspect = Command::new(assets::waspect());
    let done = waspect.arg("instrument").arg(&input).arg("-o").arg(&output).output().expect("waspect runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let read = |path: &std::path::Path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (before, after) = (read(&input), read(&output));
    let old = segments(&read(&input.with_extension("wasm.map")));
    let new = segments(&read(&output.with_extension("wasm.map")));
    let (before, after) = (DebugInfo::of(&before, &before), DebugInfo::of(&after, &after));
    assert!(after.custom_section("sourceMappingURL").is_some_and(|url| url.ends_with(b"out.wasm.map")));
    let mut rest = new.iter();
    for segment in &old {
        let Some(old_place) = before.place_at(segment.0, false) else { continue };
        let moved = rest.next().expect("a segment for each that is in a function");
        assert_eq!(segment.1, moved.1, "source, line and column of offset {:#x}", segment.0);
        let new_place = after.place_at(moved.0, false);
        assert!(
            same_place(Some(old_place), new_place),
            "{segment:x?} became {moved:x?}: {old_place:x?}, {new_place:x?}"
        );
    }
    assert!(old.len() > 100 && rest.all(|(_, source)| source.is_empty()), "injected functions have no source");
    println!("F4: {} segments of as-work's source map lead to the same places", old.len());
}

/// The segments of a source map's only line: column, and what else they say, summed up.
fn segments(map: &[u8]) -> Vec<(usize, Vec<i64>)> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let map: Value = serde_json::from_slice(map).expect("JSON");
    let mut sums = [0i64; 5];
    let texts = map["mappings"].as_str().expect("mappings").split(',').filter(|text| !text.is_empty());
    let segment = |text: &str| {
        let (mut count, mut value, mut shift) = (0, 0i64, 0);
        for digit in text.chars().map(|digit| DIGITS.find(digit).expect("a digit") as i64) {
            value += (digit % 32) << shift;
            shift += 5;
            if digit < 32 {
                sums[count] += if value % 2 == 1 { -(value / 2) } else { value / 2 };
                (count, value, shift) = (count + 1, 0, 0);
            }
        }
        (sums[0] as usize, sums[1..count].to_vec())
    };
    texts.map(segment).collect()
}

#[test]
fn spans_tell_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace.jsonl");
    let done = Command::new(assets::waspect())
        .args(["run", "--summary", "none", "--min-duration", "0us", "--trace"])
        .arg(&trace)
        .arg(assets::guest("rust-work"))
        .output()
        .expect("waspect runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = fs::read_to_string(&trace).expect("spans");
    let mut places = Vec::new();
    for line in text.lines() {
        collect_places(&serde_json::from_str(line).expect("JSON"), &mut places);
    }
    let of_guest = |file: &str| file.ends_with("rust-work.rs");
    assert!(places.iter().any(|(file, line)| of_guest(file) && *line > 0), "{places:?}");
    println!("F4: {} spans of rust-work with file and line", places.len());
}

/// The places that spans tell: `code.file.path` and `code.line.number`.
fn collect_places(value: &Value, places: &mut Vec<(String, u64)>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect_places(value, places)),
        Value::Object(fields) => {
            if let Some(Value::Array(attributes)) = fields.get("attributes") {
                let find = |key: &str| attributes.iter().find(|attribute| attribute["key"] == key);
                if let (Some(file), Some(line)) = (find("code.file.path"), find("code.line.number")) {
                    let file = file["value"]["stringValue"].as_str().unwrap_or_default().to_owned();
                    let line =
                        line["value"]["intValue"].as_str().and_then(|line| line.parse().ok()).unwrap_or_default();
                    places.push((file, line));
                }
            }
            fields.values().for_each(|value| collect_places(value, places));
        }
        _ => {}
    }
}
