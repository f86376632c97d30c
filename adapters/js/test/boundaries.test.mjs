// Every way in and out of a guest, from JavaScript: right parents, right ends, nothing left open.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING, attributes, clock, observe, tree, wasm } from "./support.mjs";

const GUEST = `
(module $guest
  (type $plain (func))
  (import "host" "call" (func $call (param i32)))
  (table (export "table") 2 funcref)
  (elem (i32.const 0) $leaf $trap)
  (func $leaf (export "leaf"))
  (func $work (export "work") (call $leaf))
  (func $deep (param i32)
    (if (i32.eqz (local.get 0)) (then unreachable))
    (call $deep (i32.sub (local.get 0) (i32.const 1))))
  (func $fall (export "fall") (call $deep (i32.const 3)))
  (func $trap (export "trap") unreachable)
  (func $ask (export "ask") (param i32) (call $call (local.get 0)) (call $leaf))
  (func $spin (export "spin") (param i32)
    (if (local.get 0) (then (call $spin (i32.sub (local.get 0) (i32.const 1)))))))`;

const bytes = wasm(GUEST);
const module = new WebAssembly.Module(bytes);

function start(call = () => {}) {
  const seen = observe({ clock: clock() });
  const instance = seen.observer.instance(module, { host: { call: (number) => call(number, instance.exports) } });
  return { ...seen, ...instance.exports, depth: () => seen.observer.hooks.depth() };
}

const nothingDropped = ({ points }) => assert.equal(points["waspect.drops"], undefined);

test("a call is a root, and what it calls is its child", async () => {
  const { work, told, depth } = start();
  work();
  assert.equal(depth(), 0);
  const all = await told();
  assert.deepEqual(tree(all.spans), [" > work", "work > leaf"]);
  assert.deepEqual(all.points["wasm.function.calls"], { work: 1, leaf: 1 });
  nothingDropped(all);
});

test("a trap closes what it left open, and the next call is a root of its own", async () => {
  const { fall, work, told, depth } = start();
  assert.throws(fall, WebAssembly.RuntimeError);
  assert.equal(depth(), 0);
  work();
  const all = await told();
  assert.deepEqual(tree(all.spans), [
    " > fall !", "fall > deep !", "deep > deep !", "deep > deep !", "deep > deep !", " > work", "work > leaf",
  ]);
  assert.deepEqual(all.points["wasm.errors"], { unreachable: 1 });
  const [exception] = all.spans[4].events.filter((event) => event.name === "exception");
  assert.match(attributes(exception)["exception.stacktrace"], /wasm/);
  nothingDropped(all);
});

test("an import that throws ends the call as the host's error", async () => {
  const { ask, work, told, depth } = start(() => { throw new TypeError("no such thing"); });
  assert.throws(() => ask(1), TypeError);
  assert.equal(depth(), 0);
  work();
  const all = await told();
  assert.deepEqual(tree(all.spans), [" > ask !", "ask > host.call !", " > work", "work > leaf"]);
  assert.deepEqual(all.points["wasm.errors"], { TypeError: 1 });
  nothingDropped(all);
});

test("an import that calls back is the parent of what it calls", async () => {
  const { ask, told } = start((number, exports) => (number > 0 ? exports.ask(number - 1) : exports.work()));
  ask(1);
  const all = await told();
  assert.deepEqual(tree(all.spans).slice(0, 6), [
    " > ask", "ask > host.call", "host.call > ask", "ask > host.call", "host.call > work", "work > leaf",
  ]);
  nothingDropped(all);
});

test("a call back through a table is a child of the call that is running", async () => {
  const { ask, told } = start((number, exports) => exports.table.get(0)());
  ask(0);
  const all = await told();
  assert.deepEqual(tree(all.spans), [" > ask", "ask > host.call", "host.call > leaf", "ask > leaf"]);
  nothingDropped(all);
});

test("a function from a table that trapped leaves nothing behind, in the same tick or later", async () => {
  const { table, leaf, work, told, depth } = start();
  assert.throws(() => table.get(1)(), WebAssembly.RuntimeError);
  assert.equal(depth(), 2, "a scope, and the frame that the trap left");
  work();
  await null;
  assert.equal(depth(), 0);
  table.get(0)();
  await null;
  leaf();
  await null;
  assert.equal(depth(), 0);
  const all = await told();
  assert.deepEqual(tree(all.spans).filter((line) => !line.includes("work")), [" > trap", " > leaf", " > leaf"]);
  assert.equal(all.points["wasm.function.calls"].trap, 1);
  nothingDropped(all);
});

