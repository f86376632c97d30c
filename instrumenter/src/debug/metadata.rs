//! `metadata.code.*` (tool-conventions, `CodeMetadata.md`): facts about single instructions, such as branch hints.
//!
//! All such sections have one shape: for each function the offsets of instructions in its body, each with some bytes.

use wasm_encoder::Encode;
use wasmparser::BinaryReader;

use crate::CodeMap;
use crate::info::ModuleInfo;

/// The section's new contents, name not included; none where it cannot be read, or speaks of what is not there.
pub(crate) fn rewrite(
    contents: &[u8],
    info: &ModuleInfo,
    map: &CodeMap,
    function: impl Fn(u32) -> u32,
) -> Option<Vec<u8>> {
    let mut reader = BinaryReader::new(contents, 0);
    let mut out = Vec::with_capacity(contents.len() + contents.len() / 4);
    let functions = reader.read_var_u32().ok()?;
    functions.encode(&mut out);
    for _ in 0..functions {
        let index = reader.read_var_u32().ok()?;
        let body = &info.functions.get(index as usize)?.body.as_ref()?.range;
        function(index).encode(&mut out);
        let items = reader.read_var_u32().ok()?;
        items.encode(&mut out);
        let start = map.offset(body.start)?;
        for _ in 0..items {
            let from = body.start.checked_add(reader.read_var_u32().ok()? as usize)?;
            let to = map.offset(from).filter(|_| from < body.end)?;
            (to - start).encode(&mut out);
            let length = reader.read_var_u32().ok()? as usize;
            reader.read_bytes(length).ok()?.encode(&mut out);
        }
    }
    reader.eof().then_some(out)
}
