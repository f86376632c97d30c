//! The same as JSON.

use serde_json::{Map, Value, json};
use waspect_verify::trial::Drive;

use super::{Verified, name_of};

impl Verified {
    pub(super) fn to_json(&self) -> Value {
        let before = &self.verdict.before;
        let endings: Map<String, Value> =
            self.endings().into_iter().map(|(ending, number)| (ending.to_owned(), number.into())).collect();
        let runs = self.modes.iter().zip(self.verdict.after.iter().zip(&self.verdict.differences));
        let modes = runs.map(|(&mode, (after, differences))| {
            json!({
                "mode": name_of(mode),
                "same": differences.is_empty(),
                "hook_calls": after.events,
                "differences": differences.iter().map(|difference| json!({
                    "place": difference.place,
                    "before": difference.before,
                    "after": difference.after,
                    "stack": difference.stack,
                })).collect::<Vec<_>>(),
            })
        });
        json!({
            "module": self.module,
            "same": self.is_same(),
            "driven_by": match &self.trial.drive {
                Drive::Command => json!({ "command": self.trial.world.arguments }),
                Drive::Invoke { function, arguments } => json!({
                    "invoke": function,
                    "arguments": arguments.iter().map(crate::guest::values::show).collect::<Vec<_>>(),
                }),
                Drive::Exports { rounds } => json!({ "exports": rounds, "seed": self.trial.seed }),
            },
            "fuel": self.trial.fuel,
            "calls": before.calls.len(),
            "endings": endings,
            "host_calls": self.host_calls(),
            "not_compared": self.limited(),
            "memory_not_read": before.unread,
            "state": self.observed.iter().map(|(name, kind)| json!({ "name": name, "kind": kind })).collect::<Vec<_>>(),
            "modes": modes.collect::<Vec<_>>(),
        })
    }
}
