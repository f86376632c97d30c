//! Which functions are allocators, and how calls of them are redirected.
//!
//! All families of a module are one inside: a call from a function of any family to one of any other stays raw. So `operator
//! new` over `malloc`, or `__rust_alloc` over `dlmalloc`, is reported once, where user code calls.

use wasmparser::ValType;

use super::families::{FAMILIES, Family, Member, Part, TOLD};
use crate::Error;
use crate::error::Place;
use crate::info::ModuleInfo;
use crate::options::{Options, Role};

/// An allocator function whose calls are redirected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocator {
    /// Original function index.
    pub index: u32,
    /// The family that it belongs to.
    pub family: &'static str,
    /// Addresses are not told and liveness is not judged (rule A6): memory is collected, or is given back where nobody sees it.
    pub collected: bool,
    /// How calls without a known caller reach it.
    pub entry: Entry,
    part: Part,
    pub(crate) shape: Shape,
}

/// How exports, tables and references reach an allocator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// They cannot.
    None,
    /// Only exports lead to it: its boundary thunk reports.
    Thunk,
    /// Its address is taken: every reference leads to one function that reports, so that identities stay as they were.
    Reference,
}

/// Which parameters are which, and what comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Gives an address for `size`, or `count * size`, bytes.
    Give { count: Option<u32>, size: u32 },
    /// Gives an address for `size` bytes and writes it to where parameter `at` points; 0 is success.
    GiveInto { at: u32, size: u32 },
    /// Gives another address for `size` bytes in the place of `old`.
    Resize { old: u32, size: u32 },
    /// Takes `old` back.
    Free { old: u32 },
    /// Go's: the arguments are on its own stack in memory, parameter 0 is where to resume, result 1 is 'unwinding'.
    GoGive,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub allocators: Vec<Allocator>,
    pub inside: Vec<bool>,
}

/// Finds the allocators of a module, by name or as the options say.
pub(super) fn find(info: &ModuleInfo, options: &Options) -> Result<Found, Error> {
    let mut found = Found { allocators: Vec::new(), inside: vec![false; info.functions.len()] };
    let exported = info.exports.iter().filter(|export| export.kind == wasmparser::ExternalKind::Func);
    let mut aliases: Vec<(u32, &str)> = exported.map(|export| (export.index, export.name.as_str())).collect();
    // Stable: a function's exports stay in their order.
    aliases.sort_by_key(|(index, _)| *index);
    let mut aliases = aliases.into_iter().peekable();
    for (index, function) in info.functions.iter().enumerate() {
        let index = index as u32;
        let names = std::iter::from_fn(|| aliases.next_if(|(of, _)| *of == index)).map(|(_, alias)| alias);
        for name in std::iter::once(function.name.as_str()).chain(names).map(bare) {
            if function.body.is_some() && !name.is_empty() {
                found.consider(info, index, name);
            }
        }
    }
    for family in FAMILIES.iter().filter(|family| family.part == Part::NamelessDoor) {
        found.consider_nameless(info, family);
    }
    for (role, index) in &options.allocators {
        found.told(info, *role, *index)?;
    }
    found.allocators.sort_by_key(|allocator| allocator.index);
    found.allocators.dedup_by_key(|allocator| allocator.index);
    found.judge(info);
    Ok(found)
}

/// Rust's allocator shims live in a crate of their own since 1.87.
fn bare(name: &str) -> &str {
    name.strip_prefix("__rustc::").unwrap_or(name)
}

impl Found {
    fn consider(&mut self, info: &ModuleInfo, index: u32, name: &str) {
        for family in FAMILIES.iter().filter(|family| family.part != Part::NamelessDoor) {
            let member = family.members.iter().find(|member| {
                member.names.iter().any(|pattern| matches(pattern, name)) && fits(info, index, member.signature)
            });
            if let Some(member) = member {
                if !possible(info, member.shape) {
                    continue;
                }
                self.add(info, index, family, member.shape);
                return;
            }
            if family.kin.iter().any(|pattern| matches(pattern, name)) {
                self.inside[index as usize] = true;
            }
        }
    }

    /// Nobody's name says what it does: each member must fit one function, and one only.
    fn consider_nameless(&mut self, info: &ModuleInfo, family: &Family) {
        let only = |member: &Member| {
            let fitting = info.exports.iter().filter(|export| {
                export.kind == wasmparser::ExternalKind::Func
                    && member.names.iter().any(|pattern| matches(pattern, &export.name))
                    && fits(info, export.index, member.signature)
                    && info.functions[export.index as usize]
                        .body
                        .as_ref()
                        .is_some_and(|body| body.facts.dynamic_calls == 0)
            });
            let mut indices: Vec<u32> = fitting.map(|export| export.index).collect();
            indices.sort_unstable();
            indices.dedup();
            match *indices {
                [index] => Some((index, member.shape)),
                _ => None,
            }
        };
        if let Some(all) = family.members.iter().map(only).collect::<Option<Vec<_>>>() {
            for (index, shape) in all {
                if !self.inside[index as usize] {
                    self.add(info, index, family, shape);
                }
            }
        }
    }

