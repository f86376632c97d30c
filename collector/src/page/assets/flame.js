// Stacks as a tree, and the tree as bars. Pure.

// Bars of one picture, and rows: beyond them a browser is slow, and nobody sees more.
export const BARS_MAX = 2000;
const ROWS_MAX = 200;

// A bar that is narrower than this part of the whole is left out.
const WIDTH_MIN = 0.0005;

// The tree of some samples by one of their values; what shrank has no width.
export function tree(samples, column) {
  const root = node("all", null);
  for (const { stack, values } of samples) {
    const value = Math.max(values[column] ?? 0, 0);
    if (value === 0) continue;
    let at = root;
    at.value += value;
    for (const name of stack) {
      let child = at.children.get(name);
      if (!child) at.children.set(name, (child = node(name, at)));
      child.value += value;
      at = child;
    }
    at.own += value;
  }
  return root;
}

const node = (name, parent) => ({ name, parent, value: 0, own: 0, children: new Map() });

// What is called, the widest first.
export const called = ({ children }) => [...children.values()].sort((a, b) => b.value - a.value);

// Bars with a node in full width, below those that lead to it: `{ node, row, left, width }`, in parts of the whole.
export function bars(node) {
  const above = [];
  for (let at = node.parent; at; at = at.parent) above.unshift(at);
  const found = above.map((at, row) => ({ node: at, row, left: 0, width: 1 }));
  const next = [{ node, row: above.length, left: 0, width: 1 }];
  // Not a recursion: a stack may be as deep as it likes. The widest of a row come first, so that a cut leaves those out that matter least.
  while (next.length > 0 && found.length < BARS_MAX) {
    const bar = next.shift();
    found.push(bar);
    if (bar.row - above.length >= ROWS_MAX) continue;
    let left = bar.left;
    for (const child of called(bar.node)) {
      const width = (child.value / node.value) || 0;
      if (width < WIDTH_MIN) break;
      next.push({ node: child, row: bar.row + 1, left, width });
      left += width;
    }
  }
  return found;
}
