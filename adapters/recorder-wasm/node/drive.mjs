// Modules instrumented for real, driven in Node with recorder.wasm as `waspect/hooks`: they do what they did before, and what the
// recorder exports, decoded by a crate of OpenTelemetry's own, is what happened.
//
//   node adapters/recorder-wasm/node/drive.mjs RECORDER.wasm WASPECT OTLP_JSON AS-SHA256.wasm
//
// WASPECT and OTLP_JSON are programs: the command line, and the example `otlp_json` of waspect-recorder.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { load } from "./recorder.mjs";

const CALENDAR_NS = 1e15;
const OVERFLOWS = 1_000;
const NOTHING = ["--only", "imports", "--no-imports", "--no-alloc"];
const sibling = (name) => fileURLToPath(new URL(name, import.meta.url));

const [recorderPath, waspect, otlpJson, sha256Path] = process.argv.slice(2);
/** Every way to leave a function of our own guest; every call is a span. */
async function guest() {
  const path = sibling("guest.wat");
  const observed = await observe(path, { min_duration_ns: 0, per_root_max: 4_000 });
  const [before, after] = [instantiate(observed.original), observed.instantiate()];
  assert.deepEqual(identities(after), identities(before));
  const calls = { leaf: 0, fib: 0, grow: 0, visitor: 0, trap: 0, "host.visit": 0 };
  const fibs = (n) => (n < 2 ? 1 : 1 + fibs(n - 1) + fibs(n - 2));
  const script = [["leaf", 41], ["fib", 12], ["grow", 1], ["grow", 9], ["visitor", 3], ["trap", 5], ["fib", 3], ["visitor", -2]];
  for (const [name, argument] of script) {
    if (name === "fib") calls.fib += fibs(argument);
    else if (name === "trap") calls.trap += argument + 1;
    else calls[name] += 1;
    if (name === "visitor") (calls.leaf += 2), (calls["host.visit"] += 1);
    assert.deepEqual(observed.call(after, name, argument).slice(0, 2), outcome(before, name, argument).slice(0, 2), name);
    assert.equal(observed.recorder.wasm.depth(), 0, name);
  }
  assert.deepEqual(Buffer.from(after.memory.buffer), Buffer.from(before.memory.buffer));
  const { spans, points } = observed.drain();
  assert.deepEqual(points["wasm.function.calls"], calls);
  assert.equal(points["waspect.drops"], undefined);
  assert.deepEqual(points["wasm.memory.grown"], { guest: 65_536 });
  assert.deepEqual(points["wasm.memory.grow_failures"], { guest: 1 });
  const made = {};
  for (const span of spans) made[span.name] = (made[span.name] ?? 0) + 1;
  assert.deepEqual(made, calls);
  const failed = spans.filter((span) => span.status?.code === 2);
  assert.deepEqual(failed.map((span) => span.name), Array(6).fill("trap"));
  assert.deepEqual(failed.flatMap((span) => span.events.map((event) => event.name)).filter((name) => name === "exception").length, 1);
  // Parents: each root is a call of the script, and everything else has a parent that was open when it began.
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const roots = spans.filter((span) => span.parentSpanId === "");
  assert.equal(roots.length, script.length);
  for (const span of spans.filter((span) => span.parentSpanId !== "")) {
    const parent = byId.get(span.parentSpanId);
    assert(parent && BigInt(parent.startTimeUnixNano) < BigInt(span.startTimeUnixNano), span.name);
    assert(BigInt(parent.endTimeUnixNano) >= BigInt(span.endTimeUnixNano), span.name);
  }
}

/** Hooks that die on an exhausted stack, wherever they are: what follows is exact (rule H2). */
const stackOverflows = () => overflow(1e12, ["fib"]);

/** The same where every call is a candidate for a span, so that exits need more stack than enters. */
const stackOverflowsWithSpans = () => overflow(0, Array(753).fill("fib"));