test("what the host throws on purpose to exit is no error when it exits with 0", async () => {
  const exit = (status) => Object.assign(new Error(`exit(${status})`), { name: "ExitStatus", status });
  const { ask, told } = start((status) => { throw exit(status); });
  for (const status of [0, 3]) assert.throws(() => ask(status));
  const { spans } = await told();
  assert.deepEqual(tree(spans), [" > ask", "ask > host.call", " > ask !", "ask > host.call !"]);
  assert.deepEqual(attributes(spans[2])["wasm.outcome"], "exited");
});

test("a scope covers what comes by other ways, and tells how it ended", async () => {
  const { table, observer, told, depth } = start();
  assert.equal(observer.scope(() => 42), 42);
  assert.throws(() => observer.scope(() => table.get(1)()), WebAssembly.RuntimeError);
  assert.equal(depth(), 0);
  const { spans } = await told();
  assert.deepEqual(tree(spans), [" > trap !"]);
});

test("stack overflows at any depth: what follows is exact", async () => {
  const { observer, spin, work, told, depth } = start();
  const stack = observer.hooks.__stack_pointer;
  const top = stack.value;
  // Most of the stack is the host's: what is left for the guest is used up sooner.
  const pad = (frames, then) => (frames === 0 ? then() : pad(frames - 1, then, frames));
  for (let round = 0; round < 1_000; round += 1) {
    pad(6_000 + ((round * 37) % 211), () => assert.throws(() => spin(10_000_000), RangeError));
    assert.deepEqual([depth(), stack.value], [0, top], `round ${round}`);
  }
  await told();
  for (let call = 0; call < 500; call += 1) work();
  const { spans, points } = await told();
  assert.deepEqual(points["wasm.function.calls"], { work: 500, leaf: 500 });
  assert.deepEqual(new Set(tree(spans)), new Set([" > work", "work > leaf"]));
});

test("exports and table entries are the same object where they were", () => {
  const plain = new WebAssembly.Instance(new WebAssembly.Module(wasm(GUEST, ...NOTHING)), { host: { call() {} } });
  const identities = (exports, table) => {
    const values = [...Object.values(exports), ...Array.from({ length: table.length }, (_, at) => table.get(at))];
    return values.map((value) => values.indexOf(value));
  };
  const seen = observe().observer.instance(module, { host: { call() {} } });
  assert(seen instanceof WebAssembly.Instance && Object.isFrozen(seen.exports));
  assert.deepEqual(Object.keys(seen.exports), Object.keys(plain.exports));
  assert.deepEqual(identities(seen.exports, seen.exports.table), identities(plain.exports, plain.exports.table));
  assert.deepEqual(Object.values(seen.exports).map(String).length, Object.values(plain.exports).length);
});

test("a module that is not instrumented is the engine's own instance", async () => {
  const { observer } = observe();
  const plain = new WebAssembly.Module(wasm(GUEST, ...NOTHING));
  const { instance } = await observer.instantiate(wasm(GUEST, ...NOTHING), { host: { call() {} } });
  assert.equal(instance.constructor, WebAssembly.Instance);
  assert.equal(Object.getOwnPropertyDescriptor(instance, "exports"), undefined);
  assert.equal(String(observer.instance(plain, { host: { call() {} } }).exports.leaf), String(instance.exports.leaf));
  assert.equal(observer.health().made, 0);
});

test("ten million hook calls of garbage take no memory, and change nothing for others", async () => {
  const { observer, work, told } = start();
  await told();
  const { hooks } = observer;
  let random = 1;
  const any = () => (random = Math.imul(random, 1_103_515_245) + 12_345) | 0;
  const [heap, before] = [hooks.memory.buffer.byteLength, process.memoryUsage.rss()];
  for (let round = 0; round < 1_700_000; round += 1) {
    for (const name of ["exit", "unwind", "unwound", "end"]) hooks[name](any());
    hooks.alloc(any() | 0x4000_0000, any(), any(), any());
    hooks.grow(any() | 0x4000_0000, any(), any(), any());
    hooks.enter(any() | 0x4000_0000);
  }
  assert.equal(hooks.memory.buffer.byteLength, heap);
  assert(process.memoryUsage.rss() - before <= 16 << 20);
  await null;
  work();
  const all = await told();
  assert.deepEqual(tree(all.spans), [" > work", "work > leaf"]);
  const drops = Object.values(all.points["waspect.drops"]).reduce((sum, count) => sum + count);
  assert.equal(drops, 7 * 1_700_000, JSON.stringify(all.points["waspect.drops"]));
});
