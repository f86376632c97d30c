// What tests share: modules instrumented by the command line, an Observer whose batches stay here, and what they say, decoded by a
// program that uses OpenTelemetry's own crate.
//
//   WASPECT, OTLP_JSON: those programs; MODULES: a folder of real modules.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Observer } from "waspect";

const { WASPECT, OTLP_JSON, MODULES } = process.env;
const folder = mkdtempSync(join(tmpdir(), "waspect-js-"));

/** The bytes of a module of text, instrumented or, with these options, only made binary. */
export function wasm(text, ...options) {
  const path = join(folder, "module.wat");
  writeFileSync(path, text);
  return run(WASPECT, ["instrument", path, "-o", "-", ...options]);
}

/** The same of a module that Binaryen's Asyncify has gone over. */
export const asyncified = (text) => run(WASPECT, ["instrument", binaryen("wasm-opt", text, "--asyncify"), "-o", "-"]);

/** The bytes of a module of text that says itself that it is instrumented: the command line would refuse it. */
export const binary = (text) => readFileSync(binaryen("wasm-as", text));

/** What a program of Binaryen's makes of a module of text: a file. */
function binaryen(program, text, ...options) {
  const [from, to] = ["module.wat", "module.wasm"].map((name) => join(folder, name));
  writeFileSync(from, text);
  run("node", [fileURLToPath(new URL(`../node_modules/binaryen/bin/${program}`, import.meta.url)), from, ...options, "-o", to]);
  return to;
}

export const NOTHING = ["--only", "imports", "--no-imports", "--no-alloc"];

/** A real module's bytes, instrumented. */
export const real = (name) => run(WASPECT, ["instrument", join(MODULES, `${name}.wasm`), "-o", "-"]);
export const original = (name) => readFileSync(join(MODULES, `${name}.wasm`));

const run = (program, options, input) => execFileSync(program, options, { input, maxBuffer: 1 << 28, stdio: ["pipe", "pipe", "ignore"] });

/** An Observer that keeps what it would send; every call is a span. */
export function observe(options = {}) {
  const batches = [];
  const observer = new Observer({ serviceName: "test", minDurationMs: 0, overheadBudget: Infinity, sink: (batch) => batches.push(batch), ...options });
  return {
    observer,
    batches,
    /** Spans and points since the last time. */
    async told() {
      await observer.flush();
      return decode(batches.splice(0));
    },
  };
}

/** Spans with their parents' names, by start; metric -> what a point is about -> its value, summed over batches. */
export function decode(batches) {
  const [spans, points] = [[], {}];
  for (const { signal, bytes } of batches) {
    if (signal === "profiles") continue;
    const request = JSON.parse(run(OTLP_JSON, [signal], bytes));
    for (const scope of (request.resourceSpans ?? request.resourceMetrics).flatMap((one) => one.scopeSpans ?? one.scopeMetrics)) {
      spans.push(...(scope.spans ?? []));
      for (const metric of scope.metrics ?? []) {
        for (const point of (metric.sum ?? metric.gauge ?? metric.exponentialHistogram).dataPoints) {
          const about = attributes(point);
          const key = about["waspect.drop.reason"] ?? about["error.type"] ?? about["code.function.name"] ?? about["wasm.module.name"] ?? "";
          const of = (points[metric.name] ??= {});
          of[key] = (metric.gauge ? 0 : (of[key] ?? 0)) + Number(point.asInt ?? point.asDouble ?? point.count);
        }
      }
    }
  }
  const names = new Map(spans.map((span) => [span.spanId, span.name]));
  spans.sort((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)) || Number(BigInt(b.endTimeUnixNano) - BigInt(a.endTimeUnixNano)));
  for (const span of spans) span.parent = names.get(span.parentSpanId) ?? (span.parentSpanId === "" ? null : "host");
  return { spans, points };
}

export const attributes = (one) => Object.fromEntries(one.attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

/** `parent > name` of each span, and `!` where it is an error. */
export const tree = (spans) => spans.map((span) => `${span.parent ?? ""} > ${span.name}${span.status?.code === 2 ? " !" : ""}`);

/** A clock that goes on by a microsecond at each look. */
export function clock() {
  let now = 0;
  return { now: () => (now += 0.001), unix: () => 1e9 + now };
}
