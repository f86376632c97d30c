//! Stage 3: the bytes. This module and those below are the only ones that write any.
//!
//! Sections are copied with what is new appended; bodies are copied between edits. New types, globals and functions stand
//! behind the original ones, so that only hook imports move indices: those of every defined function.

mod accessors;
mod body;
mod code;
mod hooks;
mod injected;
mod layout;
mod moved;
mod names;
mod records;
mod splice;

use wasm_encoder::{ConstExpr, Encode, ExportKind, ExportSection, GlobalSection, GlobalType};
use wasmparser::{BinaryReader, ExternalKind, WasmFeatures};
use waspect_abi::manifest::Mode;
use waspect_abi::ring::RING_EXPORT;
use waspect_abi::{BuildId, MANIFEST_SECTION};

use crate::info::{ModuleInfo, Section, in_section, sections as section_id, stands_before};
use crate::mutants::Mutant;
use crate::options::Placement;
use crate::plan::Plan;
use crate::{Error, Instrumented, manifest};

pub(crate) use layout::Layout;
use moved::Moved;
use splice::{append_to_vector, leb};

/// Carries a plan out.
///
/// # Panics
///
/// When the facts or the plan are those of another module.
pub fn rewrite(module: &[u8], info: &ModuleInfo, plan: &Plan) -> Result<Instrumented, Error> {
    assert!(info.build == plan.build && info.bytes == module.len(), "the plan was made for another module");
    debug_assert!(info.build == BuildId::of(module), "the facts are those of another module");
    write(module, info.clone(), plan.clone())
}

/// As [`rewrite()`], of facts and a plan that nobody needs any more: names move into the manifest, which is built last.
pub(crate) fn write(module: &[u8], info: ModuleInfo, mut plan: Plan) -> Result<Instrumented, Error> {
    if plan.is_empty() {
        let manifest = manifest::build(info, &plan)?;
        return Ok(Instrumented { bytes: module.to_vec(), manifest, plan, debug_module: None, code_map: None });
    }
    let layout = Layout::new(&info, &plan)?;
    layout.check_limits(&info, &plan)?;
    let mut moved = match plan.needs_code_map(&info) {
        true => Some(Moved::new(module, &info, &mut plan, &layout)?),
        false => None,
    };
    let out = Vec::with_capacity(module.len() / 4 * 5);
    let mut writer = Writer { module, info: &info, plan: &plan, layout: &layout, moved: moved.as_mut(), out };
    writer.module()?;
    let mut bytes = writer.out;
    drop(layout);
    let debug_module = moved.as_ref().and_then(|moved| moved.debug_module(module, &info));
    let code_map = moved.map(|moved| moved.map);
    let manifest = manifest::build(info, &plan)?;
    if plan.manifest == Placement::Embed {
        bytes.push(section_id::CUSTOM);
        let start = bytes.len();
        MANIFEST_SECTION.encode(&mut bytes);
        manifest.encode_onto(&mut bytes);
        splice::insert_length(&mut bytes, start);
    }
    layout::check_module_bytes(bytes.len())?;
    debug_assert!(plan.seed.is_some() || stays_valid(module, &bytes, &plan));
    Ok(Instrumented { bytes, manifest, plan, debug_module, code_map })
}

/// The features that an output needs besides those of its input: none, but for the ring's memory (rule R1), and for references to
/// exceptions, which wasmparser switches apart from the `try_table` that a module needs for them: no engine has one without the other.
pub fn features_added(mode: Mode, exact_unwind: bool) -> WasmFeatures {
    let ring = match mode {
        Mode::Ring => WasmFeatures::MULTI_MEMORY | WasmFeatures::THREADS,
        Mode::Calls | Mode::Counts => WasmFeatures::empty(),
    };
    if exact_unwind { ring | WasmFeatures::REFERENCE_TYPES } else { ring }
}

/// Whether the output validates under the features that the input needs. Inputs that do not validate prove nothing.
fn stays_valid(input: &[u8], output: &[u8], plan: &Plan) -> bool {
    let Ok(features) = crate::info::minimal_features(input) else { return true };
    match wasmparser::Validator::new_with_features(features | features_added(plan.mode, plan.exact_unwind))
        .validate_all(output)
    {
        Ok(_) => true,
        Err(error) => panic!("an input that validates must give an output that does: {error}"),
    }
}

