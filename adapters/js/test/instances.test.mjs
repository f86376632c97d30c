// Instances: their imports, their counters and gates, their end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { NOTHING, observe, wasm } from "./support.mjs";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

const WORK = `
(module $guest
  (memory (export "memory") 2)
  (func $leaf)
  (func (export "work") (param i32)
    (loop $again
      (call $leaf)
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`;
const module = new WebAssembly.Module(wasm(WORK));

test("instances that the host drops end, and give back what they held", async () => {
  const { observer, told } = observe();
  const kept = observer.instance(module);
  for (let one = 0; one < 50; one += 1) observer.instance(module).exports.work(1);
  const before = await told();
  assert.equal(before.points["wasm.instance.active"].guest, 51);
  let active = 51;
  for (let wait = 0; wait < 50 && active > 1; wait += 1) {
    // What a task has looked at stays until it ends.
    await new Promise((resolve) => setTimeout(resolve, 10));
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
    active = (await told()).points["wasm.instance.active"].guest;
  }
  assert.equal(active, 1);
  kept.exports.work(1);
  const { points } = await told();
  assert.equal(points["wasm.function.calls"].work, 1);
  assert.equal(points["wasm.memory.size"].guest, 2 * 65_536);
});

test("an instance lives as long as anything of it, a function that is in a table as well", async () => {
  const text = `(module $kept (table 1 funcref) (elem (i32.const 0) $f) (func $f (export "f")) (func (export "g")))`;
  const { observer, told } = observe();
  const keep = () => ["f", "g"].map((name) => observer.instance(new WebAssembly.Module(wasm(text))).exports[name]);
  const functions = keep();
  for (let wait = 0; wait < 5; wait += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collect();
  }
  observer.instance(module).exports.work(1);
  for (const one of functions) one();
  const { points } = await told();
  assert.deepEqual(points["wasm.function.calls"], { work: 1, leaf: 1, f: 1, g: 1 });
  assert.equal(points["wasm.instance.active"].kept, 2);
});

test("hot functions are only counted once they cost too much, and exactly", async () => {
  const { observer, told } = observe({ overheadBudget: 0.01, minDurationMs: 1_000 });
  const { work } = observer.instance(module).exports;
  let calls = 0;
  for (let wait = 0, untimed = 0; untimed === 0; wait += 1) {
    assert(wait < 100, "the governor never closes a gate");
    work(100_000);
    const { points } = await told();
    calls += points["wasm.function.calls"].leaf;
    await new Promise((resolve) => setTimeout(resolve, 100));
    untimed = points["waspect.function.untimed"]?.leaf ?? 0;
  }
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  calls += (await told()).points["wasm.function.calls"]?.leaf ?? 0;
  const expected = calls % 100_000;
  assert.equal(expected, 0);
  work(1_000);
  const { points } = await told();
  assert.equal(points["wasm.function.calls"].leaf, 1_000);
  assert.equal(points["wasm.function.duration"]?.leaf, undefined, "none was timed");
});

test("imports that are missing or of another type are the engine's to complain of", () => {
  const { observer } = observe();
  const text = `(module (import "env" "f" (func)) (func (export "run")))`;
  const [plain, instrumented] = [wasm(text, ...NOTHING), wasm(text)].map((bytes) => new WebAssembly.Module(bytes));
  for (const imports of [undefined, {}, { env: {} }, { env: { f: 1 } }]) {
    const error = (make) => { try { make(); } catch (error) { return error.constructor; } };
    const expected = error(() => new WebAssembly.Instance(plain, imports));
    assert.equal(error(() => observer.instance(instrumented, imports)), expected ?? "an error", JSON.stringify(imports));
  }
});

test("allocations are charged to who asked", async () => {
  const { observer, told } = observe();
  const text = `
    (module
      (global $next (mut i32) (i32.const 1024))
      (func $malloc (export "malloc") (param i32) (result i32)
        (global.get $next) (global.set $next (i32.add (global.get $next) (local.get 0))))
      (func $free (export "free") (param i32))
      (func $user (export "use") (call $free (call $malloc (i32.const 40))) (drop (call $malloc (i32.const 2)))))`;
  observer.instance(new WebAssembly.Module(wasm(text))).exports.use();
  const { points } = await told();
  assert.deepEqual(points["wasm.function.allocated"], { user: 42 });
  assert.deepEqual(points["wasm.function.live"], { user: 2 });
});
