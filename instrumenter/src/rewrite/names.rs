//! The name section of the output: function indices moved, injected functions named, the rest as it was.

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, IndirectNameMap, NameMap as NameMapReader};

use super::layout::{Access, InjectedKind, Layout};
use super::splice;
use crate::info::ModuleInfo;

const FUNCTION_NAMES: u8 = 1;
const LOCAL_NAMES: u8 = 2;
const LABEL_NAMES: u8 = 3;

/// Appends the section's new contents; gives nothing where it cannot be read, since every index in it would then be wrong.
///
/// `labels` gives the new numbers of a function's labels, by old number.
pub(super) fn rewrite(
    original: &[u8],
    layout: &Layout,
    info: &ModuleInfo,
    labels: impl Fn(u32) -> Option<Vec<u32>>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut reader = BinaryReader::new(original, 0);
    reader.read_string().ok()?.encode(out);
    while !reader.eof() {
        let id = reader.read_u8().ok()?;
        let mut subsection = reader.read_reader().ok()?;
        out.push(id);
        let start = out.len();
        match id {
            FUNCTION_NAMES => functions(NameMapReader::new(subsection).ok()?, info, layout, out),
            LOCAL_NAMES => {
                let kept = |_, _: &mut Vec<(u32, &str)>| Some(());
                indirect(IndirectNameMap::new(subsection).ok()?, info, layout, kept, out)?;
            }
            LABEL_NAMES => {
                let moved = |function, names: &mut Vec<(u32, &str)>| {
                    let new = labels(function)?;
                    names.retain_mut(|(label, _)| new.get(*label as usize).map(|new| *label = *new).is_some());
                    Some(())
                };
                indirect(IndirectNameMap::new(subsection).ok()?, info, layout, moved, out)?;
            }
            _ => out.extend_from_slice(subsection.read_bytes(subsection.bytes_remaining()).ok()?),
        }
        splice::insert_length(out, start);
    }
    Some(())
}

fn functions(map: NameMapReader<'_>, info: &ModuleInfo, layout: &Layout, out: &mut Vec<u8>) {
    let start = out.len();
    let mut count = layout.injected.len() as u32;
    for naming in map {
        let Ok(naming) = naming else { break };
        if (naming.index as usize) < info.functions.len() {
            layout.function(naming.index).0.encode(out);
            naming.name.encode(out);
            count += 1;
        }
    }
    for (at, injected) in layout.injected.iter().enumerate() {
        layout.injected_index(at).0.encode(out);
        injected_name(injected.kind, info).as_str().encode(out);
    }
    splice::insert_number(out, start, count);
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
        InjectedKind::Object(r#type) => match info.object(r#type).map_or("", |object| object.name.as_str()) {
            "" => format!("waspect.new:type[{}]", r#type),
            name => format!("waspect.new:{name}"),
        },
        InjectedKind::StackHeight => "waspect.stack_height".to_string(),
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
    out: &mut Vec<u8>,
) -> Option<()> {
    let start = out.len();
    let mut count = 0;
    // Ascending, as they have to be: a function that is named a million times would be rewritten as often.
    let mut next = info.imported_functions;
    for naming in map {
        let naming = naming.ok()?;
        if !(next as usize..info.functions.len()).contains(&(naming.index as usize)) {
            continue;
        }
        next = naming.index + 1;
        let pairs = naming.names.map(|name| name.map(|name| (name.index, name.name)));
        let mut pairs = pairs.collect::<wasmparser::Result<Vec<_>>>().ok()?;
        change(naming.index, &mut pairs)?;
        layout.function(naming.index).0.encode(out);
        (pairs.len() as u32).encode(out);
        for (index, name) in pairs {
            index.encode(out);
            name.encode(out);
        }
        count += 1;
    }
    splice::insert_number(out, start, count);
    Some(())
}
