//! Sections into facts, all but function bodies and names.

use wasmparser::{
    BinaryReader, CompositeInnerType, ExternalKind, Parser, Payload, TypeRef, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};
use waspect_abi::BuildId;

use super::{Body, Export, Function, FunctionType, Global, Import, Memory, ModuleInfo, Section, in_section};
use crate::Error;

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
        if let Payload::Version { encoding: wasmparser::Encoding::Component, .. } = payload {
            return Err(Error::Component);
        }
        if let ValidPayload::Func(function, _) = validator.payload(&payload)? {
            resources.get_or_insert(function.resources);
        }
        reading.payload(payload)?;
    }
    Ok((reading.finish()?, resources))
}

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
        for group in reader {
            for sub_type in group?.into_types() {
                let shared = sub_type.composite_type.shared;
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
                let printed = self.info.types.get(index as usize).and_then(Option::as_ref).map(FunctionType::to_string);
                (ExternalKind::Func, self.info.imported_functions - 1, printed.unwrap_or_default())
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

    /// A broken producers section is no reason to refuse a module: it is only ever shown.
    fn producers(&mut self, reader: BinaryReader<'a>) {
        let Ok(fields) = wasmparser::ProducersSectionReader::new(reader) else { return };
        for field in fields.into_iter().flatten() {
            for value in field.values.into_iter().flatten() {
                let row = (field.name.to_string(), value.name.to_string(), value.version.to_string());
                self.info.producers.push(row);
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
