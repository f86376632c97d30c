// The conformance vectors (spec/vectors), run by recorder.wasm in Node: the second host of the same rules.
//
//   node adapters/recorder-wasm/node/vectors.mjs RECORDER.wasm RECORDER-STACKS.wasm RECORDER-PROFILE.wasm

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { attributes, fields, items, message, points, text } from "./otlp.mjs";
import { load } from "./recorder.mjs";

const CALENDAR_NS = 1e15;
const END_NS = 1e10;
const BUILD = 0x0123456789abcdefn;
const HOST_SPAN = Buffer.alloc(8, 9);

const folder = new URL("../../../spec/vectors/", import.meta.url);
/** What the first one has not got. */
const STACKS = ["lane", "enter_or_resume", "exit_or_suspend"];

const recorders = process.argv.slice(2);
const [plain] = recorders;
let cases = 0;
const failures = [];
for (const path of recorders) {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json")).sort()) {
    for (const vector of JSON.parse(readFileSync(new URL(file, folder)))) await count(path, file, vector);
  }
}
console.log(`${cases - failures.length} of ${cases} cases pass`);
if (failures.length > 0 || cases < 70) {
  console.error(failures.join("\n"));
  process.exit(1);
}

async function count(path, file, vector) {
  // Mode `ring` is not for JavaScript.
  if (vector.steps.some(([op]) => op === "ring" || (path === plain && STACKS.includes(op)))) return;
  cases += 1;
  try {
    await run(path, vector);
  } catch (error) {
    failures.push(`${path}: ${file}: ${vector.name}: ${error.message}`);
  }
}

async function run(path, vector) {
  const clock = { ns: 0 };
  const recorder = await load(path, clock);
  const defaults = { leak_age_ns: 1e12, min_duration_ns: 100, open_root_ns: 1e12, per_root_max: 1000, depth_max: 1000 };
  const options = Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, vector[name] ?? value]));
  recorder.configure(options, Buffer.alloc(16, 5), "vectors", CALENDAR_NS);
  const named = Array.isArray(vector.functions);
  if (named) assert(recorder.addManifest(manifest(vector.functions)));
  const count = named ? vector.functions.length : vector.functions;
  const [high, low] = [Number(BUILD >> 32n), Number(BUILD & 0xffffffffn)];
  recorder.hooks.module(0, high, low, count);
  const tokens = {};
  for (const step of vector.steps) take(recorder, clock, tokens, step, [high, low]);
  clock.ns = END_NS;
  recorder.wasm.tick();
  assert.deepEqual(spans(recorder.traces()), vector.spans);
  const metrics = new Map(items(recorder.metrics(CALENDAR_NS + 1)).map((metric) => [text(metric.one(1)), metric]));
  const found = (name) => (metrics.has(name) ? points(metrics.get(name)) : {});
  for (const [name, expected] of Object.entries(vector.metrics)) assert.deepEqual(found(name), expected, name);
  assert.deepEqual(found("waspect.drops"), vector.drops, "drops");
}

function take(recorder, clock, tokens, step, [high, low]) {
  const [op, ...rest] = step;
  const { hooks, wasm } = recorder;
  const token = (name) => (typeof name === "string" ? tokens[name] : name);
  const open = (value, name) => {
    if (typeof name === "string") assert.notEqual((tokens[name] = value >>> 0), 0, `${step}`);
    else assert.equal(value >>> 0, name, `${step}`);
  };
  if (!["lane", "context", "counts"].includes(op)) clock.ns = rest.shift();
  const wall = CALENDAR_NS + clock.ns;
  if (op === "module") assert.equal(hooks.module(rest[0], high, low, rest[1]) >>> 0, rest[2]);
  else if (op === "enter" || op === "begin") open(hooks[op](rest[0]), rest[1]);
  else if (op === "exit" || op === "end" || op === "unwind" || op === "unwound") hooks[op](token(rest[0]));
  else if (op === "enter_or_resume") open(hooks[op](...rest.slice(0, 4)), rest[4]);
  else if (op === "exit_or_suspend") hooks[op](token(rest[0]), rest[1]);
  else if (op === "alloc" || op === "grow") hooks[op](...rest);
  else if (op === "scope") {
    const flags = rest[1] === "sampled" ? 1 : 0;
    open(recorder.scopeBegin(wall, rest[1] && { traceId: Buffer.alloc(16, 8), spanId: HOST_SPAN, flags }), rest[0]);
  } else if (op === "scope_end") {
    const [kind, detail] = typeof rest[1] === "string" ? [rest[1]] : Object.entries(rest[1])[0];
    recorder.scopeEnd(token(rest[0]), kind, { code: detail | 0, text: [`${detail}`, "a message", "a backtrace"] });
  } else if (op === "anchor") wasm.anchor(wall / 1e6);
  else if (op === "lane") wasm.lane(rest[0]);
  else if (op === "context") assert.equal(wasm.context(), 25);
  else if (op === "counts") wasm.counts(0, rest[0], 0, rest[1]);
  else if (op === "instance_end") wasm.instance_end(rest[0], rest[1]);
  else if (op === "drain") wasm.tick();
  else assert.fail(`no step ${op}`);
}

function manifest(names) {
  const functions = names.map((name, index) => {
    const [isImport, boundary] = [name.endsWith("@"), name.endsWith("!")];
    return [6, message([1, index], [2, name.replace(/[!@]$/, "")], [3, isImport ? 1 : 0], [4, 1], [5, boundary ? 1 : 0])];
  });
  return message([2, BUILD], [4, "m"], [5, names.length], ...functions, [7, message([3, 16])]);
}

/** Spans as the vectors write them, by start, the longest first. */
function spans(request) {
  const all = items(request);
  const hex = (bytes) => Buffer.from(bytes ?? []).toString("hex");
  const names = new Map(all.map((span) => [hex(span.one(2)), text(span.one(5))]));
  const time = (value) => Number(value.int) - CALENDAR_NS;
  const laidOut = all.map((span) => {
    const parentId = hex(span.one(4));
    const host = parentId === HOST_SPAN.toString("hex");
    const status = span.one(15) && fields(span.one(15)).one(3) === 2n ? "error" : "unset";
    const one = {
      name: text(span.one(5)),
      parent: parentId === "" ? null : host ? "host" : names.get(parentId),
      start: time(span.one(7)),
      end: time(span.one(8)),
      status,
    };
    const rest = Object.entries(attributes(span.all(9))).filter(([name]) => !name.startsWith("code.") && name !== "wasm.module.name");
    if (rest.length > 0) one.attributes = Object.fromEntries(rest);
    const events = span.all(11).map(fields).map((event) => {
      const [name, about] = [text(event.one(2)), attributes(event.all(3))];
      if (name !== "exception") return { [name]: about };
      assert.equal(about["exception.message"], "a message");
      assert.equal(about["exception.stacktrace"], "a backtrace");
      return name;
    });
    if (events.length > 0) one.events = events;
    return one;
  });
  return laidOut.sort((a, b) => a.start - b.start || b.end - a.end);
}
