//! The merged call tree, and its public shapes: pprof (see `pprof.rs`) and folded stacks.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;

use waspect_abi::BuildId;

use crate::aggregator::MergedNode;
use crate::catalog::Catalog;
use crate::tree::{Figures, OVERFLOW};

/// What stands for everything that found no room in the tree.
const OVERFLOW_NAME: &str = "[overflow]";

/// A call tree with its figures. Stacks are from the boundary down.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    pub(crate) modules: Vec<ProfileModule>,
    pub(crate) functions: Vec<ProfileFunction>,
    /// Parents stand before their children.
    pub(crate) nodes: Vec<ProfileNode>,
}

/// A module whose functions stand in stacks.
#[derive(Clone, Debug)]
pub(crate) struct ProfileModule {
    pub(crate) name: String,
    pub(crate) build: BuildId,
}

/// A function that stands in a stack.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProfileFunction {
    /// Its module's place; none: it belongs to no module.
    pub(crate) module: Option<u32>,
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ProfileNode {
    /// None: called from the host.
    pub(crate) parent: Option<u32>,
    pub(crate) function: u32,
    pub(crate) figures: Figures,
}

impl ProfileNode {
    fn is_empty(&self) -> bool {
        let Figures { calls, own, allocated, live, .. } = self.figures;
        (calls, own, allocated, live) == (0, 0, 0, 0)
    }
}

/// What the length of a bar in a flame graph stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Time in nanoseconds: a stack's own, so that a bar is as wide as the time spent in and below it.
    Wall,
    /// Self time in nanoseconds, stacks turned upside down: who spends it, above that who called.
    SelfTime,
    /// Allocated bytes.
    Allocated,
    /// Live bytes.
    Live,
    /// Calls.
    Calls,
}

impl Weight {
    fn of(self, figures: &Figures) -> u64 {
        match self {
            Weight::Wall | Weight::SelfTime => figures.own,
            Weight::Allocated => figures.allocated,
            Weight::Live => figures.live.max(0) as u64,
            Weight::Calls => figures.calls,
        }
    }
}

impl Profile {
    pub(crate) fn new(tree: &[MergedNode], catalog: &Catalog) -> Profile {
        let functions = catalog.functions.iter().map(|function| ProfileFunction {
            module: Some(function.module),
            name: function.name.clone(),
            file: function.file.clone(),
            line: function.line,
        });
        let mut functions: Vec<ProfileFunction> = functions.collect();
        let overflow = functions.len() as u32;
        functions.push(ProfileFunction { name: OVERFLOW_NAME.to_owned(), ..ProfileFunction::default() });
        // The node above all stacks has no figures: what stands there belongs to no function.
        let nodes = tree.iter().enumerate().skip(OVERFLOW as usize).map(|(at, node)| ProfileNode {
            parent: node.parent.checked_sub(1).filter(|_| at != OVERFLOW as usize),
            function: if at == OVERFLOW as usize { overflow } else { node.function },
            figures: node.figures,
        });
        let modules = catalog.modules.iter();
        let modules = modules.map(|module| ProfileModule { name: module.name.clone(), build: module.build });
        Profile { modules: modules.collect(), functions, nodes: nodes.collect() }
    }

    /// What came since an earlier profile of the same aggregator. Live bytes are their change, and may be negative.
    pub fn since(&self, earlier: &Profile) -> Profile {
        // A merged tree only grows: what was a node is the same node.
        let mut since = self.clone();
        for (node, before) in since.nodes.iter_mut().zip(&earlier.nodes) {
            let (figures, before) = (&mut node.figures, &before.figures);
            figures.calls = figures.calls.saturating_sub(before.calls);
            figures.own = figures.own.saturating_sub(before.own);
            figures.allocated = figures.allocated.saturating_sub(before.allocated);
            figures.live = figures.live.saturating_sub(before.live);
        }
        since
    }

    /// True where no stack has a figure.
    pub fn is_empty(&self) -> bool {
        self.nodes.iter().all(ProfileNode::is_empty)
    }

    /// The build that all of it is of; none: there are several, or none.
    pub fn build(&self) -> Option<BuildId> {
        let nodes = self.nodes.iter().filter(|node| !node.is_empty());
        let mut modules = nodes.filter_map(|node| self.functions[node.function as usize].module);
        let first = modules.next()?;
        modules.all(|module| module == first).then(|| self.modules[first as usize].build)
    }

    /// Folded stacks, a line each: `a;b;c 42`. Names are as they are, with `;` and line breaks replaced by `_`.
    pub fn folded(&self, weight: Weight) -> String {
        let mut lines: BTreeMap<String, u64> = BTreeMap::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let value = weight.of(&node.figures);
            if value == 0 {
                continue;
            }
            let mut names: Vec<String> = self.stack(at).map(|function| clean(&function.name)).collect();
            if weight != Weight::SelfTime {
                names.reverse();
            }
            let line = lines.entry(names.join(";")).or_default();
            *line = line.saturating_add(value);
        }
        lines.iter().fold(String::new(), |text, (stack, value)| text + stack + " " + &value.to_string() + "\n")
    }

    /// The functions of a node's stack, innermost first.
    fn stack(&self, node: usize) -> impl Iterator<Item = &ProfileFunction> {
        let nodes = core::iter::successors(Some(&self.nodes[node]), |node| Some(&self.nodes[node.parent? as usize]));
        nodes.map(|node| &self.functions[node.function as usize])
    }

    /// Places of the functions of a node's stack, innermost first.
    pub(crate) fn stack_places(&self, node: usize) -> impl Iterator<Item = u32> {
        let nodes = core::iter::successors(Some(&self.nodes[node]), |node| Some(&self.nodes[node.parent? as usize]));
        nodes.map(|node| node.function)
    }
}

fn clean(name: &str) -> String {
    name.replace([';', '\n', '\r'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_growing_tree_add_up_to_it() {
        let node = |parent, calls, live| ProfileNode {
            parent,
            function: 0,
            figures: Figures { calls, own: calls * 10, allocated: calls * 100, live },
        };
        let profile = |nodes: &[ProfileNode]| Profile { nodes: nodes.to_vec(), ..Profile::default() };
        let first = profile(&[node(None, 0, 0), node(None, 2, 50)]);
        let second = profile(&[node(None, 0, 0), node(None, 5, 20), node(Some(1), 1, 7)]);
        let figures = |profile: &Profile| -> Vec<_> {
            profile
                .nodes
                .iter()
                .map(|ProfileNode { figures, .. }| (figures.calls, figures.own, figures.allocated, figures.live))
                .collect()
        };
        assert_eq!(figures(&first.since(&Profile::default())), figures(&first));
        assert_eq!(figures(&second.since(&first)), [(0, 0, 0, 0), (3, 30, 300, -30), (1, 10, 100, 7)]);
        assert!(second.since(&second).is_empty() && !second.since(&first).is_empty());
    }
}
