//! The governor: keeps the cost of hooks under a budget by closing the gates of the functions that are called most and do
//! least. Their calls go on being counted by the module itself (C1).
//!
//! Decisions hold for the rest of the process: a gate that opened again would tear holes into every series. They are made on
//! what all recorders saw together, so that instances which live for one request each are governed as well.

use alloc::sync::Arc;

use crate::catalog::Catalog;
use crate::figures::Figure;
use crate::gather::gather;
use crate::order;
use crate::{Config, Untimed};

/// Less busy time than this is no ground for a decision, in nanoseconds.
const WINDOW_MIN_NS: u64 = 10_000_000;

/// A function is cheap while its mean self time is at most so many times the cost of its hooks.
const CHEAP: u64 = 20;

#[derive(Debug, Default)]
pub(crate) struct Governor {
    /// Busy time and hooks' cost since the last decision.
    busy: u64,
    hooks: u64,
    pub(crate) untimed: Untimed,
}

impl Governor {
    pub(crate) fn observe(&mut self, busy: u64, hooks: u64) {
        self.busy = self.busy.saturating_add(busy);
        self.hooks = self.hooks.saturating_add(hooks);
    }

    /// Closes as many gates as the budget asks for, the most called first.
    pub(crate) fn decide(&mut self, config: &Config, catalog: &mut Catalog) {
        if self.busy < WINDOW_MIN_NS {
            return;
        }
        let budget = self.busy as f64 * config.overhead_budget;
        let mut cost = self.hooks as f64;
        (self.busy, self.hooks) = (0, 0);
        if cost > budget {
            let pair_ns = |place: usize| catalog.pair_ns(place as u32, config);
            let cheap = catalog.functions.iter().enumerate().filter(|(place, function)| {
                let (calls, own) = function.recent;
                let cheap_ns = pair_ns(*place).saturating_mul(CHEAP);
                calls > 0 && !function.import && function.figures[Figure::Untimed] == 0 && own / calls <= cheap_ns
            });
            let mut cheap = gather(cheap.map(|(place, function)| (function.recent.0, place as u32)));
            order::sort(&mut cheap);
            let mut untimed = self.untimed.functions.to_vec();
            for (calls, place) in cheap.into_iter().rev() {
                if cost <= budget {
                    break;
                }
                cost -= calls.saturating_mul(catalog.pair_ns(place, config)) as f64;
                let function = &mut catalog.functions[place as usize];
                function.figures[Figure::Untimed] = 1;
                untimed.push((catalog.modules[function.module as usize].build.0, function.index));
            }
            self.untimed = Untimed { version: untimed.len() as u64, functions: Arc::new(untimed) };
        }
        for function in &mut catalog.functions {
            function.recent = (0, 0);
        }
    }
}
