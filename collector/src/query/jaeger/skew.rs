//! What Jaeger says of spans whose times or parents do not fit. It would move them, if its configuration did not forbid it by
//! default; so it says by how much. Pure.

use std::collections::HashMap;

use super::duration;

/// A span, as far as this looks at it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its id.
    pub id: u64,
    /// Its parent's; 0: none.
    pub parent: u64,
    /// When it begins, in ns since 1970.
    pub start: u64,
    /// How long it takes, in ns.
    pub duration: u64,
    /// The host that it ran on; empty: nobody knows.
    pub host: String,
}

/// The delta of an ancestor's host, which holds for all of that host below it.
#[derive(Clone, Copy)]
struct Skew<'n> {
    delta: i64,
    host: &'n str,
}

/// Warnings, each with the place of its span. `missing` says how a parent is told of that is not in the trace.
pub fn warnings(nodes: &[Node], missing: impl Fn(u64) -> String) -> Vec<(usize, String)> {
    let mut warnings = Vec::new();
    let mut by_id = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        if *by_id.entry(node.id).or_insert(at) != at {
            warnings.push((at, "duplicate span IDs; skipping clock skew adjustment".to_owned()));
        }
    }
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut next = Vec::new();
    for at in by_id.values().copied() {
        let node = &nodes[at];
        match by_id.get(&node.parent) {
            _ if node.parent == 0 => next.push((at, None, Skew { delta: 0, host: &node.host })),
            Some(parent) => children.entry(*parent).or_default().push(at),
            None => {
                warnings.push((at, missing(node.parent)));
                next.push((at, None, Skew { delta: 0, host: &node.host }));
            }
        }
    }
    // Not a recursion: a trace may be as deep as it has spans. Spans that are their own ancestors are never reached.
    while let Some((at, parent, skew)) = next.pop() {
        let node = &nodes[at];
        let skew = match parent {
            Some(parent) if node.host.is_empty() || node.host != skew.host => {
                Skew { delta: delta(node, parent), host: &node.host }
            }
            _ => skew,
        };
        if skew.delta != 0 {
            let delta = duration::format(skew.delta);
            let text = format!("clock skew adjustment disabled; not applying calculated delta of {delta}");
            warnings.push((at, text));
        }
        next.extend(children.get(&at).into_iter().flatten().map(|child| (*child, Some(node), skew)));
    }
    warnings
}

/// By how much a span would have to move to fit into its parent.
fn delta(child: &Node, parent: &Node) -> i64 {
    let [start, from] = [child.start, parent.start].map(|time| time as i64);
    let [end, to] = [child, parent].map(|node| node.start.wrapping_add(node.duration) as i64);
    if child.duration > parent.duration {
        // Longer than its parent: it goes on by itself, and must only not begin before.
        return from.saturating_sub(start).max(0);
    }
    if start >= from && end <= to {
        return 0;
    }
    // As if the way there and the way back took the same time.
    let latency = ((parent.duration - child.duration) / 2) as i64;
    from.wrapping_add(latency).wrapping_sub(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64, parent: u64, start: u64, duration: u64) -> Node {
        Node { id, parent, start, duration, host: String::new() }
    }

    fn told(nodes: &[Node]) -> Vec<(usize, String)> {
        let mut told = warnings(nodes, |id| format!("no {id}"));
        told.sort();
        told
    }

    #[test]
    fn what_fits_is_fine_and_what_does_not_is_told() {
        assert_eq!(told(&[node(1, 0, 100, 50), node(2, 1, 110, 10), node(3, 1, 120, 80)]), []);
        let text = "clock skew adjustment disabled; not applying calculated delta of 70ns".to_owned();
        assert_eq!(told(&[node(1, 0, 100, 50), node(2, 1, 50, 10)]), [(1, text)]);
        let twice = "duplicate span IDs; skipping clock skew adjustment".to_owned();
        assert_eq!(told(&[node(1, 9, 1, 1), node(1, 0, 1, 1)]), [(0, "no 9".into()), (1, twice)]);
    }

    #[test]
    fn a_hosts_clock_is_wrong_for_all_of_it() {
        let on = |host: &str, node: Node| Node { host: host.into(), ..node };
        let nodes = [on("a", node(1, 0, 1000, 100)), on("b", node(2, 1, 10, 50)), on("b", node(3, 2, 20, 5))];
        assert_eq!(told(&nodes).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn deep_and_circular_traces_end() {
        let deep: Vec<_> = (1..200_000).map(|id| node(id, id - 1, 0, 1)).collect();
        assert_eq!(told(&deep), []);
        assert_eq!(told(&[node(1, 2, 0, 1), node(2, 1, 0, 1), node(3, 3, 0, 1)]), []);
    }
}
