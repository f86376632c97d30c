//! The governor: keeps the cost of hooks under a budget by closing the gates of the functions that are called most and do
//! least. Their calls go on being counted by the module itself (C1).
//!
//! Decisions hold for the rest of the process: a gate that opened again would tear holes into every series. They are made on
//! what all recorders saw together, so that instances which live for one request each are governed as well.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use waspect_abi::BuildId;

use crate::catalog::{Catalog, Function};
use crate::order::{self, Keyed};
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
                calls > 0 && !function.import && !function.untimed && own / calls <= cheap_ns
            });
            let mut cheap: Vec<Keyed> = cheap.map(|(place, function)| (function.recent.0, place as u32)).collect();
            order::sort(&mut cheap);
            for (calls, place) in cheap.into_iter().rev() {
                if cost <= budget {
                    break;
                }
                cost -= calls.saturating_mul(catalog.pair_ns(place, config)) as f64;
                catalog.functions[place as usize].untimed = true;
            }
            self.publish(catalog);
        }
        for function in &mut catalog.functions {
            function.recent = (0, 0);
        }
    }

    fn publish(&mut self, catalog: &Catalog) {
        let by_place = catalog.modules.iter().enumerate();
        let mut builds: Vec<Keyed> = by_place.map(|(place, module)| (module.build.0, place as u32)).collect();
        order::sort(&mut builds);
        let mut ranks = vec![0_u64; builds.len()];
        for (rank, (_, place)) in builds.iter().enumerate() {
            ranks[*place as usize] = rank as u64;
        }
        let untimed = catalog.functions.iter().filter(|function| function.untimed);
        let key = |function: &Function| (ranks[function.module as usize] << 32 | u64::from(function.index), 0);
        let mut functions: Vec<Keyed> = untimed.map(key).collect();
        order::sort(&mut functions);
        let mut modules: Vec<(BuildId, Vec<u32>)> = Vec::new();
        for (key, _) in functions {
            let build = BuildId(builds[(key >> 32) as usize].0);
            match modules.last_mut() {
                Some((last, functions)) if *last == build => functions.push(key as u32),
                _ => modules.push((build, vec![key as u32])),
            }
        }
        if modules != *self.untimed.modules {
            self.untimed = Untimed { version: self.untimed.version + 1, modules: Arc::new(modules) };
        }
    }
}
