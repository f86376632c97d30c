//! The code section: original bodies in their order, injected ones behind them.

use wasm_encoder::Encode;

use super::layout::{Layout, check_module_bytes};
use super::{body, injected};
use crate::info::ModuleInfo;
use crate::plan::Plan;
use crate::{CodeMap, Error, parallel};

/// Writes the section's contents; notes in the map, where one is wanted, how code moved.
pub(super) fn write(
    module: &[u8],
    info: &ModuleInfo,
    plan: &Plan,
    layout: &Layout,
    out: &mut Vec<u8>,
    mut map: Option<&mut CodeMap>,
) -> Result<(), Error> {
    let start = out.len();
    let defined = info.functions.len() as u32 - info.imported_functions;
    (defined + layout.injected.len() as u32).encode(out);

    let indices: Vec<u32> = (info.imported_functions..info.functions.len() as u32).collect();
    let length = |index: &u32| info.functions[*index as usize].body.as_ref().map_or(0, |body| body.range.len());
    let wants_moves = map.is_some();
    let work = |run: &[u32]| body::write_run(module, info, plan, layout, run, wants_moves);
    let take = |run: body::Run| {
        if let Some(map) = &mut map {
            map.append(&run.moves, out.len() - start);
        }
        out.extend_from_slice(&run.bytes);
    };
    parallel::in_order(&indices, plan.threads, length, work, take)
        .map_err(|error| error.named(|index| info.function_name(index)))?;
    if let Some(map) = map {
        map.finish(out.len() - start);
    }
    for injected in &layout.injected {
        injected::body(info, plan, layout, injected).encode(out);
    }
    check_module_bytes(out.len())
}
