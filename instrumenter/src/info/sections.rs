//! Sections into facts, all but function bodies and names.

use wasmparser::{
    BinaryReader, CompositeInnerType, ExternalKind, Parser, Payload, TypeRef, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};
use waspect_abi::BuildId;

use super::names::cut;
use super::{Body, Export, Function, FunctionType, Global, Import, Memory, ModuleInfo, Section, in_section, objects};
use crate::{Error, limits};

pub(crate) const CUSTOM: u8 = 0;
pub(crate) const TYPE: u8 = 1;
pub(crate) const IMPORT: u8 = 2;
pub(crate) const FUNCTION: u8 = 3;
pub(crate) const TABLE: u8 = 4;
pub(crate) const MEMORY: u8 = 5;
pub(crate) const TAG: u8 = 13;
pub(crate) const GLOBAL: u8 = 6;
pub(crate) const EXPORT: u8 = 7;
pub(crate) const START: u8 = 8;
pub(crate) const ELEMENT: u8 = 9;
pub(crate) const DATA_COUNT: u8 = 12;
pub(crate) const CODE: u8 = 10;
pub(crate) const DATA: u8 = 11;

/// Reads and validates everything but the insides of bodies; and gives what it takes to validate those.
pub(super) fn read(module: &[u8]) -> Result<(ModuleInfo, Option<ValidatorResources>), Error> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let mut reading = Reading::new(module);
    let mut resources = None;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::Version { encoding: wasmparser::Encoding::Component, .. } => return Err(Error::Component),
            Payload::TypeSection(reader) => check_types(reader.count(), module.len())?,
            Payload::ImportSection(reader) => check_imports(reader.clone(), module.len())?,
            Payload::FunctionSection(reader) => {
                check_functions(u64::from(reading.info.imported_functions) + u64::from(reader.count()))?;
            }
            _ => {}
        }
        if let ValidPayload::Func(function, _) = validator.payload(&payload)? {
            resources.get_or_insert(function.resources);
        }
        reading.payload(payload)?;
    }
    Ok((reading.finish()?, resources))
}

/// Refuses imports that would take far more memory than the module has bytes: the compact encoding writes the name of a
/// module once for any number of imports, and everything that reads them writes it out for each.
fn check_imports(imports: wasmparser::ImportSectionReader<'_>, module_bytes: usize) -> Result<(), Error> {
    let max = granted(module_bytes);
    let mut value = 0;
    for import in imports.into_imports() {
        let import = import?;
        value += ENTRY_BYTES + import.module.len() as u64 + import.name.len() as u64;
        if value > max {
            let remedy = "import less, or share no long module name in a compact group";
            return Err(Error::Memory { what: "the imports", max, remedy });
        }
    }
    Ok(())
}

/// As [`check_imports`], for types: two bytes make one.
fn check_types(count: u32, module_bytes: usize) -> Result<(), Error> {
    let max = granted(module_bytes);
    match u64::from(count) * ENTRY_BYTES > max {
        true => Err(Error::Memory { what: "the types", max, remedy: "merge types that are equal" }),
        false => Ok(()),
    }
}

/// A module that is as full as engines allow takes no function of ours; said before a million of them are read.
fn check_functions(count: u64) -> Result<(), Error> {
    let (value, max) = (count + limits::FUNCTIONS_SPARE, limits::FUNCTIONS_MAX as u64);
    if value <= max {
        return Ok(());
    }
    let (place, what) = (Default::default(), "the number of functions");
    Err(Error::Limit { place, what, value, max, remedy: "split the module" })
}

/// What an import or a type takes in memory, the validator's notes included.
const ENTRY_BYTES: u64 = 500;

/// What all of them may take: 67,000 in the smallest module, and one more for every hundred bytes.
fn granted(module_bytes: usize) -> u64 {
    (32 << 20) + 5 * module_bytes as u64
}

/// Most rows of the producers section that are kept.
const PRODUCERS_MAX: usize = 100;

struct Reading<'a> {
    module: &'a [u8],
    info: ModuleInfo,
    bodies: usize,
}

