// Runs modules before and after instrumentation in Node, and compares all that JavaScript can see (bars F2 and F9): results,
// errors, calls of imports, memories, globals, tables, and which exports and table entries are the same object.
//
//   node tests/node/judge.mjs CASES.jsonl
//
// tests/src/node.rs writes the cases, a line each, since JavaScript cannot ask a module for the types of its imports. The last
// line of the output is what came of all of them, as JSON.

import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Mock } from "./mock.mjs";
import { imports, value } from "./stubs.mjs";
import { show, within } from "./words.mjs";

const DIFFERENCES_SHOWN = 10;
/** Bits of a counter; the bit above is the function's gate. */
const COUNT_BITS = 63;
const total = { modules: 0, refused: 0, calls: 0, limited: 0, traps: 0, host_calls: 0, hook_calls: 0, objects: 0, differences: 0, shown: [], refusals: [] };

for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) judge(JSON.parse(line));
console.log(JSON.stringify(total));

function judge(one) {
  const before = observe(one, one.original);
  if (before.refused) {
    total.refused += 1;
    total.refusals.push(`${one.name}: ${before.refused}`);
    return;
  }
  total.modules += 1;
  total.calls += before.calls.length;
  total.limited += before.limited ? 1 : 0;
  for (const call of before.calls) {
    total.host_calls += call.log.length;
    total.traps += call.outcome.startsWith("RuntimeError") ? 1 : 0;
  }
  total.objects += before.objects;
  const counters = [];
  for (const [mode, path] of Object.entries(one.modes)) {
    const after = observe(one, path, before.calls.length);
    total.hook_calls += after.hookCalls ?? 0;
    for (const fault of after.refused ? [after.refused] : after.faults) differ(one, mode, "the ABI is kept", fault);
    for (const [at, call] of before.calls.entries()) {
      const [was, is] = [call, after.calls?.[at]].map((call) => JSON.stringify(call));
      if (was !== is) differ(one, mode, was, is);
    }
    if (!before.limited && after.counters) counters.push(after.counters);
  }
  if (new Set(counters).size > 1) differ(one, "all modes", ...counters);
}

function differ(one, mode, before, after) {
  total.differences += 1;
  if (total.shown.length < DIFFERENCES_SHOWN) total.shown.push(`${one.name} [${mode}]\n  before ${before}\n  after  ${after}`);
}

/** Every call in order, and what is to be seen after it. A stack overflow ends the run: where it is met is no promise. */
function observe(one, path, callsMax = Infinity) {
  const seen = { calls: [], faults: [], limited: false, objects: 0 };
  const world = { log: [], exports: {}, names: one.exports };
  let module, mock, host;
  try {
    module = new WebAssembly.Module(readFileSync(path));
    if (WebAssembly.Module.imports(module).some((item) => item.module === one.hook_module)) mock = new Mock(one);
    host = imports(one.imports, world, mock);
  } catch (error) {
    return { refused: error.message };
  }
  if (mock) host[one.hook_module] = mock.hooks;
  const attempt = (name, index, call) => {
    const outcome = within(mock, world, call);
    const limited = /^RangeError.*(stack|memory)/i.test(outcome);
    seen.limited ||= limited;
    if (limited) return false;
    // A value that JavaScript cannot pass, a vector, is refused before the call.
    if (!outcome.startsWith("TypeError")) mock?.checkFirst(index);
    seen.calls.push({ name, outcome, log: world.log.splice(0), state: state(world, seen) });
    return seen.calls.length < callsMax;
  };
  const start = () => void (world.exports = new WebAssembly.Instance(module, host).exports);
  if (attempt("", undefined, start) && seen.calls[0].outcome === "returned undefined") {
    for (const call of one.calls) {
      const make = () => world.exports[call.name](...call.arguments.map(value));
      if (!attempt(call.name, call.index, make)) break;
    }
  }
  const get = world.exports[one.counter_get];
  if (get) {
    const counts = one.defined.map((index) => BigInt.asUintN(COUNT_BITS, get(index)));
    if (mock) seen.faults.push(...mock.disagreements(one.defined, counts));
    seen.counters = counts.join(" ");
  }
  seen.faults.push(...(mock?.faults ?? []));
  seen.hookCalls = mock?.calls;
  return seen;
}

/** Memories, globals and tables, and which objects are the same. */
function state(world, seen) {
  const words = [];
  const places = new Map();
  const place = (item, name) => {
    if (item === null || (typeof item !== "object" && typeof item !== "function")) return show(item, world);
    if (!places.has(item)) places.set(item, name);
    return places.get(item);
  };
  for (const name of world.names) {
    const item = world.exports[name];
    if (item === undefined) continue;
    seen.objects += 1;
    words.push(`${name} is ${place(item, name)}`);
    if (item instanceof WebAssembly.Memory) words.push(digest(item.buffer));
    else if (item instanceof WebAssembly.Global) words.push(attemptToRead(() => show(item.value, world)));
    else if (item instanceof WebAssembly.Table) {
      seen.objects += item.length;
      for (let at = 0; at < item.length; at += 1) words.push(attemptToRead(() => place(item.get(at), `${name}[${at}]`)));
    }
  }
  return words;
}

function attemptToRead(read) {
  try {
    return read();
  } catch (error) {
    return error.message;
  }
}

function digest(buffer) {
  return `${buffer.byteLength} bytes ${createHash("sha1").update(new Uint8Array(buffer).slice()).digest("base64")}`;
}
