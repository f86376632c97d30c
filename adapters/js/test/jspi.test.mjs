// Stacks that JSPI suspends: each keeps its own parents, whatever runs in between. In Node 24; this file starts it where it runs in another.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ROOT_CONTEXT, context, trace } from "@opentelemetry/api";
import "./host-context.mjs";
import { BRANCH, TEXT, interleave, settled, waiting } from "./jspi-calls.mjs";
import { observe, tree, wasm } from "./support.mjs";

if (WebAssembly.Suspending === undefined) {
  test("in Node 24", () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    execFileSync(join(env.RUNTIMES, "node-24/bin/node"), ["--test", fileURLToPath(import.meta.url)], { stdio: "inherit", env });
  });
} else {
  const module = new WebAssembly.Module(wasm(TEXT));
  const within = (spanId, call) => context.with(trace.setSpan(ROOT_CONTEXT, trace.wrapSpanContext({ traceId: spanId.repeat(2), spanId, traceFlags: 1 })), call);
  const promising = (observer) => ({ suspending: (call) => observer.suspending(call), promising: (call) => observer.promising(call) });

  test("two calls that wait in turns keep their own parents", async () => {
    const { observer, told } = observe();
    const { results, traces } = await interleave((imports) => observer.instantiate(module, imports).then(({ exports }) => exports), promising(observer), observer);
    assert.deepEqual(results, [1, 2]);
    assert.equal(observer.hooks.depth(), 0);
    const { spans, points } = await told();
    const byTrace = Map.groupBy(spans, ({ traceId }) => traceId);
    const works = spans.filter(({ name }) => name === "work").map(({ traceId }) => traceId);
    assert.deepEqual(works.map((id) => tree(byTrace.get(id))), [[" > work", ...BRANCH], [" > work", ...BRANCH]]);
    assert.deepEqual(traces, [[2, works[1]], [1, works[0]]], "what an import is told after its call went on");
    assert.equal(byTrace.size, 4, "two calls that could not wait, beside them");
    assert.equal(points["waspect.drops"], undefined);
    assert.deepEqual(points["wasm.function.calls"], { work: 2, leaf: 10, again: 2, "host.wait": 4, "host.note": 2 });
  });

  test("the host's span is the parent before and after", async () => {
    const { observer, told } = observe();
    const { calls, wait } = waiting();
    const seen = [];
    const note = () => {
      seen.push(trace.getSpanContext(context.active())?.spanId);
      exports.again();
    };
    const { exports } = await observer.instantiate(module, { host: { wait: observer.suspending(wait), note } });
    const work = observer.promising(exports.work);
    const both = ["00000000000000aa", "00000000000000bb"].map((spanId) => within(spanId, () => work(3)));
    for (const at of [1, 0, 2, 3]) {
      calls[at].resolve();
      await settled();
    }
    await Promise.all(both);
    const { spans } = await told();
    assert.deepEqual(seen, ["00000000000000bb", "00000000000000aa"]);
    for (const spanId of ["00000000000000aa", "00000000000000bb"]) {
      const own = spans.filter(({ traceId }) => traceId === spanId.repeat(2));
      assert.deepEqual(tree(own), ["host > work", ...BRANCH]);
      assert.equal(own[0].parentSpanId, spanId);
    }
  });

  test("what fails after it waited, fails alone", async () => {
    const { observer, told } = observe();
    const { calls, wait } = waiting();
    const { exports } = await observer.instantiate(module, { host: { wait: observer.suspending(wait), note() {} } });
    const work = observer.promising(exports.work);
    const [traps, rejected, good] = [work(7), work(8), work(9)];
    for (const at of [0, 1, 2]) calls[at].resolve();
    await settled();
    calls[3].resolve();
    calls[4].reject(new Error("no"));
    await assert.rejects(traps, WebAssembly.RuntimeError);
    await assert.rejects(rejected, /^Error: no$/);
    exports.leaf();
    calls[5].resolve();
    assert.equal(await good, 9);
    const { spans, points } = await told();
    assert.deepEqual(points["wasm.errors"], { unreachable: 1, Error: 1 });
    assert.deepEqual(spans.filter(({ name }) => name === "work").map(({ status }) => status?.code), [2, 2, undefined]);
    const [lone] = spans.filter(({ name, parent }) => name === "leaf" && parent === null);
    assert.equal(spans.filter(({ traceId }) => traceId === lone.traceId).length, 1);
    assert.equal(observer.hooks.depth(), 0);
  });

  test("a call that an import makes, and waits for, is below the import", async () => {
    const { observer, told } = observe();
    const { calls, wait } = waiting();
    let inner;
    const note = (value) => value === 1 && (inner = work(2));
    const { exports } = await observer.instantiate(module, { host: { wait: observer.suspending(wait), note } });
    const work = observer.promising(exports.work);
    const outer = work(1);
    for (let at = 0; at < 4; at += 1) {
      calls[at].resolve();
      await settled();
    }
    assert.deepEqual(await Promise.all([outer, inner]), [1, 2]);
    const { spans } = await told();
    assert.deepEqual(tree(spans).filter((line) => line.endsWith("> work")), [" > work", "host.note > work"]);
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
  });

  test("code that cannot be changed has the same through waspect/register", async () => {
    const batches = [];
    globalThis.waspect = { serviceName: "test", minDurationMs: 0, overheadBudget: Infinity, sink: (batch) => batches.push(batch) };
    const { observer } = await import("waspect/register");
    const engine = { suspending: (call) => new WebAssembly.Suspending(call), promising: (call) => WebAssembly.promising(call) };
    const { results } = await interleave((imports) => WebAssembly.instantiate(module, imports).then(({ exports }) => exports), engine, observer);
    assert.deepEqual(results, [1, 2]);
    await observer.flush();
    const { decode } = await import("./support.mjs");
    const { spans } = decode(batches);
    const works = spans.filter(({ name }) => name === "work").map(({ traceId }) => traceId);
    for (const id of works) assert.deepEqual(tree(spans.filter(({ traceId }) => traceId === id)), [" > work", ...BRANCH]);
  });
}
