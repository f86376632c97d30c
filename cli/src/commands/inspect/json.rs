//! The same facts as JSON: everything, nothing shortened.

use serde_json::{Value, json};

use super::{Facts, proposal};
use crate::facts;

impl Facts {
    pub(super) fn to_json(&self) -> Value {
        let info = &self.info;
        let observable: serde_json::Map<String, Value> =
            self.observable().into_iter().map(|(what, value)| (what.replace(' ', "_"), value.into())).collect();
        json!({
            "module": self.input.name,
            "build": info.build.to_string(),
            "bytes": info.bytes,
            "name": info.name,
            "producers": info.producers.iter().map(|(field, name, version)| {
                json!({ "field": field, "name": name, "version": version })
            }).collect::<Vec<_>>(),
            "proposals": self.proposals.iter().map(|name| proposal(name)).collect::<Vec<_>>(),
            "imports": info.imports.iter().map(|import| json!({
                "kind": facts::kind(import.kind),
                "index": import.index,
                "module": import.module,
                "field": import.field,
                "type": facts::import_type(info, import),
            })).collect::<Vec<_>>(),
            "exports": info.exports.iter().map(|export| json!({
                "kind": facts::kind(export.kind),
                "index": export.index,
                "name": export.name,
                "type": facts::export_type(info, export.kind, export.index),
            })).collect::<Vec<_>>(),
            "functions": info.functions.iter().enumerate().map(|(index, function)| json!({
                "index": index,
                "name": facts::function_name(info, index as u32),
                "named": !function.name.is_empty(),
                "named_by": function.named_by.as_str(),
                "type": info.function_type(index as u32).map(facts::signature),
                "bytes": function.body.as_ref().map(|body| body.range.len()),
                "exported": function.exported,
                "address_taken": function.address_taken,
            })).collect::<Vec<_>>(),
            "memories": info.memories.iter().map(|memory| json!({
                "pages_min": memory.pages_min,
                "pages_max": memory.pages_max,
                "page_bytes": 1_u64 << memory.page_size_log2.min(63),
                "shared": memory.shared,
                "is_64": memory.is_64,
            })).collect::<Vec<_>>(),
            "tables": info.tables,
            "globals": info.globals.len(),
            "tags": info.tags.len(),
            "start": info.start,
            "has_names": info.has_names,
            "sections": info.sections.iter().map(|section| json!({
                "id": section.id,
                "name": section.name,
                "bytes": section.range.len(),
            })).collect::<Vec<_>>(),
            "allocators": self.plan.as_ref().ok().map(|plan| plan.allocators.iter().map(|allocator| json!({
                "index": allocator.index,
                "name": facts::function_name(info, allocator.index),
                "family": allocator.family,
                "collected": allocator.collected,
            })).collect::<Vec<_>>()),
            "objects": self.plan.as_ref().ok().map(|plan| facts::objects(info, plan)),
            "observable": observable,
        })
    }
}
