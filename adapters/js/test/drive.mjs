// A case of the conformance suite, driven: anywhere where there is JavaScript, so nothing of Node's is used here.

import { accessors } from "./accessors.mjs";
import { ROOT_CONTEXT, context, trace } from "@opentelemetry/api";
import { Observer } from "waspect";

const GATE = 1n << 63n;
const HOST = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };

let active = ROOT_CONTEXT;
context.setGlobalContextManager({ active: () => active, with() {}, bind() {}, enable() {}, disable() {} });

/**
 * What each step of a case came to: `modules` are the case's, and the one that it links. How each ended, how many frames were open then, the first
 * instance's counters of so many functions, and what the Observer sent.
 */
export async function drive(modules, { steps, parent, options, links, instrumented, counted }) {
  let now = 0;
  const batches = [];
  const observer = new Observer({
    serviceName: "test",
    minDurationMs: 0,
    overheadBudget: Infinity,
    sampleRatio: options?.sample_ratio,
    spansPerRoot: options?.spans_per_root,
    stacks: options?.stacks,
    clock: { now: () => (now += 0.001), unix: () => 1e9 + now },
    sink: ({ signal, bytes }) => batches.push({ signal, bytes: Array.from(bytes) }),
  });
  await observer.ready;
  const compiled = modules.map((one) => (one instanceof WebAssembly.Module ? one : new WebAssembly.Module(Uint8Array.from(one))));
  const spanContext = { ...HOST, traceFlags: parent === "sampled" ? 1 : 0 };
  active = parent === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, trace.wrapSpanContext(spanContext));
  const [instances, endings] = [[], []];
  for (const [call, , at = 0] of steps) {
    const { exports } = (instances[at] ??= start(observer, compiled, links));
    // Without a manifest nobody knows which exports are the boundary.
    const run = instrumented ? () => observer.scope(exports[call]) : exports[call];
    endings.push([ending(run), observer.hooks.depth()]);
  }
  await observer.flush();
  const { counters } = instances[0];
  return { endings, batches, counters: Array.from({ length: counted }, (_, func) => Number(BigInt.asUintN(63, counters.get(func)))) };
}

function ending(call) {
  try {
    call();
    return "returns";
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) return "traps";
    return error.name === "ExitStatus" ? "exits" : error.message === "no" ? "fails" : String(error);
  }
}

function start(observer, [module, linked], links) {
  const exit = (status) => { throw Object.assign(new Error("exit"), { name: "ExitStatus", status }); };
  const gate = (func, bit) => counters.set(func, BigInt.asIntN(64, BigInt.asUintN(63, counters.get(func)) | bit));
  const host = {
    close: (func) => gate(func, 0n),
    open: (func) => gate(func, GATE),
    back: () => instance.exports.back(),
    table: () => instance.exports.table.get(0)(),
    attempt: () => {
      try {
        instance.exports.table.get(0)();
      } catch (error) {
        if (error.message !== "no") throw error;
      }
    },
    fail: () => { throw Object.assign(new Error("no"), { name: "" }); },
    exit0: () => exit(0),
    exit3: () => exit(3),
  };
  const lower = linked && { [links]: observer.instance(linked, {}).exports };
  const instance = observer.instance(module, { host, ...lower });
  const counters = accessors.at(-1);
  return { exports: instance.exports, counters };
}
