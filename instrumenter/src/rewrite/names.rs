//! The name section of the output: function indices moved, injected functions named, the rest as it was.

use wasm_encoder::{Encode, NameMap};
use wasmparser::{BinaryReader, IndirectNameMap, NameMap as NameMapReader};

use super::layout::{Access, InjectedKind, Layout};
use super::splice;
use crate::info::ModuleInfo;

const FUNCTION_NAMES: u8 = 1;
const LOCAL_NAMES: u8 = 2;
const LABEL_NAMES: u8 = 3;

/// The section's new contents; nothing where it cannot be read, since every index in it would then be wrong.
///
/// `labels` gives the new numbers of a function's labels, by old number.
pub(super) fn rewrite(
    original: &[u8],
    layout: &Layout,
    info: &ModuleInfo,
    labels: impl Fn(u32) -> Option<Vec<u32>>,
) -> Option<Vec<u8>> {
    let mut reader = BinaryReader::new(original, 0);
    let mut out = Vec::with_capacity(original.len() + original.len() / 8);
    reader.read_string().ok()?.encode(&mut out);
    while !reader.eof() {
        let id = reader.read_u8().ok()?;
        let mut subsection = reader.read_reader().ok()?;
        out.push(id);
        match id {
            FUNCTION_NAMES => functions(NameMapReader::new(subsection).ok()?, info, layout).encode(&mut out),
            LOCAL_NAMES => {
                let kept = |_, _: &mut Vec<(u32, &str)>| Some(());
                indirect(IndirectNameMap::new(subsection).ok()?, info, layout, kept)?.encode(&mut out);
            }
            LABEL_NAMES => {
                let moved = |function, names: &mut Vec<(u32, &str)>| {
                    let new = labels(function)?;
                    names.retain_mut(|(label, _)| new.get(*label as usize).map(|new| *label = *new).is_some());
                    Some(())
                };
                indirect(IndirectNameMap::new(subsection).ok()?, info, layout, moved)?.encode(&mut out);
            }
            _ => subsection.read_bytes(subsection.bytes_remaining()).ok()?.encode(&mut out),
        }
    }
    Some(out)
}

fn functions(map: NameMapReader<'_>, info: &ModuleInfo, layout: &Layout) -> Vec<u8> {
    let mut names = NameMap::new();
    for naming in map {
        let Ok(naming) = naming else { break };
        if (naming.index as usize) < info.functions.len() {
            names.append(layout.function(naming.index).0, naming.name);
        }
    }
    for (at, injected) in layout.injected.iter().enumerate() {
        names.append(layout.injected_index(at).0, &injected_name(injected.kind, info));
    }
    let mut bytes = Vec::new();
    names.encode(&mut bytes);
    bytes
}

fn injected_name(kind: InjectedKind, info: &ModuleInfo) -> String {
    let name = |index: u32| match info.functions[index as usize].name.as_str() {
        "" => format!("func[{index}]"),
        name => name.to_string(),
    };
    match kind {
        InjectedKind::Start => "waspect.start".to_string(),
        InjectedKind::HostCall(index) => format!("waspect.host:{}", name(index)),
        InjectedKind::Allocator(index) => format!("waspect.alloc:{}", name(index)),
        InjectedKind::Thunk(index) => format!("waspect.boundary:{}", name(index)),
        InjectedKind::Reference(index) => format!("waspect.entry:{}", name(index)),
        InjectedKind::Counter(Access::Get) => "waspect.counter_get".to_string(),
        InjectedKind::Counter(Access::Set) => "waspect.counter_set".to_string(),
        InjectedKind::Counter(Access::Reach) => "waspect.counter_reach".to_string(),
        InjectedKind::Counter(Access::Exchange) => "waspect.counter_exchange".to_string(),
        InjectedKind::Counter(Access::Leaf(leaf)) => format!("waspect.counter.{leaf}"),
    }
}

/// Names within functions. `change` may change what a function's names are of.
fn indirect<'a>(
    map: IndirectNameMap<'a>,
    info: &ModuleInfo,
    layout: &Layout,
    change: impl Fn(u32, &mut Vec<(u32, &'a str)>) -> Option<()>,
) -> Option<Vec<u8>> {
    let (mut count, mut items) = (0u32, Vec::new());
    for naming in map {
        let naming = naming.ok()?;
        if !(info.imported_functions as usize..info.functions.len()).contains(&(naming.index as usize)) {
            continue;
        }
        let pairs = naming.names.map(|name| name.map(|name| (name.index, name.name)));
        let mut pairs = pairs.collect::<wasmparser::Result<Vec<_>>>().ok()?;
        change(naming.index, &mut pairs)?;
        let mut names = NameMap::new();
        pairs.iter().for_each(|(index, name)| names.append(*index, name));
        layout.function(naming.index).0.encode(&mut items);
        names.encode(&mut items);
        count += 1;
    }
    let mut bytes = splice::leb(count);
    bytes.extend(items);
    Some(bytes)
}
