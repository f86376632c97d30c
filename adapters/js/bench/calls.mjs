// What a call costs, in one run: not instrumented, counted, recorded, and with hooks that do nothing; and recorded while the endpoint hangs.
//
//   node bench/calls.mjs    with WASPECT as for the tests

import { createServer } from "node:net";
import { once } from "node:events";
import { Observer } from "waspect";
import { NOTHING, wasm } from "../test/support.mjs";

const CALLS = 514_229 * 2 - 1;
const ROUNDS = 10;

const FIB = `
(module
  (func $fib (param i32) (result i32)
    (if (i32.lt_s (local.get 0) (i32.const 2)) (then (return (i32.const 1))))
    (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))
  (func (export "run") (result i32) (call $fib (i32.const 28))))`;

/** Hooks that do nothing, in Wasm: what the calls of hooks cost by themselves. */
const EMPTY = `
(module
  (func (export "module") (param i32 i32 i32 i32) (result i32) (i32.const 0))
  (func (export "enter") (param i32) (result i32) (i32.const 1))
  (func (export "exit") (param i32))
  (func (export "begin") (param i32) (result i32) (i32.const 1))
  (func (export "end") (param i32)))`;

const compile = (...wanted) => new WebAssembly.Module(wasm(...wanted));
const hung = createServer(() => {}).listen(0, "127.0.0.1");
await once(hung, "listening");

const options = { overheadBudget: Infinity, minDurationMs: 1_000, spansEveryMs: 50 };
const idle = new Observer({ ...options, sink() {} });
const stuck = new Observer({ ...options, endpoint: `http://127.0.0.1:${hung.address().port}` });
const hooks = new WebAssembly.Instance(compile(EMPTY, ...NOTHING)).exports;
const recorded = compile(FIB);
const programs = {
  original: new WebAssembly.Instance(compile(FIB, ...NOTHING)).exports.run,
  counts: new WebAssembly.Instance(compile(FIB, "--mode", "counts")).exports.run,
  "empty hooks": new WebAssembly.Instance(recorded, { "waspect/hooks": hooks }).exports.run,
  calls: idle.instance(recorded).exports.run,
  "calls, endpoint hangs": stuck.instance(recorded).exports.run,
};
const times = Object.fromEntries(Object.keys(programs).map((name) => [name, []]));
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(programs)) {
    const start = performance.now();
    run();
    // The first warms up.
    if (round > 0) times[name].push(performance.now() - start);
    void stuck.flush();
    await new Promise((resolve) => setTimeout(resolve));
  }
}
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const ns = Object.fromEntries(Object.entries(times).map(([name, list]) => [name, (median(list) * 1e6) / CALLS]));
for (const [name, each] of Object.entries(ns)) console.log(`${name}: ${each.toFixed(1)} ns a call`);
console.log(`two clock reads: ${clocks().toFixed(1)} ns`);
console.log(`hanging endpoint: x${(ns["calls, endpoint hangs"] / ns.calls).toFixed(3)}`);
process.exit(0);

function clocks() {
  const [start, looks] = [performance.now(), 2_000_000];
  for (let look = 0; look < looks; look += 1) performance.now();
  return ((performance.now() - start) * 1e6 * 2) / looks;
}
