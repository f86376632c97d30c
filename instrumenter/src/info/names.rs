//! Names of functions, from whatever has one; demangled once, here.
//!
//! A name section is a claim, not a fact: entries that cannot be read or name functions that do not exist are ignored. A
//! module without one still says much: its imports and exports, Go's table of functions, its tables' slots.

use std::borrow::Cow;
use std::fmt::{self, Write};

use cpp_demangle::DemangleOptions;
use wasmparser::{BinaryReader, ExternalKind, KnownCustom, Name};
use waspect_abi::manifest::STRING_BYTES_MAX;

use super::{ModuleInfo, pclntab, slots};

/// Where a function's name comes from: the surest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameSource {
    /// What it is imported as: hosts and dashboards know it by that, whatever else calls it something.
    Import,
    /// The symbols of the options.
    Symbols,
    /// The name section.
    NameSection,
    /// Go's own table of functions, which survives stripping.
    Pclntab,
    /// Its first export.
    Export,
    /// Its first slot of a table, `table[12]`: what a function pointer of the guest says.
    TableSlot,
    /// Nothing: it is shown as `func[12]`.
    #[default]
    Nothing,
}

impl NameSource {
    /// Every source, the surest first.
    pub const ALL: [NameSource; 7] = [
        NameSource::Import,
        NameSource::Symbols,
        NameSource::NameSection,
        NameSource::Pclntab,
        NameSource::Export,
        NameSource::TableSlot,
        NameSource::Nothing,
    ];

    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            NameSource::Import => "import",
            NameSource::Symbols => "symbols",
            NameSource::NameSection => "name section",
            NameSource::Pclntab => "pclntab",
            NameSource::Export => "export",
            NameSource::TableSlot => "table slot",
            NameSource::Nothing => "nothing",
        }
    }
}

/// Fills in the names of the module and its functions.
pub(super) fn read(info: &mut ModuleInfo, module: &[u8]) {
    let section = info.custom_sections("name").last().map(|section| section.range.clone());
    if let Some(range) = section {
        let reader = BinaryReader::new(&module[range.clone()], range.start as u64);
        if let Ok(custom) = wasmparser::CustomSectionReader::new(reader)
            && let KnownCustom::Name(names) = custom.as_known()
        {
            read_section(info, names);
        }
    }
    name_imports(info);
    if !info.has_names {
        for (index, name) in pclntab::read(info, module).unwrap_or_default() {
            info.has_names |= info.give_name(index, name, NameSource::Pclntab);
        }
    }
    name_exports(info);
    name_slots(info, module);
}

fn name_slots(info: &mut ModuleInfo, module: &[u8]) {
    let sections = std::mem::take(&mut info.sections);
    slots::each(&sections, module, |slot| {
        if info.functions[slot.function as usize].name.is_empty() {
            let table = if slot.table == 0 { "table".to_string() } else { format!("table{}", slot.table) };
            info.give_name(slot.function, format!("{table}[{}]", slot.at), NameSource::TableSlot);
        }
    });
    info.sections = sections;
}

impl ModuleInfo {
    /// Names a function, unless a surer source did or the name is empty. True when it did.
    pub(super) fn give_name(&mut self, index: u32, name: String, source: NameSource) -> bool {
        let Some(function) = self.functions.get_mut(index as usize) else { return false };
        let wanted = !name.is_empty() && source < function.named_by;
        if wanted {
            (function.name, function.named_by) = (name, source);
        }
        wanted
    }
}

fn read_section(info: &mut ModuleInfo, names: wasmparser::NameSectionReader<'_>) {
    for subsection in names {
        match subsection {
            Ok(Name::Module { name, .. }) => info.name = cut(name).to_string(),
            Ok(Name::Function(map)) => {
                for naming in map {
                    let Ok(naming) = naming else { break };
                    if (naming.index as usize) < info.functions.len() {
                        info.give_name(naming.index, demangle(naming.name), NameSource::NameSection);
                        info.has_names = true;
                    }
                }
            }
            Ok(Name::Type(map)) => {
                for naming in map {
                    let Ok(naming) = naming else { break };
                    if let Ok(at) = info.objects.binary_search_by_key(&naming.index, |object| object.index) {
                        info.objects[at].name = cut(naming.name).to_string();
                    }
                }
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
}

/// An import is what it is imported as, whatever the name section calls it: hosts and dashboards know it by that.
fn name_imports(info: &mut ModuleInfo) {
    let imports = info.imports.iter().filter(|import| import.kind == ExternalKind::Func);
    for (import, function) in imports.zip(&mut info.functions) {
        function.name = cut(&format!("{}.{}", import.module, import.field)).to_string();
        function.named_by = NameSource::Import;
    }
}

fn name_exports(info: &mut ModuleInfo) {
    for at in 0..info.exports.len() {
        let export = &info.exports[at];
        let (index, name) = (export.index, cut(&export.name));
        if export.kind == ExternalKind::Func && info.functions[index as usize].name.is_empty() {
            let name = name.to_string();
            info.give_name(index, name, NameSource::Export);
        }
    }
}

/// The human form of a linker's name: Rust (legacy and v0, without hashes), C++ (Itanium), or as it is.
///
/// Mangled names can unfold to far more than they are; one that would is kept as it is, so that a hostile name section costs
/// no more than a few times its own size.
pub(crate) fn demangle(name: &str) -> String {
    let name = &*unescape(name);
    let limit = (name.len() * 8).clamp(256, STRING_BYTES_MAX);
    let mut out = Bounded { text: String::new(), limit };
    if let Ok(rust) = rustc_demangle::try_demangle(name)
        && write!(out, "{rust:#}").is_ok()
    {
        return out.text;
    }
    if name.starts_with("_Z") || name.starts_with("__Z") {
        out.text.clear();
        if let Ok(symbol) = cpp_demangle::Symbol::new(name)
            && symbol.structured_demangle(&mut out, &DemangleOptions::default()).is_ok()
        {
            return out.text;
        }
    }
    cut(name).to_string()
}

/// Binaryen writes what its text format cannot hold as `\\20`: a backslash and two hexadecimal digits.
fn unescape(name: &str) -> Cow<'_, str> {
    if !name.contains('\\') {
        return name.into();
    }
    let mut parts = name.split('\\');
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        match part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .filter(|byte| (b' '..=b'~').contains(byte))
        {
            Some(byte) => {
                out.push(byte.into());
                out.push_str(&part[2..]);
            }
            None => {
                out.push('\\');
                out.push_str(part);
            }
        }
    }
    out.into()
}

/// At most [`STRING_BYTES_MAX`] bytes of a text.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(STRING_BYTES_MAX)]
}

struct Bounded {
    text: String,
    limit: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.text.len() + text.len() > self.limit {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}
