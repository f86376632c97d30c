//! The call tree: who called whom, with figures. Bounded; what has no room meets in one overflow node.

use alloc::vec::Vec;

use crate::table::Table;

/// Whether there is one. Without the feature all calls meet in the overflow node, and nobody asks for it: no hook then looks for a node,
/// and what would keep them is not there.
pub(crate) const GROWS: bool = cfg!(feature = "profile");

/// The node above all stacks.
pub(crate) const ROOT: u32 = 0;

/// The node of every call that has no room for one of its own.
pub(crate) const OVERFLOW: u32 = 1;

/// A function in the context of its callers.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Node {
    /// Its function's place in the recorder's table.
    pub(crate) function: u32,
    pub(crate) parent: u32,
    /// The children that were found last, since most calls repeat: with their functions, so that no child is read.
    recent: [Recent; RECENT],
    pub(crate) figures: Figures,
}

/// How many of its children a node remembers: what fits beside the rest into 64 bytes.
const RECENT: usize = 3;

/// A child and its function. One number, so that a hook that dies leaves no child with another's function (H1).
#[derive(Clone, Copy, Debug, Default)]
struct Recent(u64);

impl Recent {
    fn new(child: u32, function: u32) -> Recent {
        Recent(u64::from(child) << 32 | u64::from(function))
    }

    /// The child, if it is this function's.
    #[inline(always)]
    fn of(self, function: u32) -> Option<u32> {
        let child = (self.0 >> 32) as u32;
        (child > OVERFLOW && self.0 as u32 == function).then_some(child)
    }
}

/// What is counted at a node since the last drain: calls that closed, and what was its own. What includes its callees is the
/// sum over the nodes below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) calls: u64,
    pub(crate) own: u64,
    pub(crate) allocated: u64,
    pub(crate) live: i64,
}

impl Figures {
    pub(crate) fn merge(&mut self, other: &Figures) {
        self.calls = self.calls.saturating_add(other.calls);
        self.own = self.own.saturating_add(other.own);
        self.allocated = self.allocated.saturating_add(other.allocated);
        self.live = self.live.wrapping_add(other.live);
    }
}

/// A bounded call tree. A parent's number is always lower than its children's.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    children: Table<u32>,
    nodes_max: usize,
}

impl Tree {
    pub(crate) fn new(nodes_max: usize, hash_key: u64, preallocate: bool) -> Tree {
        let mut tree = Tree { nodes: Vec::new(), children: Table::new(hash_key), nodes_max: nodes_max.max(2) };
        if GROWS && preallocate {
            tree.nodes.reserve(tree.nodes_max);
            tree.children.reserve(tree.nodes_max);
        }
        tree.clear();
        tree
    }

    /// The node of a function called from this node: mostly one of the last that were.
    #[inline]
    pub(crate) fn child(&mut self, parent: u32, function: u32) -> u32 {
        if !GROWS {
            return OVERFLOW;
        }
        let recent = self.nodes[parent as usize].recent;
        match recent[0].of(function).or(recent[1].of(function)).or(recent[2].of(function)) {
            Some(child) => child,
            None if parent == OVERFLOW => OVERFLOW,
            None => self.find_child(parent, function),
        }
    }

    /// Counts something at a node.
    #[inline]
    pub(crate) fn count(&mut self, node: u32, count: impl FnOnce(&mut Figures)) {
        if GROWS {
            count(&mut self.nodes[node as usize].figures);
        }
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Zero figures everywhere; the nodes stay.
    pub(crate) fn clear_figures(&mut self) {
        for node in &mut self.nodes {
            node.figures = Figures::default();
        }
    }

    /// No node but the root and the overflow node.
    pub(crate) fn clear(&mut self) {
        if !GROWS {
            return;
        }
        self.nodes.clear();
        self.nodes.extend([Node::default(); 2]);
        self.children.clear();
    }

    #[inline(never)]
    fn find_child(&mut self, parent: u32, function: u32) -> u32 {
        let key = u64::from(parent) << 32 | u64::from(function);
        let child = match self.children.get(key) {
            Some(child) => child,
            None if self.nodes.len() >= self.nodes_max => return OVERFLOW,
            None => {
                // The node first: a hook that dies between the two leaves a node that no one finds, not a name of none (H2).
                let child = self.nodes.len() as u32;
                self.nodes.push(Node { function, parent, ..Node::default() });
                self.children.insert(key, child);
                child
            }
        };
        let recent = &mut self.nodes[parent as usize].recent;
        recent.copy_within(..RECENT - 1, 1);
        recent[0] = Recent::new(child, function);
        child
    }
}

#[cfg(all(test, feature = "profile"))]
mod tests {
    use super::*;

    #[test]
    fn the_same_path_is_the_same_node_and_the_rest_overflows() {
        let mut tree = Tree::new(5, 1, false);
        let a = tree.child(ROOT, 7);
        let b = tree.child(a, 8);
        let other = tree.child(a, 9);
        assert_eq!((a, b, other), (2, 3, 4));
        assert_eq!((tree.child(a, 8), tree.child(a, 8), tree.child(ROOT, 7)), (b, b, a));
        assert_eq!(tree.child(b, 8), OVERFLOW);
        assert_eq!(tree.child(OVERFLOW, 1), OVERFLOW);
        assert_eq!(tree.nodes().len(), 5);
    }
}
