//! Names from Go's own table of functions, `runtime.pclntab`. It lies in the data of every Go module, stripped or not, since
//! the runtime prints its tracebacks from it.
//!
//! ```text
//! header    magic, 0, 0, 1, pointer size 8 | functions u64 | files | - | offsets: names, units, files, pcs, entries
//! entries   (entry u32, offset of its record u32) a function, ascending; then the records
//! record    entry u32, offset of its name u32, ...
//! ```
//!
//! A program counter is the slot in the module's table times 2^16, plus a block within the function; an entry is one at a
//! function's start, or the slot alone, counted from 0 or from the first function. So the table of the module leads from
//! entries to functions, and nothing here knows how Go numbers them. Every entry must hold, or none is believed: any module
//! can carry these bytes.

use waspect_abi::manifest::STRING_BYTES_MAX;

use super::image::Image;
use super::names::cut;
use super::{ModuleInfo, slots};

/// Since Go 1.20, and since 1.18; with it two zeros, the size of an instruction, 1, and that of a pointer, 8.
const MAGICS: [[u8; 8]; 2] = [[0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8], [0xf0, 0xff, 0xff, 0xff, 0, 0, 1, 8]];

const FUNCTIONS: u64 = 8;
const NAMES: u64 = 32;
const ENTRIES: u64 = 64;

/// Of a program counter, those of the block within the function.
const BLOCK_BITS: u32 = 16;

/// Most places that are tried: a hostile module may repeat the magic.
const TRIED_MAX: usize = 4;

/// Functions and their names; nothing where the module has no table that holds.
pub(super) fn read(info: &ModuleInfo, module: &[u8]) -> Option<Vec<(u32, String)>> {
    let image = Image::new(info, module)?;
    let found: Vec<u64> = MAGICS.iter().flat_map(|magic| image.find(*magic).take(TRIED_MAX)).collect();
    if found.is_empty() {
        return None;
    }
    let table = go_table(info, module)?;
    found.into_iter().find_map(|at| names(&image, at, &table, module.len()))
}

/// The functions of the first table, by slot from the first that is taken: Go fills it by one segment.
struct GoTable {
    first: u64,
    functions: Vec<u32>,
}

fn go_table(info: &ModuleInfo, module: &[u8]) -> Option<GoTable> {
    let (mut functions, mut next, mut in_a_row) = (Vec::new(), None, true);
    slots::each(&info.sections, module, |slot| {
        in_a_row &= slot.table == 0 && next.is_none_or(|next| slot.at == next);
        next = Some(slot.at + 1);
        functions.push(slot.function);
    });
    let first = next?.checked_sub(functions.len() as u64)?;
    in_a_row.then_some(GoTable { first, functions })
}

fn names(image: &Image<'_>, header: u64, table: &GoTable, bytes_max: usize) -> Option<Vec<(u32, String)>> {
    let count = image.u64(header + FUNCTIONS);
    if count == 0 || count > table.functions.len() as u64 {
        return None;
    }
    let part = |field| header.checked_add(image.u64(header + field)).filter(|at| *at <= u64::from(u32::MAX));
    let [names, entries] = [part(NAMES)?, part(ENTRIES)?];
    let entry = |at: u64| u64::from(image.u32(entries + at * 8));
    let first = entry(0);
    if ![0, table.first, table.first << BLOCK_BITS].contains(&first) {
        return None;
    }
    // The last function's end stands behind the entries, so there is always a second.
    let step = if entry(1).checked_sub(first)? < 1 << BLOCK_BITS { 1 } else { 1 << BLOCK_BITS };
    let (mut found, mut bytes, mut next) = (Vec::with_capacity(count as usize), 0, 0);
    for at in 0..count {
        let distance = entry(at).checked_sub(first)?;
        let slot = distance / step;
        let record = entries + u64::from(image.u32(entries + at * 8 + 4));
        if distance % step != 0 || slot < next || u64::from(image.u32(record)) != entry(at) {
            return None;
        }
        next = slot + 1;
        let name = image.text(names + u64::from(image.u32(record + 4)), STRING_BYTES_MAX)?;
        bytes += name.len();
        if name.is_empty() || bytes > bytes_max {
            return None;
        }
        found.push((*table.functions.get(slot as usize)?, cut(name).to_string()));
    }
    Some(found)
}
