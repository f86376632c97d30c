// What a call costs in whatever runs this, so nothing of Node's is used here: not instrumented, with gates closed, counted, with hooks that do
// nothing, recorded; and what two looks at the clock cost there.

import { Observer } from "waspect";

const ROUNDS = 15;
/** As long as a round is, it is measured: clocks of browsers go in steps of a millisecond. */
const ROUND_MS = 40;
const LOOKS = 100_000;

let looked = 0;

/** Nanoseconds a call by program; compiling, in milliseconds, where a runtime does that. `calls`: how many calls one `run` is. */
export async function drive(modules, { calls }) {
  const [original, counts, recorded, empty, ...compiled] = modules;
  const observer = new Observer({ overheadBudget: Infinity, minDurationMs: 1_000, sink() {} });
  await observer.ready;
  const hooks = { "waspect/hooks": instance(empty).exports };
  const off = instance(recorded, hooks).exports;
  // Bit 63 is the gate.
  for (const func of [0, 1]) off.waspect_counter_set(func, 0n);
  const programs = {
    original: instance(original).exports.run,
    "gates closed": off.run,
    counts: instance(counts).exports.run,
    "empty hooks": instance(recorded, hooks).exports.run,
    calls: observer.instance(module(recorded)).exports.run,
  };
  const ns = Object.fromEntries(Object.entries(await medians(programs)).map(([name, ms]) => [name, (ms * 1e6) / calls]));
  ns["two clock reads"] = ((await medians({ look })).look * 1e6 * 2) / LOOKS;
  return { ns, ms: compiled.length > 0 && !(original instanceof WebAssembly.Module) ? await compiling(compiled) : undefined };
}

const module = (one) => (one instanceof WebAssembly.Module ? one : new WebAssembly.Module(Uint8Array.from(one)));
const instance = (one, imports) => new WebAssembly.Instance(module(one), imports);

/** Looks at the clock, for something that somebody takes: else engines leave it out. */
function look() {
  for (let count = 0; count < LOOKS; count += 1) looked += performance.now();
}

async function compiling([original, instrumented]) {
  return medians({ original: anew(original), instrumented: anew(instrumented) });
}

/** Compiles a module that no engine has met: some keep what they compiled, by its bytes. */
function anew(bytes) {
  // A custom section without a name, of four bytes that count.
  const all = Uint8Array.from([...bytes, 0, 5, 0, 0, 0, 0, 0]);
  const count = new DataView(all.buffer, all.length - 4);
  return () => (count.setUint32(0, count.getUint32(0) + 1), new WebAssembly.Module(all));
}

/** Milliseconds that one run takes, the median of rounds in which all take turns. */
async function medians(programs) {
  const repeats = {};
  for (const [name, run] of Object.entries(programs)) {
    // What is compiled better after a while has been by then.
    for (let warm = 0; warm < 3; warm += 1) repeats[name] = Math.max(1, Math.ceil(ROUND_MS / Math.max(time(run, 1), 0.05)));
  }
  const times = Object.fromEntries(Object.keys(programs).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, run] of Object.entries(programs)) times[name].push(time(run, repeats[name]) / repeats[name]);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, list.sort((a, b) => a - b)[ROUNDS >> 1]]));
}

function time(run, repeats) {
  const start = performance.now();
  for (let count = 0; count < repeats; count += 1) run();
  return performance.now() - start;
}