/// Where a section stands in a module; custom sections stand anywhere.
fn order(id: u8) -> u8 {
    const ORDER: [u8; 13] =
        [TYPE, IMPORT, FUNCTION, TABLE, MEMORY, TAG, GLOBAL, EXPORT, START, ELEMENT, DATA_COUNT, CODE, DATA];
    ORDER.iter().position(|other| *other == id).map_or(u8::MAX, |at| at as u8 + 1)
}

/// True when a section of this id stands before (and not at) the other's place.
pub(crate) fn stands_before(id: u8, other: u8) -> bool {
    order(id) < order(other)
}

impl<'a> Reading<'a> {
    fn new(module: &'a [u8]) -> Self {
        let info = ModuleInfo {
            build: BuildId::of(module),
            bytes: module.len(),
            name: String::new(),
            sections: Vec::new(),
            types: Vec::new(),
            type_groups: 0,
            objects: Vec::new(),
            imports: Vec::new(),
            exports: Vec::new(),
            functions: Vec::new(),
            imported_functions: 0,
            memories: Vec::new(),
            tables: 0,
            globals: Vec::new(),
            tags: Vec::new(),
            start: None,
            producers: Vec::new(),
            go: None,
            asyncify: None,
            has_names: false,
            files: Vec::new(),
        };
        Reading { module, info, bodies: 0 }
    }

    fn section(&mut self, id: u8, name: &str, range: std::ops::Range<u64>) {
        let range = range.start as usize..range.end as usize;
        self.info.sections.push(Section { id, name: name.to_string(), range });
    }

