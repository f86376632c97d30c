//! Names of functions: the name section, imports, exports; demangled once, here.
//!
//! A name section is a claim, not a fact: entries that cannot be read or name functions that do not exist are ignored.

use std::borrow::Cow;
use std::fmt::{self, Write};

use cpp_demangle::DemangleOptions;
use wasmparser::{BinaryReader, ExternalKind, KnownCustom, Name};
use waspect_abi::manifest::STRING_BYTES_MAX;

use super::ModuleInfo;

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
    name_exports(info);
}

fn read_section(info: &mut ModuleInfo, names: wasmparser::NameSectionReader<'_>) {
    for subsection in names {
        match subsection {
            Ok(Name::Module { name, .. }) => info.name = cut(name).to_string(),
            Ok(Name::Function(map)) => {
                for naming in map {
                    let Ok(naming) = naming else { break };
                    if let Some(function) = info.functions.get_mut(naming.index as usize) {
                        function.name = demangle(naming.name);
                        info.has_names = true;
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
    }
}

fn name_exports(info: &mut ModuleInfo) {
    for export in info.exports.iter().filter(|export| export.kind == ExternalKind::Func) {
        if let Some(function) = info.functions.get_mut(export.index as usize)
            && function.name.is_empty()
        {
            function.name = cut(&export.name).to_string();
            function.named_by_export = true;
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
