// The parent of a call from the host is the span that is active in OpenTelemetry's own API.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT_CONTEXT, context, trace } from "@opentelemetry/api";
import "./host-context.mjs";
import { observe, tree, wasm } from "./support.mjs";

const module = new WebAssembly.Module(wasm(`(module (import "host" "call" (func $call)) (func (export "work") (call $call)))`));
const host = (traceFlags) => trace.wrapSpanContext({ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags });

test("a call within a span is its child, and what it calls can be told on", async () => {
  const { observer, told } = observe();
  let traceparent;
  const { work } = observer.instance(module, { host: { call: () => (traceparent = observer.traceparent()) } }).exports;
  context.with(trace.setSpan(ROOT_CONTEXT, host(1)), work);
  const { spans } = await told();
  assert.deepEqual(spans.map(({ name, traceId, parentSpanId }) => [name, traceId, parentSpanId]), [
    ["work", host(1).spanContext().traceId, "b7ad6b7169203331"],
    ["host.call", host(1).spanContext().traceId, spans[0].spanId],
  ]);
  assert.equal(traceparent, `00-${host(1).spanContext().traceId}-${spans[1].spanId}-01`);
});

test("what an import calls in turn hangs under it, and not beside it, unless it began a span", async () => {
  const { observer, told } = observe();
  const inner = trace.wrapSpanContext({ ...host(1).spanContext(), spanId: "00000000000000aa" });
  let calls = 0;
  const again = [() => exports.work(), () => context.with(trace.setSpan(ROOT_CONTEXT, inner), exports.work)];
  const { exports } = observer.instance(module, { host: { call: () => again[calls++]?.() } });
  context.with(trace.setSpan(ROOT_CONTEXT, host(1)), exports.work);
  const { spans } = await told();
  assert.deepEqual(tree(spans), ["host > work", "work > host.call", "host.call > work", "work > host.call", "host > work", "work > host.call"]);
  assert.equal(spans[4].parentSpanId, "00000000000000aa");
});

test("what the host does not sample has no spans, and counts all the same", async () => {
  const { observer, told } = observe();
  const { work } = observer.instance(module, { host: { call() {} } }).exports;
  context.with(trace.setSpan(ROOT_CONTEXT, host(0)), work);
  const { spans, points } = await told();
  assert.equal(spans.length, 0);
  assert.equal(points["wasm.function.calls"].work, 1);
});

test("without a span, a call begins a trace", async () => {
  const { observer, told } = observe();
  observer.instance(module, { host: { call() {} } }).exports.work();
  assert.equal((await told()).spans[0].parentSpanId, "");
});

test("it can be required, too", async () => {
  const { createRequire } = await import("node:module");
  const { Observer } = createRequire(import.meta.url)("waspect");
  assert.equal(typeof Observer, "function");
});