async function overflow(min_duration_ns, names) {
  const path = sibling("guest.wat");
  const observed = await observe(path, { min_duration_ns, delta: 1 });
  const after = observed.instantiate();
  const places = { clock: 0, recorder: 0, guest: 0 };
  const [, , guestPlace] = observed.call(after, "trap", 0);
  const pad = (frames, then) => (frames === 0 ? then() : pad(frames - 1, then, frames, frames));
  for (let round = 0; round < OVERFLOWS; round += 1) {
    const [ending, message, place] = pad((round * 37) % 211, () => observed.call(after, "down", round));
    assert.match(`${ending} ${message}`, /threw Maximum call stack size exceeded/);
    places[place === guestPlace ? "guest" : place === undefined ? "clock" : "recorder"] += 1;
    assert.equal(observed.recorder.wasm.depth(), 0);
    observed.drain(false);
    assert.deepEqual(observed.call(after, "fib", 13).slice(0, 2), ["returned", 233]);
    const { spans, points } = observed.drain(round % 100 === 0);
    if (round % 100 === 0) {
      assert.deepEqual(points["wasm.function.calls"], { fib: 753 });
      assert.deepEqual(spans.map((span) => span.name), names);
      // A stack of thousands of frames fills the call tree: what comes later has no node of its own, and says so.
      assert.deepEqual(Object.keys(points["waspect.drops"] ?? {}).filter((reason) => reason !== "node"), []);
    }
  }
  assert(places.recorder > 100, JSON.stringify(places));
  console.log(`where the stack ended: ${JSON.stringify(places)}`);
}

/** A module from the registry, held against Node's own SHA-256. */
async function sha256() {
  const observed = await observe(sha256Path, { min_duration_ns: 1e12 });
  const [before, after] = [instantiate(observed.original), observed.instantiate()];
  assert.deepEqual(identities(after), identities(before));
  const memory = (exports, at) => new Uint8Array(exports.memory.buffer, exports[at].value);
  for (let length = 0; length < 300; length += 1) {
    const input = Buffer.from({ length }, (_, at) => at * length);
    for (const exports of [before, after]) memory(exports, "input").set(input);
    assert.deepEqual(observed.call(after, "digest", length).slice(0, 2), outcome(before, "digest", length));
    const digests = [before, after].map((exports) => Buffer.from(memory(exports, "output").slice(0, 32)).toString("hex"));
    assert.deepEqual(digests, Array(2).fill(createHash("sha256").update(input).digest("hex")), `${length} bytes`);
    assert.equal(observed.recorder.wasm.depth(), 0);
  }
  const { spans, points } = observed.drain();
  const calls = Object.values(points["wasm.function.calls"]).reduce((sum, calls) => sum + calls);
  assert(calls > 300, `${calls} calls`);
  assert.equal(spans.filter((span) => span.name.endsWith("digest")).length, 300);
  assert.equal(points["waspect.drops"], undefined);
}

/** Instruments a module; a recorder that knows it. */
async function observe(path, options) {
  // In Wasm: a clock in JavaScript takes more stack than any hook, so that no hook would ever die beyond it.
  const clock = new WebAssembly.Instance(compile(sibling("clock.wat"), NOTHING)).exports;
  const recorder = await load(recorderPath, clock);
  const [original, instrumented] = [compile(path, NOTHING), compile(path, [])];
  const calendar = () => CALENDAR_NS + Math.round(clock.time.value * 1e6);
  assert.equal(WebAssembly.Module.imports(original).filter((one) => one.module === "waspect/hooks").length, 0);
  recorder.configure(options, Buffer.alloc(16, 5), "drive", CALENDAR_NS);
  assert(recorder.addManifest(Buffer.from(WebAssembly.Module.customSections(instrumented, "waspect")[0])));
  return {
    recorder, original,
    /** An instance as an adapter makes it: a start function is a call from the host. */
    instantiate() {
      const scope = recorder.scopeBegin(calendar());
      const exports = instantiate(instrumented, recorder.hooks);
      recorder.scopeEnd(scope, "returned");
      return exports;
    },
    /** A call as an adapter makes it: within a scope that ends as the call did. */
    call(exports, name, argument) {
      const scope = recorder.scopeBegin(calendar());
      const [ending, result, place] = outcome(exports, name, argument);
      if (ending === "returned") recorder.scopeEnd(scope, "returned");
      else recorder.scopeEnd(scope, "trapped", { text: ["trap", result, ""] });
      return [ending, result, place];
    },
    /** What was recorded since the last time. */
    drain(wanted = true) {
      recorder.wasm.tick();
      const [traces, metrics] = [recorder.traces(), recorder.metrics(calendar())];
      return wanted ? { spans: spansOf(decode("traces", traces)), points: pointsOf(decode("metrics", metrics)) } : {};
    },
  };
}

