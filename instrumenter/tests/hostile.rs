//! What a rewriter must survive, and what it must not depend on.

use std::num::NonZeroUsize;

use wasm_encoder::{
    CodeSection, Encode, Function, FunctionSection, Instruction, Module, NameMap, NameSection, TypeSection, ValType,
};
use waspect_instrumenter::plan::Warning;
use waspect_instrumenter::{DwarfError, Error, Mode, Options, Placement, instrument, minimal_features};

/// A module of `count` functions of type `() -> ()`, with a body each.
fn module_of(count: u32, body: impl Fn(u32) -> Function) -> Module {
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    for index in 0..count {
        functions.function(0);
        code.function(&body(index));
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    module
}

fn ending(locals: u32) -> Function {
    let mut function = Function::new((locals > 0).then_some((locals, ValType::I32)));
    function.instruction(&Instruction::End);
    function
}

fn calls() -> Options {
    Options { manifest: Placement::Sidecar, ..Options::default() }
}

fn counts() -> Options {
    Options { mode: Mode::Counts, ..calls() }
}

#[test]
fn every_number_of_threads_gives_the_same_bytes() {
    let filler = |index: u32| {
        let mut function = Function::new([]);
        for _ in 0..500 {
            function.instruction(&Instruction::Call(index / 2));
        }
        function.instruction(&Instruction::End);
        function
    };
    let module = module_of(3_000, filler).finish();
    assert!(module.len() > 2 << 20, "several chunks of work");
    for options in [calls(), counts()] {
        let with = |threads| Options { threads: NonZeroUsize::new(threads), ..options.clone() };
        let one = instrument(&module, &with(1)).unwrap().bytes;
        assert_eq!(one, instrument(&module, &with(2)).unwrap().bytes);
        assert_eq!(one, instrument(&module, &with(7)).unwrap().bytes);
    }
}

#[test]
fn run_lengths_of_locals_are_never_expanded() {
    let module = module_of(1_000, |_| ending(49_000)).finish();
    let done = instrument(&module, &calls()).unwrap();
    assert_eq!(done.plan.hooked(), 1_000);
    assert!(done.bytes.len() < 20 * module.len() + 1_000);
}

#[test]
fn a_function_without_room_for_locals_is_left_out_and_the_rest_is_not() {
    let module = module_of(2, |index| ending(if index == 0 { 49_999 } else { 0 })).finish();
    let done = instrument(&module, &calls()).unwrap();
    let reason = done.plan.functions[0].hook.unwrap_err().to_string();
    assert!(reason.contains("engines take 50000"), "{reason}");
    assert!(done.plan.functions[1].hook.is_ok());
    assert!(instrument(&module, &counts()).unwrap().plan.functions[0].hook.is_ok(), "counts need no local");
}

#[test]
fn too_many_functions_is_an_error_that_names_the_limit() {
    let module = module_of(999_999, |_| ending(0)).finish();
    let options = Options { exclude: vec!["nothing".to_string()], functions: vec![0], ..calls() };
    let error = instrument(&module, &options).unwrap_err();
    assert!(matches!(error, Error::Limit { max: 1_000_000, .. }), "{error}");
    assert!(error.to_string().contains("the number of functions"), "{error}");
}

#[test]
fn above_ten_thousand_functions_there_are_gates_only() {
    let module = module_of(10_001, |_| ending(0)).finish();
    let done = instrument(&module, &calls()).unwrap();
    assert!(done.plan.gates_only && done.manifest.gates_only);
    assert!(done.bytes.len() < module.len() + 10_001 * 50);
    wasmparser::Validator::new_with_features(minimal_features(&module).unwrap()).validate_all(&done.bytes).unwrap();
    assert!(!instrument(&module, &counts()).unwrap().plan.gates_only, "counts always count");
}

#[test]
fn deep_nesting_costs_no_more_than_its_bytes() {
    let deep = |_| {
        let mut function = Function::new([]);
        for _ in 0..200_000 {
            function.instruction(&Instruction::Block(wasm_encoder::BlockType::Empty));
        }
        for _ in 0..=200_000 {
            function.instruction(&Instruction::End);
        }
        function
    };
    let module = module_of(1, deep).finish();
    assert!(instrument(&module, &calls()).unwrap().bytes.len() < module.len() + 1_000);
}

#[test]
fn a_lying_name_section_is_ignored() {
    let mut names = NameMap::new();
    names.append(7, "nobody");
    let mut section = NameSection::new();
    section.functions(&names);
    let mut module = module_of(1, |_| ending(0));
    module.section(&section);
    let done = instrument(&module.finish(), &calls()).unwrap();
    assert_eq!(done.manifest.functions[0].name, "");

    let mut broken = module_of(1, |_| ending(0)).finish();
    let mut contents = Vec::new();
    "name".encode(&mut contents);
    contents.extend([1, 5, 0xff, 0xff, 0xff, 0xff, 0xff]);
    broken.push(0);
    contents.as_slice().encode(&mut broken);
    instrument(&broken, &calls()).unwrap();
}

#[test]
fn every_truncation_is_an_error_or_a_module_and_never_a_panic() {
    let text = r#"(module (import "a" "b" (func)) (memory 1) (global (mut i32) (i32.const 0)) (table funcref (elem 1))
        (func (export "x") (param i32) (result i32) (block (br_if 0 (local.get 0))) (call 0) (memory.grow (i32.const 1)))
        (data (i32.const 0) "x"))"#;
    let module = wat::parse_str(text).unwrap();
    for end in 0..module.len() {
        let _ = instrument(&module[..end], &calls());
    }
    for at in 8..module.len() {
        for flip in [0x01, 0x40, 0x80] {
            let mut broken = module.clone();
            broken[at] ^= flip;
            if let Ok(done) = instrument(&broken, &calls()) {
                let features = minimal_features(&broken).expect("only what validates is instrumented");
                wasmparser::Validator::new_with_features(features).validate_all(&done.bytes).unwrap();
            }
        }
    }
}

