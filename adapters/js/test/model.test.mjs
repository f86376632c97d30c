// Bar R2 at the boundary of JavaScript: random sequences of calls, callbacks through exports and through a table, traps and imports that
// throw, caught somewhere or nowhere, against a model that knows what called what.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, decode, observe, wasm } from "./support.mjs";

const SEQUENCES = 1_000;
/** Sequences whose spans are decoded at once. */
const TOGETHER = 50;
const CALLS_MAX = 40;

/** `work` asks the host what to do, again and again: 0 return, 1 call itself, 2 the same through the table, 3 trap, 4 ask again. */
const GUEST = `
(module
  (type $plain (func))
  (import "host" "next" (func $next (result i32)))
  (table (export "table") 1 funcref)
  (elem (i32.const 0) $work)
  (func $work (type $plain)
    (local $what i32)
    (loop $again
      (local.set $what (call $next))
      (if (i32.eqz (local.get $what)) (then (return)))
      (if (i32.eq (local.get $what) (i32.const 1)) (then (call $work)))
      (if (i32.eq (local.get $what) (i32.const 2)) (then (call_indirect (type $plain) (i32.const 0))))
      (if (i32.eq (local.get $what) (i32.const 3)) (then (unreachable)))
      (br $again)))
  (func $enter (export "enter") (call $work)))`;

const CODES = { return: 0, call: 1, indirect: 2, trap: 3, again: 4 };
const CHOICES = ["return", "return", "return", "call", "call", "indirect", "export", "table", "trap", "throw"];

/** What calls what as the host decides it: a node is [name, ...what it called]. */
class Model {
  roots = [];
  #open = [];
  #calls = 0;
  #pick;
  exports;

  constructor(pick) {
    this.#pick = pick;
  }

  /** The import. */
  next() {
    this.#enter("host.next");
    const what = this.#calls < CALLS_MAX && this.#open.length < 30 ? CHOICES[this.#pick(CHOICES.length)] : "return";
    if (what === "throw") throw new Error("thrown");
    if (what === "export" || what === "table") this.call(what);
    this.#open.pop();
    if (what === "return") this.#open.pop();
    if (what === "call" || what === "indirect") this.#enter("work");
    return CODES[what] ?? CODES.again;
  }

  /** The host calls in, and tells whether that failed; where it was called itself, it catches that or lets it go on. */
  call(how) {
    const depth = this.#open.length;
    const catches = depth === 0 || this.#pick(2) === 0;
    try {
      if (how === "export") this.#enter("enter");
      this.#enter("work");
      if (how === "export") this.exports.enter();
      else this.exports.table.get(0)();
      this.#open.length = depth;
      return false;
    } catch (error) {
      if (!catches) throw error;
      this.#open.length = depth;
      return true;
    }
  }

  #enter(name) {
    this.#calls += 1;
    const node = [name];
    (this.#open.at(-1) ?? this.roots).push(node);
    this.#open.push(node);
  }
}

/** The same numbers from the same seed. */
function numbers(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Spans as the model has its calls. */
function forest(spans) {
  const nodes = new Map(spans.map((span) => [span.spanId, [span.name]]));
  const roots = [];
  for (const { spanId, parentSpanId } of spans) (nodes.get(parentSpanId) ?? roots).push(nodes.get(spanId));
  return roots;
}

test("what is told of random sequences is what called what", async () => {
  const { observer, told } = observe({ clock: clock(), spansPerRoot: 10_000 });
  const module = new WebAssembly.Module(wasm(GUEST));
  let [calls, failures] = [0, 0];
  for (let first = 0; first < SEQUENCES; first += TOGETHER) {
    const expected = [];
    for (let seed = first; seed < first + TOGETHER; seed += 1) {
      const pick = numbers(seed);
      const model = new Model(pick);
      model.exports = observer.instance(module, { host: { next: () => model.next() } }).exports;
      for (let call = pick(4); call >= 0; call -= 1) {
        const how = pick(2) === 0 ? "export" : "table";
        const failed = model.call(how);
        // In the same tick, or in one of its own: of a callback through a table that failed, only the end of the tick tells for sure.
        if (pick(2) === 0 || (failed && how === "table")) await null;
      }
      await null;
      assert.equal(observer.hooks.depth(), 0, `sequence ${seed}`);
      expected.push(...model.roots);
    }
    const { spans, points } = await told();
    const found = forest(spans);
    for (const [at, root] of expected.entries()) assert.deepEqual(found[at], root, `root ${at} of the sequences from ${first} on`);
    assert.equal(found.length, expected.length);
    // So many instances have more functions than there are histograms.
    assert.deepEqual(Object.keys(points["waspect.drops"] ?? {}).filter((reason) => reason !== "histogram"), []);
    calls += spans.length;
    failures += Object.values(points["wasm.errors"] ?? {}).reduce((sum, count) => sum + count, 0);
  }
  console.log(`${SEQUENCES} sequences, ${calls} calls, ${failures} of them failed: every parent is right`);
});