/** Compiles a module as the command leaves it with these options; with NOTHING that is a binary of the same module. */
function compile(path, options) {
  const bytes = execFileSync(waspect, ["instrument", path, ...options, "-o", "-"], { stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 28 });
  return new WebAssembly.Module(bytes);
}

function instantiate(module, hooks = {}) {
  const host = { visit: (value) => (exports.leaf(value) * 2) | 0 };
  const env = { abort: () => { throw new Error("abort"); } };
  const { exports } = new WebAssembly.Instance(module, { "waspect/hooks": hooks, host, env });
  return exports;
}

/** How a call ended, its result or message, and the module whose function an error's stack begins with; none: JavaScript. */
function outcome(exports, name, argument) {
  try {
    return ["returned", exports[name](argument)];
  } catch (error) {
    return ["threw", error.message, /wasm:\/\/wasm\/([^:]*)/.exec(error.stack.split("\n")[1])?.[1]];
  }
}

/** Which exports and table entries are the same object (bar F9). */
function identities(exports) {
  const values = Object.entries(exports).filter(([name]) => !name.startsWith("waspect_"));
  const tables = values.filter(([, value]) => value instanceof WebAssembly.Table);
  const entries = tables.flatMap(([name, table]) => Array.from({ length: table.length }, (_, at) => [`${name}[${at}]`, table.get(at)]));
  const all = [...values, ...entries];
  return all.map(([name, value]) => [name, all.filter(([, other]) => other === value).map(([other]) => other)]);
}

/** A request as OTLP's JSON. */
function decode(signal, bytes) {
  return JSON.parse(execFileSync(otlpJson, [signal], { input: bytes, maxBuffer: 1 << 28 }));
}

function spansOf(request) {
  return (request.resourceSpans ?? []).flatMap((one) => one.scopeSpans).flatMap((scope) => scope.spans);
}

/** Metric -> what the point is about -> value. */
function pointsOf(request) {
  const metrics = request.resourceMetrics.flatMap((one) => one.scopeMetrics).flatMap((scope) => scope.metrics);
  const about = (point) => {
    const all = Object.fromEntries(point.attributes.map(({ key, value }) => [key, value.stringValue]));
    return all["waspect.drop.reason"] ?? all["code.function.name"] ?? all["wasm.module.name"] ?? "";
  };
  const value = (point) => Number(point.asInt ?? point.asDouble ?? point.count);
  return Object.fromEntries(metrics.map((metric) => {
    const { dataPoints } = metric.sum ?? metric.gauge ?? metric.exponentialHistogram;
    return [metric.name, Object.fromEntries(dataPoints.map((point) => [about(point), value(point)]))];
  }));
}

const cases = [guest, stackOverflows, stackOverflowsWithSpans, sha256];
const failures = [];
for (const run of cases) {
  try {
    await run();
  } catch (error) {
    failures.push(`${run.name}: ${error.stack}`);
  }
}
console.log(`${cases.length - failures.length} of ${cases.length} cases pass`);
if (failures.length > 0) {
  console.error(failures.join("\n"));
  process.exit(1);
}