    fn payload(&mut self, payload: Payload<'a>) -> Result<(), Error> {
        match payload {
            Payload::TypeSection(reader) => {
                self.section(TYPE, "", reader.range());
                self.types(reader)?;
            }
            Payload::ImportSection(reader) => {
                self.section(IMPORT, "", reader.range());
                for import in reader.into_imports() {
                    self.import(import?)?;
                }
            }
            Payload::FunctionSection(reader) => {
                self.section(FUNCTION, "", reader.range());
                self.info.functions.reserve_exact(reader.count() as usize);
                for type_index in reader {
                    let type_index = type_index?;
                    self.function(type_index);
                }
            }
            Payload::TableSection(reader) => {
                self.section(TABLE, "", reader.range());
                self.info.tables = self.info.tables.saturating_add(reader.count());
            }
            Payload::MemorySection(reader) => {
                self.section(MEMORY, "", reader.range());
                for memory in reader {
                    self.info.memories.push(memory_facts(&memory?));
                }
            }
            Payload::TagSection(reader) => {
                self.section(TAG, "", reader.range());
                for tag in reader {
                    self.info.tags.push(tag?.func_type_idx);
                }
            }
            Payload::GlobalSection(reader) => {
                self.section(GLOBAL, "", reader.range());
                for global in reader {
                    self.info.globals.push(global_facts(&global?.ty));
                }
            }
            Payload::ExportSection(reader) => {
                self.section(EXPORT, "", reader.range());
                for export in reader {
                    let export = export?;
                    let (name, kind, index) = (export.name.to_string(), export.kind, export.index);
                    self.info.exports.push(Export { name, kind, index });
                }
            }
            Payload::StartSection { func, range } => {
                self.section(START, "", range);
                self.info.start = Some(func);
            }
            Payload::ElementSection(reader) => self.section(ELEMENT, "", reader.range()),
            Payload::DataCountSection { range, .. } => self.section(DATA_COUNT, "", range),
            Payload::DataSection(reader) => self.section(DATA, "", reader.range()),
            Payload::CodeSectionStart { unchecked_range, .. } => self.section(CODE, "", unchecked_range),
            Payload::CodeSectionEntry(body) => self.body(&body),
            Payload::CustomSection(reader) => {
                self.section(CUSTOM, reader.name(), reader.range());
                if reader.name() == "producers" {
                    self.producers(reader.data_reader());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn types(&mut self, reader: wasmparser::TypeSectionReader<'a>) -> Result<(), Error> {
        self.info.type_groups = self.info.type_groups.saturating_add(reader.count());
        self.info.types.reserve(reader.count() as usize);
        for group in reader {
            for sub_type in group?.into_types() {
                let shared = sub_type.composite_type.shared;
                let index = self.info.types.len() as u32;
                self.info.objects.extend(objects::of_type(index, &sub_type.composite_type.inner));
                self.info.types.push(match sub_type.composite_type.inner {
                    CompositeInnerType::Func(function) => Some(FunctionType {
                        params: function.params().into(),
                        results: function.results().into(),
                        shared,
                    }),
                    _ => None,
                });
            }
        }
        Ok(())
    }

    fn import(&mut self, import: wasmparser::Import<'a>) -> Result<(), Error> {
        let (kind, index, printed) = match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.function(index);
                self.info.imported_functions += 1;
                (ExternalKind::Func, self.info.imported_functions - 1, String::new())
            }
            TypeRef::Table(table) => {
                self.info.tables += 1;
                (ExternalKind::Table, self.info.tables - 1, format!("table {}", table.element_type))
            }
            TypeRef::Memory(memory) => {
                self.info.memories.push(memory_facts(&memory));
                (ExternalKind::Memory, self.info.memories.len() as u32 - 1, "memory".to_string())
            }
            TypeRef::Global(global) => {
                self.info.globals.push(global_facts(&global));
                let mutable = if global.mutable { "mut " } else { "" };
                (
                    ExternalKind::Global,
                    self.info.globals.len() as u32 - 1,
                    format!("global {mutable}{}", global.content_type),
                )
            }
            TypeRef::Tag(tag) => {
                self.info.tags.push(tag.func_type_idx);
                (ExternalKind::Tag, self.info.tags.len() as u32 - 1, "tag".to_string())
            }
        };
        let (module, field) = (import.module.to_string(), import.name.to_string());
        self.info.imports.push(Import { module, field, kind, index, r#type: printed });
        Ok(())
    }

    fn function(&mut self, type_index: u32) {
        self.info.functions.push(Function { type_index, ..Function::default() });
    }

    fn body(&mut self, body: &wasmparser::FunctionBody<'a>) {
        let range = body.range().start as usize..body.range().end as usize;
        let index = self.info.imported_functions as usize + self.bodies;
        self.info.functions[index].body = Some(Body { range, ..Body::default() });
        self.bodies += 1;
    }

    /// A broken producers section is no reason to refuse a module, and a long one none to keep it all: it is only ever shown.
    fn producers(&mut self, reader: BinaryReader<'a>) {
        let Ok(fields) = wasmparser::ProducersSectionReader::new(reader) else { return };
        for field in fields.into_iter().map_while(Result::ok) {
            for value in field.values.into_iter().map_while(Result::ok) {
                if self.info.producers.len() >= PRODUCERS_MAX {
                    return;
                }
                let row = [field.name, value.name, value.version].map(|text| cut(text).to_string());
                self.info.producers.push(row.into());
            }
        }
    }

    fn finish(mut self) -> Result<ModuleInfo, Error> {
        let info = &mut self.info;
        for export in info.exports.iter().filter(|export| export.kind == ExternalKind::Func) {
            info.functions[export.index as usize].exported = true;
        }
        for section in &info.sections {
            let functions = &mut info.functions;
            in_section(self.module, section, |reference| functions[reference.function as usize].address_taken = true)?;
        }
        Ok(self.info)
    }
}

fn memory_facts(memory: &wasmparser::MemoryType) -> Memory {
    Memory {
        is_64: memory.memory64,
        shared: memory.shared,
        pages_min: memory.initial,
        pages_max: memory.maximum,
        page_size_log2: memory.page_size_log2.unwrap_or(16),
    }
}

fn global_facts(global: &wasmparser::GlobalType) -> Global {
    Global { value: global.content_type, mutable: global.mutable }
}

impl std::fmt::Display for FunctionType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |types: &[wasmparser::ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "({}) -> ({})", list(&self.params), list(&self.results))
    }
}