    /// Behind doors, and in a module whose names are lost, memory may be given back unseen: liveness cannot be judged then.
    /// Addresses are not told, and neither are frees.
    fn judge(&mut self, info: &ModuleInfo) {
        let keepers = || self.allocators.iter().filter(|allocator| allocator.part == Part::Keeper);
        let takes_back = keepers().any(|allocator| matches!(allocator.shape, Shape::Free { .. }));
        let nobody_else = info.has_names && keepers().next().is_some();
        if !(takes_back || nobody_else) {
            self.allocators.retain(|allocator| !matches!(allocator.shape, Shape::Free { .. }));
            self.allocators.iter_mut().for_each(|allocator| allocator.collected = true);
        }
    }

    fn told(&mut self, info: &ModuleInfo, role: Role, index: u32) -> Result<(), Error> {
        let (signature, shape) = match role {
            Role::Malloc => ("p*:p", Shape::Give { count: None, size: 0 }),
            Role::Calloc => ("pp*:p", Shape::Give { count: Some(0), size: 1 }),
            Role::Realloc => ("pp*:p", Shape::Resize { old: 0, size: 1 }),
            Role::Free => ("p*:", Shape::Free { old: 0 }),
            Role::AlignedAlloc => ("pp*:p", Shape::Give { count: None, size: 1 }),
            Role::PosixMemalign => ("ppp:i", Shape::GiveInto { at: 0, size: 2 }),
        };
        let refuse = |message: String| {
            let place = Place { function: Some(index), name: info.function_name(index) };
            Err(Error::NoSuchFunction { place, message })
        };
        if index as usize >= info.functions.len() {
            return refuse(format!("it does not exist: the module has {} functions", info.functions.len()));
        }
        if index < info.imported_functions {
            return refuse("an import cannot be an allocator: it is hooked as a host call".to_string());
        }
        if !fits(info, index, signature) {
            let found = info.function_type(index).map(ToString::to_string).unwrap_or_default();
            return refuse(format!(
                "its type {found} does not fit {role:?}, which is {signature:?} (p: address or size)"
            ));
        }
        self.allocators.retain(|allocator| allocator.index != index);
        self.add(info, index, &TOLD, shape);
        Ok(())
    }

    fn add(&mut self, info: &ModuleInfo, index: u32, family: &Family, shape: Shape) {
        self.inside[index as usize] = true;
        let Family { name, collected, part, .. } = *family;
        let function = &info.functions[index as usize];
        let entry = match (function.address_taken, function.exported) {
            (true, _) => Entry::Reference,
            (false, true) => Entry::Thunk,
            (false, false) => Entry::None,
        };
        self.allocators.push(Allocator { index, family: name, collected, entry, part, shape });
    }
}

/// A name against a pattern of [`FAMILIES`]: each `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    // Placement new gives nothing.
    if pattern.starts_with("operator new") && name.contains("void*") {
        return false;
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn fits(info: &ModuleInfo, index: u32, signature: &str) -> bool {
    let Some(r#type) = info.function_type(index).filter(|r#type| !r#type.shared) else { return false };
    let address = if info.memories.first().is_some_and(|memory| memory.is_64) { ValType::I64 } else { ValType::I32 };
    let (params, results) = signature.split_once(':').expect("a signature has a colon");
    let (params, open) = params.strip_suffix('*').map_or((params, false), |params| (params, true));
    let same = |letter: char, found: &ValType| *found == if letter == 'p' { address } else { ValType::I32 };
    let enough = r#type.params.len() == params.len() || open && (params.len()..100).contains(&r#type.params.len());
    enough
        && r#type.results.len() == results.len()
        && params.chars().zip(&r#type.params).all(|(letter, found)| same(letter, found))
        && results.chars().zip(&r#type.results).all(|(letter, found)| same(letter, found))
}

/// Go's arguments and what `posix_memalign` writes are in memory; Go's stack pointer is global 0.
fn possible(info: &ModuleInfo, shape: Shape) -> bool {
    let memory = !info.memories.is_empty();
    match shape {
        Shape::GoGive => {
            memory
                && !info.memories[0].is_64
                && info.globals.first().is_some_and(|global| global.mutable && global.value == ValType::I32)
        }
        Shape::GiveInto { .. } => memory,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("malloc", "malloc") && !matches("malloc", "mallocs") && !matches("malloc", "dlmalloc"));
        assert!(matches("mi_*", "mi_free") && !matches("mi_*", "_mi_free"));
        let implementation = "<* as core::alloc::global::GlobalAlloc>::*";
        assert!(matches(implementation, "<books::Books as core::alloc::global::GlobalAlloc>::alloc"));
        assert!(!matches(implementation, "<books::Books as core::fmt::Debug>::fmt"));
        assert!(!matches("a*bc*", "abxc"));
        assert!(matches("operator new(unsigned *", "operator new(unsigned long)"));
        assert!(!matches("operator new(unsigned *", "operator new(unsigned long, void*)"));
    }
}