#[test]
fn what_is_invalid_is_refused_even_if_injection_would_make_it_valid() {
    for text in [
        "(module (func local.get 0 drop))",
        "(module (func (result i32) global.get 0))",
        "(module (func br 1))",
        "(module (func (call 1)))",
    ] {
        let module = wat::parse_str(text).unwrap();
        let error = instrument(&module, &calls()).unwrap_err().to_string();
        assert!(error.starts_with("function 0: ") && error.contains("(at offset 0x"), "{error}");
    }
}

/// Why the debug information of a module with these sections is dropped.
fn dropped(sections: &[(&str, &[u8])]) -> DwarfError {
    let mut module = module_of(1, |_| ending(0));
    for (name, data) in sections {
        module.section(&wasm_encoder::CustomSection { name: (*name).into(), data: (*data).into() });
    }
    let done = instrument(&module.finish(), &calls()).unwrap();
    let error = done.plan.warnings.iter().find_map(|warning| match warning {
        Warning::DebugInfoDropped { error, .. } => Some(error.clone()),
        _ => None,
    });
    error.expect("it is dropped")
}

/// A unit of DWARF 4 with these entries, whose abbreviations begin at an offset.
fn unit(abbreviations: u32, entries: &[u8]) -> Vec<u8> {
    let mut unit = (entries.len() as u32 + 7).to_le_bytes().to_vec();
    unit.extend([4, 0]);
    unit.extend(abbreviations.to_le_bytes());
    unit.push(4);
    unit.extend(entries);
    unit
}

#[test]
fn entries_that_say_much_in_no_bytes_are_not_read_to_their_end() {
    // 10,000 flags without a byte, in each of 100,000 entries of one byte.
    let mut abbreviation = vec![1, 0x34, 0];
    (0..10_000).for_each(|_| abbreviation.extend([0x3c, 0x19]));
    abbreviation.extend([0, 0, 0]);
    let error = dropped(&[(".debug_abbrev", &abbreviation), (".debug_info", &unit(0, &[1; 100_000]))]);
    assert_eq!(error, DwarfError::TooMuch);
}

#[test]
fn tables_that_overlap_are_not_read_again_and_again() {
    let (mut abbreviations, mut units) = (Vec::new(), Vec::new());
    for code in 1..20_000u32 {
        units.extend(unit(abbreviations.len() as u32, &[0]));
        code.encode(&mut abbreviations);
        abbreviations.extend([0x34, 0, 0, 0]);
    }
    abbreviations.push(0);
    let error = dropped(&[(".debug_abbrev", &abbreviations), (".debug_info", &units)]);
    assert_eq!(error, DwarfError::TooMuch);
}

#[test]
fn lists_that_overlap_cost_no_more_than_their_bytes() {
    let abbreviation = [1, 0x34, 0, 0x55, 0x17, 0, 0, 0];
    let entries: Vec<u8> = (0..100_000u32).flat_map(|at| [&[1][..], &(at * 4).to_le_bytes()].concat()).collect();
    let ranges = [5u8, 0, 0, 0].repeat(100_000);
    let sections =
        [(".debug_abbrev", &abbreviation[..]), (".debug_info", &unit(0, &entries)), (".debug_ranges", &ranges)];
    assert!(matches!(dropped(&sections), DwarfError::Malformed { section: ".debug_ranges", .. }));
}

#[test]
fn line_programs_that_lie_are_dropped() {
    for program in [&[0xff; 20][..], &[4, 0, 0, 0, 9, 0, 0, 0], &[6, 0, 0, 0, 4, 0, 0xff, 0xff, 0xff, 0x7f]] {
        let error = dropped(&[(".debug_line", program)]);
        assert!(error.to_string().contains("line"), "{error}");
    }
}

#[test]
fn two_sections_of_one_name_are_one_too_many() {
    let error = dropped(&[(".debug_str", b"a"), (".debug_str", b"b")]);
    assert_eq!(error, DwarfError::Unsupported("two sections of one name"));
}
