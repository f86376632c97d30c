//! Names from Go's own table, as a hostile module might write it: all entries hold, or none is believed.

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, Function, FunctionSection, Instruction,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection,
};
use waspect_instrumenter::ModuleInfo;
use waspect_instrumenter::info::NameSource;

/// Where the table begins in memory, and where its parts do from there.
const HEADER: usize = 0x1000;
const NAMES: usize = 72;
const ENTRIES: usize = 200;

/// The first slot that Go uses.
const FIRST_SLOT: i32 = 0x1000;

/// A table of functions as Go's linker lays it out: three functions and their names.
fn table() -> Vec<u8> {
    table_of(FIRST_SLOT as u32, 1)
}

/// The same with entries that begin at `first` and lie `step` apart.
fn table_of(first: u32, step: u32) -> Vec<u8> {
    let mut bytes = vec![0_u8; ENTRIES];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &[0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8]);
    put(8, &3_u64.to_le_bytes());
    put(32, &(NAMES as u64).to_le_bytes());
    put(64, &(ENTRIES as u64).to_le_bytes());
    put(NAMES, b"runtime.text\0main.main\0main.(*T).Run\0");
    let records = 4 * 8;
    for slot in 0..4_u32 {
        bytes.extend((first + slot * step).to_le_bytes());
        bytes.extend((records + slot * 8).to_le_bytes());
    }
    for (slot, name) in [(0_u32, 0_u32), (1, 13), (2, 23)] {
        bytes.extend((first + slot * step).to_le_bytes());
        bytes.extend(name.to_le_bytes());
    }
    bytes
}

/// A module with three functions in a table, and this in its memory.
fn module(segments: &[(usize, &[u8])]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..3 {
        functions.function(0);
        let mut body = Function::new([]);
        body.instruction(&Instruction::End);
        code.function(&body);
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        minimum: 0x2000,
        maximum: None,
        table64: false,
        shared: false,
    });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 2, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(FIRST_SLOT), Elements::Functions([0, 1, 2].as_slice().into()));
    let mut data = DataSection::new();
    for (at, bytes) in segments {
        data.active(0, &ConstExpr::i32_const(*at as i32), bytes.iter().copied());
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&memories).section(&elements).section(&code);
    module.section(&data);
    module.finish()
}

fn names(module: &[u8]) -> Vec<String> {
    let info = ModuleInfo::parse(module).unwrap();
    let by_table = info.functions.iter().filter(|function| function.named_by == NameSource::Pclntab);
    by_table.map(|function| function.name.clone()).collect()
}

#[test]
fn every_function_has_the_name_that_its_slot_has() {
    let slot = FIRST_SLOT as u32;
    // Go 1.26 writes slots; before, program counters; either from 0 or from the first function.
    for (first, step) in [(slot, 1), (slot << 16, 1 << 16), (0, 1), (0, 1 << 16)] {
        let module = module(&[(HEADER, &table_of(first, step))]);
        assert_eq!(names(&module), ["runtime.text", "main.main", "main.(*T).Run"], "{first:#x}, {step:#x}");
    }
}

#[test]
fn zeros_between_segments_count() {
    // As Go's linker does: zeros of 8 bytes and more are left out.
    let table = table();
    let mut segments: Vec<(usize, Vec<u8>)> = Vec::new();
    let mut zeros = 8;
    for (at, byte) in table.iter().enumerate() {
        if *byte != 0 {
            if zeros >= 8 {
                segments.push((HEADER + at, Vec::new()));
            }
            let (start, bytes) = segments.last_mut().unwrap();
            bytes.resize(HEADER + at - *start, 0);
            bytes.push(*byte);
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
    assert!(segments.len() > 3, "{segments:?}");
    let segments: Vec<(usize, &[u8])> = segments.iter().map(|(at, bytes)| (*at, bytes.as_slice())).collect();
    assert_eq!(names(&module(&segments)).len(), 3);
}

#[test]
fn one_entry_that_does_not_hold_makes_all_doubtful() {
    let whole = table();
    let spoilt = |at: usize, value: u8| {
        let mut table = whole.clone();
        assert_ne!(table[at], value, "that is what stands there");
        table[at] = value;
        names(&module(&[(HEADER, &table)]))
    };
    let none: [String; 0] = [];
    assert_eq!(spoilt(8, 4), none, "more functions than the module has");
    assert_eq!(spoilt(8, 0), none, "no function");
    assert_eq!(spoilt(15, 0xff), none, "functions without end");
    assert_eq!(spoilt(ENTRIES, 1), none, "a first function that is not the first of the table");
    assert_eq!(spoilt(ENTRIES + 8, 3), none, "entries out of order");
    assert_eq!(spoilt(ENTRIES + 12, 0), none, "a record elsewhere");
    assert_eq!(spoilt(ENTRIES + 36, 90), none, "no name");
    assert_eq!(spoilt(NAMES, 0xff), none, "a name that is no text");
    assert_eq!(spoilt(71, 0xff), none, "entries beyond all memory");
    assert_eq!(spoilt(7, 4), none, "another pointer size: not Go's Wasm");
}

#[test]
fn every_flipped_bit_is_survived() {
    let whole = table();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut table = whole.clone();
            table[at] ^= 1 << bit;
            let names = names(&module(&[(HEADER, &table)]));
            assert!(names.len() <= 3 && names.iter().all(|name| !name.is_empty()), "byte {at}, bit {bit}: {names:?}");
        }
    }
}

#[test]
fn overlapping_segments_are_not_believed() {
    assert_eq!(names(&module(&[(HEADER, &table()), (HEADER + 20, b"x")])), [""; 0]);
}

#[test]
fn names_that_unfold_are_bounded() {
    // Every function has the same long name: a few bytes of input must not become many.
    let mut table = table();
    let long = vec![b'a'; 4_000];
    let at = table.len();
    table.extend(&long);
    for record in 0..3 {
        let name = ENTRIES + 32 + record * 8 + 4;
        table[name..name + 4].copy_from_slice(&((at - NAMES) as u32).to_le_bytes());
    }
    assert_eq!(names(&module(&[(HEADER, &table)])), [""; 0]);
}
