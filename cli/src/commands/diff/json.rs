//! The same changes as JSON: everything, nothing shortened.

use serde::Serialize;
use serde_json::{Value, json};

use super::lists::Change;
use super::{Build, Changes};
use crate::facts;

impl Changes {
    pub(super) fn to_json(&self) -> Value {
        let side = |build: &Build, side: Option<(u32, u64)>| {
            side.map(|(index, bytes)| {
                json!({ "index": index, "name": facts::function_name(&build.info, index), "bytes": bytes })
            })
        };
        let functions = self.functions.iter().map(|change| {
            json!({
                "change": change.fate.name(),
                "before": side(&self.before, change.before),
                "after": side(&self.after, change.after),
                "growth": change.growth(),
            })
        });
        json!({
            "before": build(&self.before),
            "after": build(&self.after),
            "same": self.before.info.build == self.after.info.build,
            "functions": functions.collect::<Vec<_>>(),
            "imports": list(&self.imports),
            "exports": list(&self.exports),
            "memories": list(&self.memories),
            "allocators": list(&self.allocators),
            "producers": list(&self.producers),
            "sections": list(&self.sections),
        })
    }
}

fn build(build: &Build) -> Value {
    json!({
        "module": build.input.name,
        "build": build.info.build.to_string(),
        "bytes": build.info.bytes,
        "functions": build.info.functions.len(),
        "has_names": build.info.has_names,
    })
}

fn list<T: Serialize>(changes: &[Change<T>]) -> Value {
    let items = changes.iter().map(|change| {
        json!({ "change": change.what(), "name": change.name, "before": change.before, "after": change.after })
    });
    items.collect()
}
