// Spans through a provider that no one here wrote: the same tree, times, attributes and errors as by OTLP.

import assert from "node:assert/strict";
import { test } from "node:test";
import { InMemorySpanExporter, SimpleSpanProcessor, WebTracerProvider } from "@opentelemetry/sdk-trace-web";
import { through } from "waspect/provider";
import { attributes, clock, decode, observe, tree, wasm } from "./support.mjs";

const module = new WebAssembly.Module(wasm(`(module
  (import "host" "ask" (func $ask))
  (func $deep (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "work") (call $deep (i32.const 300)) (call $ask))
  (func (export "trap") unreachable))`));

test("spans of a provider are the recorder's, but for their ids", async () => {
  const exporter = new InMemorySpanExporter();
  const sink = through(new WebTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  const batches = [];
  const taken = [];
  const { observer } = observe({ clock: clock(), spansPerRoot: 400, sink: (batch) => (batches.push(batch), taken.push([batch.signal, sink(batch)])) });
  const { work, trap } = observer.instance(module, { host: { ask() {} } }).exports;
  work();
  assert.throws(trap);
  await observer.flush();
  assert(taken.filter(([signal]) => signal === "traces").length > 1, "a tree that is in several batches");
  assert(taken.every(([signal, mine]) => mine === (signal === "traces")), "metrics are left to the endpoint");

  const { spans } = decode(batches);
  const replayed = exporter.getFinishedSpans();
  const names = new Map(replayed.map((span) => [span.spanContext().spanId, span.name]));
  const nanoseconds = ([seconds, rest]) => BigInt(seconds) * 1_000_000_000n + BigInt(rest);
  const seen = replayed.map((span) => ({
    name: span.name,
    parent: names.get(span.parentSpanContext?.spanId) ?? null,
    start: nanoseconds(span.startTime),
    end: nanoseconds(span.endTime),
    attributes: span.attributes,
    error: span.status.code === 2 ? span.status.message : undefined,
    events: span.events.map(({ name, attributes }) => [name, attributes["exception.type"]]),
  }));
  const numbers = (all) => Object.fromEntries(Object.entries(all).map(([key, value]) => [key, /^\d+$/.test(value) ? Number(value) : value]));
  const expected = spans.map((span) => ({
    name: span.name,
    parent: span.parent,
    start: BigInt(span.startTimeUnixNano),
    end: BigInt(span.endTimeUnixNano),
    attributes: numbers(attributes(span)),
    error: span.status?.code === 2 ? (span.status.message ?? "") : undefined,
    events: (span.events ?? []).map((event) => [event.name, attributes(event)["exception.type"]]),
  }));
  const order = (a, b) => (a.start < b.start ? -1 : 1);
  assert.deepEqual(seen.sort(order), expected.sort(order));
  assert.equal(seen.length, 304);
  assert.equal(new Set(replayed.map((span) => span.spanContext().traceId)).size, 2);
  assert.deepEqual(tree(spans).slice(0, 2), [" > work", "work > deep"]);
});

test("a provider that throws harms nobody, and what it did not take is counted", async () => {
  const sink = through({ getTracer() { throw new Error("no"); } });
  const { observer } = observe({ sink: (batch) => batch.signal === "metrics" || sink(batch) });
  observer.instance(module, { host: { ask() {} } }).exports.work();
  const health = await observer.flush();
  assert(health.dropped > 0);
});