struct Writer<'a> {
    module: &'a [u8],
    info: &'a ModuleInfo,
    plan: &'a Plan,
    layout: &'a Layout,
    /// The code and what describes it, where something does.
    moved: Option<&'a mut Moved>,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn module(&mut self) -> Result<(), Error> {
        self.out.extend_from_slice(&self.module[..8]);
        let mut missing: Vec<u8> = self.sections_needed();
        for (at, section) in self.info.sections.iter().enumerate() {
            if section.id != section_id::CUSTOM {
                while let Some(id) = missing.first().copied().filter(|id| stands_before(*id, section.id)) {
                    self.section(id, None)?;
                    missing.remove(0);
                }
                missing.retain(|id| *id != section.id);
            }
            if !self.plan.is_dropped(at) && !self.moved(at, section) {
                self.section(section.id, Some(section))?;
            }
        }
        for id in missing {
            self.section(id, None)?;
        }
        if let Some(contents) = self.moved.as_ref().and_then(|moved| moved.external_debug_info()) {
            self.write(section_id::CUSTOM, &contents);
        }
        Ok(())
    }

    /// Writes a section that describes code, if this is one; it may go elsewhere, too.
    fn moved(&mut self, at: usize, section: &Section) -> bool {
        let Some(moved) = &mut self.moved else { return false };
        if moved.is_split_off(at) {
            return true;
        }
        let Some(contents) = moved.take(at) else { return false };
        self.write(section_id::CUSTOM, &moved::named(&section.name, &contents));
        true
    }

    /// Sections that the output has whether or not the input does, in the order of a module.
    fn sections_needed(&self) -> Vec<u8> {
        let hooks = self.plan.mode.has_hooks();
        let needed = [
            (section_id::TYPE, true),
            (section_id::IMPORT, hooks),
            (section_id::FUNCTION, true),
            (section_id::MEMORY, self.layout.ring().is_some()),
            (section_id::GLOBAL, true),
            (section_id::EXPORT, true),
            (section_id::START, hooks),
            (section_id::CODE, true),
        ];
        needed.into_iter().filter(|(_, needed)| *needed).map(|(id, _)| id).collect()
    }

    fn section(&mut self, id: u8, section: Option<&Section>) -> Result<(), Error> {
        let original = section.map_or(&[0][..], |section| &self.module[section.range.clone()]);
        match id {
            section_id::TYPE => {
                let (count, bytes) = self.layout.types.encode();
                self.write_appended(id, original, count, &bytes)?;
            }
            section_id::IMPORT => {
                let (count, bytes) = self.layout.encode_hook_imports();
                self.write_appended(id, original, count, &bytes)?;
            }
            section_id::FUNCTION => {
                let mut bytes = Vec::new();
                self.layout.injected.iter().for_each(|injected| injected.type_index.encode(&mut bytes));
                self.write_appended(id, original, self.layout.injected.len() as u32, &bytes)?;
            }
            section_id::MEMORY => {
                let (count, bytes) = self.layout.encode_ring();
                self.write_appended(id, original, count, &bytes)?;
            }
            section_id::GLOBAL => {
                let patched = self.patched(section, original)?;
                let (count, bytes) = self.globals();
                self.write_appended(id, &patched, count, &bytes)?;
            }
            section_id::EXPORT => self.exports()?,
            section_id::START => {
                let start = match self.layout.start() {
                    Some(injected) => injected,
                    None => self.layout.function(self.info.start.expect("a start section")),
                };
                self.write(id, &leb(start.0));
            }
            section_id::TABLE | section_id::ELEMENT => {
                let patched = self.patched(section, original)?;
                self.write(id, &patched);
            }
            section_id::CODE => self.code()?,
            section_id::CUSTOM if section.is_some_and(|section| section.name == "name") => {
                let before = self.out.len();
                self.out.push(id);
                let labels = |index| body::new_labels(self.module, self.info, self.plan, self.layout, index);
                match names::rewrite(original, self.layout, self.info, labels, &mut self.out) {
                    Some(()) => {
                        self.moved.iter_mut().for_each(|moved| moved.name(&self.out[before + 1..]));
                        splice::insert_length(&mut self.out, before + 1);
                    }
                    None => self.out.truncate(before),
                }
            }
            _ => self.write(id, original),
        }
        Ok(())
    }

    fn write(&mut self, id: u8, contents: &[u8]) {
        self.out.push(id);
        contents.encode(&mut self.out);
    }

    fn write_appended(&mut self, id: u8, original: &[u8], count: u32, bytes: &[u8]) -> Result<(), Error> {
        let contents = append_to_vector(original, count, bytes)?;
        self.write(id, &contents);
        Ok(())
    }

    /// A section with the function indices in its element lists and constant expressions moved.
    fn patched(&self, section: Option<&Section>, original: &[u8]) -> Result<Vec<u8>, Error> {
        let Some(section) = section else { return Ok(original.to_vec()) };
        let missed = match section.id {
            section_id::ELEMENT => self.plan.seed.is(Mutant::ElementMissed),
            _ => self.plan.seed.is(Mutant::ConstExprMissed),
        };
        let mut out = Vec::with_capacity(original.len() + original.len() / 8);
        let mut copied = section.range.start;
        in_section(self.module, section, |reference| {
            let new = self.layout.reference(reference.function);
            if new.0 != reference.function && !missed {
                out.extend_from_slice(&self.module[copied..reference.at.start]);
                new.0.encode(&mut out);
                copied = reference.at.end;
            }
        })?;
        out.extend_from_slice(&self.module[copied..section.range.end]);
        Ok(out)
    }

    fn globals(&self) -> (u32, Vec<u8>) {
        let mut section = GlobalSection::new();
        let mutable = |val_type| GlobalType { val_type, mutable: true, shared: false };
        for global in self.layout.globals() {
            match global {
                layout::NewGlobal::I32(value) => {
                    section.global(mutable(wasm_encoder::ValType::I32), &ConstExpr::i32_const(value as i32))
                }
                layout::NewGlobal::I64(value) => {
                    section.global(mutable(wasm_encoder::ValType::I64), &ConstExpr::i64_const(value as i64))
                }
            };
        }
        splice::split_section(&section)
    }

    fn exports(&mut self) -> Result<(), Error> {
        let mut section = ExportSection::new();
        for export in &self.info.exports {
            let (kind, index) = match export.kind {
                ExternalKind::Func if self.plan.seed.is(Mutant::ExportMissed) => (ExportKind::Func, export.index),
                ExternalKind::Func | ExternalKind::FuncExact => (ExportKind::Func, self.layout.export(export.index).0),
                ExternalKind::Table => (ExportKind::Table, export.index),
                ExternalKind::Memory => (ExportKind::Memory, export.index),
                ExternalKind::Global => (ExportKind::Global, export.index),
                ExternalKind::Tag => (ExportKind::Tag, export.index),
            };
            section.export(&export.name, kind, index);
        }
        for (name, function) in self.layout.accessor_exports() {
            section.export(name, ExportKind::Func, function.0);
        }
        if let Some(memory) = self.layout.ring() {
            section.export(RING_EXPORT, ExportKind::Memory, memory);
        }
        let (count, bytes) = splice::split_section(&section);
        self.write_appended(section_id::EXPORT, &[0], count, &bytes)
    }

    fn code(&mut self) -> Result<(), Error> {
        self.out.push(section_id::CODE);
        if let Some(moved) = &mut self.moved {
            let code = std::mem::take(&mut moved.code);
            code.encode(&mut self.out);
            moved.map.stands(self.out.len() - code.len());
            return Ok(());
        }
        let start = self.out.len();
        code::write(self.module, self.info, self.plan, self.layout, &mut self.out, None)?;
        splice::insert_length(&mut self.out, start);
        Ok(())
    }
}

/// Reads a vector's count, and where its items begin.
fn vector_count(contents: &[u8]) -> Result<(u32, usize), Error> {
    let mut reader = BinaryReader::new(contents, 0);
    let count = reader.read_var_u32()?;
    Ok((count, reader.current_position()))
}
