//! Sections that describe code, after it moved. They may stand before it, so the code is written first, and kept.
//!
//! Modules without such sections know nothing of this: their code is written where it belongs.

use std::collections::BTreeMap;

use wasm_encoder::Encode;

use super::code;
use super::layout::Layout;
use crate::debug::{self, Dwarf, EXTERNAL_DEBUG_INFO, Kind};
use crate::info::{ModuleInfo, Section, sections};
use crate::options::Debug;
use crate::plan::{Plan, Warning};
use crate::{CodeMap, Error};

/// The code, and what describes it.
pub(super) struct Moved {
    /// Contents of the code section.
    pub code: Vec<u8>,
    pub map: CodeMap,
    /// New contents of custom sections, names not included, by their place in the facts.
    contents: BTreeMap<usize, Vec<u8>>,
    split: Option<Split>,
}

/// Debug information that goes into a module of its own.
struct Split {
    url: String,
    /// Places of the sections that go there.
    sections: Vec<usize>,
    /// Contents of the output's name section: whoever reads debug information there wants names, too.
    names: Vec<u8>,
}

impl Moved {
    /// Writes code and what describes it. What cannot be kept is dropped from the plan, which then says so.
    pub fn new(module: &[u8], info: &ModuleInfo, plan: &mut Plan, layout: &Layout) -> Result<Moved, Error> {
        let range = info.sections.iter().find(|section| section.id == sections::CODE);
        let mut map = CodeMap::new(range.map_or(0..0, |section| section.range.clone()));
        let mut code = Vec::with_capacity(module.len() / 4 * 5);
        code::write(module, info, plan, layout, &mut code, Some(&mut map))?;
        let mut moved = Moved { code, map, contents: BTreeMap::new(), split: None };
        moved.dwarf(module, info, plan);
        moved.metadata(module, info, plan, layout);
        if let Some(url) = &plan.source_map_url {
            for (at, _) in plan.kept(info, &[Kind::SourceMapUrl]) {
                let mut contents = Vec::new();
                url.encode(&mut contents);
                moved.contents.insert(at, contents);
            }
        }
        Ok(moved)
    }

    fn dwarf(&mut self, module: &[u8], info: &ModuleInfo, plan: &mut Plan) {
        let kept: Vec<(usize, &Section)> = plan.kept(info, &[Kind::Dwarf]).collect();
        let mut dwarf = Dwarf::default();
        kept.iter().for_each(|(_, section)| dwarf.add(&section.name, section.contents(module)));
        let mut rewritten = match debug::rewrite_dwarf(&dwarf, &self.map) {
            Ok(rewritten) => rewritten,
            Err(error) => {
                plan.drop_also(kept.iter().map(|(at, _)| *at));
                let bytes = kept.iter().map(|(_, section)| section.range.len()).sum();
                return plan.warnings.push(Warning::DebugInfoDropped { error, bytes });
            }
        };
        if rewritten.ranges_lost > 0 {
            plan.warnings.push(Warning::DebugRangesLost { entries: rewritten.ranges_lost });
        }
        for (at, section) in &kept {
            if let Some(contents) = rewritten.sections.remove(&*section.name) {
                self.contents.insert(*at, contents);
            }
        }
        if let Debug::Split { url } = &plan.debug
            && !kept.is_empty()
        {
            let sections = kept.iter().map(|(at, _)| *at).collect();
            self.split = Some(Split { url: url.clone(), sections, names: Vec::new() });
        }
    }

    fn metadata(&mut self, module: &[u8], info: &ModuleInfo, plan: &mut Plan, layout: &Layout) {
        let mut unreadable = Vec::new();
        for (at, section) in plan.kept(info, &[Kind::CodeMetadata]) {
            let function = |index| layout.function(index).0;
            match debug::rewrite_metadata(section.contents(module), info, &self.map, function) {
                Some(contents) => drop(self.contents.insert(at, contents)),
                None => unreadable.push((at, section)),
            }
        }
        plan.drop_also(unreadable.iter().map(|(at, _)| *at));
        plan.warn_of_stale(unreadable.into_iter().map(|(_, section)| section).collect());
    }

    /// The new contents of a section, name not included, if it has any.
    pub fn take(&mut self, at: usize) -> Option<Vec<u8>> {
        self.contents.remove(&at)
    }

    /// True where a section goes into the module with the debug information.
    pub fn is_split_off(&self, at: usize) -> bool {
        self.split.as_ref().is_some_and(|split| split.sections.binary_search(&at).is_ok())
    }

    /// The output's name section is this.
    pub fn name(&mut self, contents: &[u8]) {
        if let Some(split) = &mut self.split {
            split.names = contents.to_vec();
        }
    }

    /// Contents of the section that tells where the debug information is, if it is elsewhere.
    pub fn external_debug_info(&self) -> Option<Vec<u8>> {
        let split = self.split.as_ref()?;
        let mut contents = Vec::new();
        EXTERNAL_DEBUG_INFO.encode(&mut contents);
        split.url.encode(&mut contents);
        Some(contents)
    }

    /// The module with the debug information, where it is split off.
    pub fn debug_module(&self, module: &[u8], info: &ModuleInfo) -> Option<Vec<u8>> {
        let split = self.split.as_ref()?;
        let mut out = module[..8].to_vec();
        let mut write = |contents: &[u8]| {
            out.push(sections::CUSTOM);
            contents.encode(&mut out);
        };
        if !split.names.is_empty() {
            write(&split.names);
        }
        for at in &split.sections {
            let section = &info.sections[*at];
            match self.contents.get(at) {
                Some(contents) => write(&named(&section.name, contents)),
                None => write(&module[section.range.clone()]),
            }
        }
        Some(out)
    }
}

/// Contents of a custom section, its name included.
pub(super) fn named(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 5 + contents.len());
    name.encode(&mut out);
    out.extend_from_slice(contents);
    out
}
