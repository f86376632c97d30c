// Threads of Node: `waspect/register` in a program's first thread reaches the others, and what one recorded by the time it blocks, or is
// ended, is told.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { decode, tree, wasm } from "./support.mjs";

const folder = mkdtempSync(join(tmpdir(), "waspect-threads-"));
const register = new URL("../dist/register.js", import.meta.url).href;

/** What a program's first thread told by its end; every thread works on one module. */
function run(program, worker) {
  const [first, second, told] = ["program.mjs", "worker.mjs", "told.json"].map((name) => join(folder, name));
  const module = wasm(`(module (import "host" "rest" (func $rest)) (func $inner (export "inner"))
    (func (export "work") (param i32) (loop (call $inner) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (call $rest)))`);
  writeFileSync(join(folder, "module.wasm"), module);
  const start = `import { readFileSync } from "node:fs";
    const start = (host) => new WebAssembly.Instance(new WebAssembly.Module(readFileSync(${JSON.stringify(join(folder, "module.wasm"))})), { host }).exports;`;
  writeFileSync(second, `import { parentPort } from "node:worker_threads"; ${start} ${worker}`);
  writeFileSync(first, `
    import { writeFileSync } from "node:fs";
    globalThis.waspect = { serviceName: "threads", minDurationMs: 0, metricsEveryMs: 500, overheadBudget: Infinity, sink: (batch) => batches.push(batch) };
    const batches = [];
    const { observer } = await import(${JSON.stringify(register)});
    const { Worker } = await import("node:worker_threads");
    process.on("exit", () => {
      const told = batches.map(({ signal, bytes }) => ({ signal, bytes: Buffer.from(bytes).toString("base64") }));
      writeFileSync(${JSON.stringify(told)}, JSON.stringify({ told, health: observer.health() }));
    });
    const worker = () => new Worker(${JSON.stringify(second)});
    const said = (worker) => new Promise((resolve) => worker.once("message", resolve));
    ${program}`);
  execFileSync(process.execPath, [first], { timeout: 60_000, stdio: ["ignore", "inherit", "inherit"] });
  const result = JSON.parse(readFileSync(told));
  assert.equal(result.health.exported, result.health.made);
  return decode(result.told.map(({ signal, bytes }) => ({ signal, bytes: Buffer.from(bytes, "base64") })));
}

const BLOCKS = `start({ rest: () => { parentPort.postMessage("rests"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); } }).work(5);`;

test("a thread that ends by itself", () => {
  const { spans, points } = run(`worker();`, `start({ rest() {} }).work(3);`);
  assert.deepEqual(points["wasm.function.calls"], { work: 1, inner: 3, "host.rest": 1 });
  assert.equal(spans.length, 5);
});

test("a thread that blocks in Wasm, and is ended", () => {
  const { spans, points } = run(`const one = worker(); await said(one); await one.terminate();`, BLOCKS);
  assert.deepEqual(points["wasm.function.calls"], { work: 1, inner: 5, "host.rest": 1 });
  assert.equal(tree(spans).filter((line) => line === "work > inner").length, 5);
});

test("threads that block in Wasm while the program ends", () => {
  const { points } = run(`for (let at = 0; at < 3; at += 1) { const one = worker(); await said(one); one.unref(); }`, BLOCKS);
  assert.deepEqual(points["wasm.function.calls"], { work: 3, inner: 15, "host.rest": 3 });
});

test("a thread that never comes to its timers sends all the same", () => {
  const { points } = run(
    `const one = worker();
     const calls = () => JSON.stringify(batches.map(({ signal }) => signal)).includes("metrics");
     while (!calls()) await new Promise((resolve) => setTimeout(resolve, 20));
     await one.terminate();`,
    `start({ rest: () => {} }).work(0);`,
  );
  assert(points["wasm.function.calls"].inner > 1_000);
});

test("a thread of a thread", () => {
  const { points } = run(
    `const one = worker(); await said(one); await one.terminate();`,
    `import { isMainThread, threadId, Worker } from "node:worker_threads";
     const exports = start({ rest() {} });
     exports.work(2);
     // Ended while it waits: one that is ended while it hands over loses what is in its hands.
     if (threadId === 1) parentPort.on("message", () => {});
     if (threadId === 1) new Worker(new URL(import.meta.url)).once("exit", () => parentPort.postMessage("done"));`,
  );
  assert.deepEqual(points["wasm.function.calls"], { work: 2, inner: 4, "host.rest": 2 });
});
