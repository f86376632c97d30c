//! The summary as JSON: every function, nothing shortened, every figure as exact as it was counted.
//!
//! Integers are 64 bits wide and written in full; a reader that turns them into doubles loses what lies above 2^53.

use serde_json::{Map, Value, json};
use waspect_recorder::{FunctionSnapshot, ModuleSnapshot, ObjectSnapshot};

use super::{Ending, Ledger, Sent, Sort, Summary, sorted};

/// The summary as a JSON value.
pub fn to_json(summary: &Summary, sort: Sort) -> Value {
    let snapshot = &summary.snapshot;
    let functions = |imports| sorted(snapshot, imports, sort).into_iter().map(function).collect::<Vec<_>>();
    let errors = snapshot.errors.iter().map(|error| {
        json!({ "code": error.code, "function": error.function, "count": error.count, "message": error.message })
    });
    let drops: Map<String, Value> =
        snapshot.drops.iter().map(|(reason, count)| (reason.name().to_owned(), json!(count))).collect();
    json!({
        "module": summary.module,
        "service": summary.service,
        "build": summary.build.to_string(),
        "mode": summary.mode.name(),
        "ending": ending(&summary.ending),
        "wall_ns": summary.wall_ns,
        "busy_ns": snapshot.busy_ns,
        "overhead": {
            "hooks_ns": snapshot.hooks_ns,
            "clock_resolution_ns": snapshot.clock_resolution_ns,
        },
        "allocations_missing": summary.allocations_missing,
        "functions": functions(false),
        "host_calls": functions(true),
        "objects": snapshot.objects.iter().map(object).collect::<Vec<_>>(),
        "errors": errors.collect::<Vec<_>>(),
        "modules": snapshot.modules.iter().map(module).collect::<Vec<_>>(),
        "spans": snapshot.spans,
        "drops": drops,
        "sent": summary.sent.as_ref().map(sent),
    })
}

fn ending(ending: &Ending) -> Value {
    match ending {
        Ending::Returned => json!({ "kind": "returned" }),
        Ending::Exited(code) => json!({ "kind": "exited", "code": code }),
        Ending::Trapped(message) => json!({ "kind": "trapped", "message": message }),
        Ending::Interrupted(signal) => json!({ "kind": "interrupted", "signal": signal }),
        Ending::HostError(message) => json!({ "kind": "host_error", "message": message }),
    }
}

fn function(function: &FunctionSnapshot) -> Value {
    json!({
        "name": function.name,
        "index": function.index,
        "build": function.build.to_string(),
        "file": (!function.file.is_empty()).then_some(&function.file),
        "line": (function.line > 0).then_some(function.line),
        "calls": function.calls,
        "timed_calls": function.timed_calls,
        "untimed": function.untimed,
        "errors": function.errors,
        "unwound": function.unwound,
        "total_ns": function.total_ns,
        "self_ns": function.self_ns,
        "max_ns": function.max_ns,
        "p50_ns": function.p50_ns,
        "p99_ns": function.p99_ns,
        "allocations": function.allocations,
        "allocated_bytes": function.allocated_bytes,
        "live_allocations": function.live_allocations,
        "live_bytes": function.live_bytes,
        "live_bytes_max": function.live_bytes_max,
        "leaked_allocations": function.leaked_allocations,
        "leaked_bytes": function.leaked_bytes,
    })
}

fn object(object: &ObjectSnapshot) -> Value {
    json!({
        "build": object.build.to_string(),
        "function": object.function,
        "function_index": object.function_index,
        "type": object.r#type,
        "type_index": object.type_index,
        "objects": object.objects,
        "bytes": object.bytes,
    })
}

fn module(module: &ModuleSnapshot) -> Value {
    json!({
        "name": module.name,
        "build": module.build.to_string(),
        "instances_started": module.instances_started,
        "instances_ended": module.instances_ended,
        "memory_bytes": module.memory_bytes,
        "memory_bytes_max": module.memory_bytes_max,
        "grown_bytes": module.grown_bytes,
        "grow_failures": module.grow_failures,
        "live_bytes": module.live_bytes,
        "live_bytes_max": module.live_bytes_max,
        "allocation_failures": module.allocation_failures,
        "double_frees": module.double_frees,
        "unknown_frees": module.unknown_frees,
    })
}

fn sent(sent: &Sent) -> Value {
    json!({ "endpoint": sent.endpoint, "spans": ledger(&sent.spans), "points": ledger(&sent.points) })
}

fn ledger(ledger: &Ledger) -> Value {
    json!({
        "made": ledger.made,
        "exported": ledger.exported,
        "dropped": ledger.dropped,
        "unconfirmed": ledger.unconfirmed,
        "error": ledger.error,
    })
}
