// The conformance suite (tests/conformance) in whatever runs this file: Node, Deno, Bun.
//
//   node test/conform.mjs RUNTIME CASES    with WASPECT and OTLP_JSON as for the tests; RUNTIME is its name in excused.json

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ROOT_CONTEXT, context, trace } from "@opentelemetry/api";
import { clock, observe, wasm } from "./support.mjs";

const [runtime, folder] = process.argv.slice(2);
const excused = JSON.parse(readFileSync(join(folder, "excused.json")))[runtime] ?? {};
const HOST = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };

let active = ROOT_CONTEXT;
context.setGlobalContextManager({ active: () => active, with() {}, bind() {}, enable() {}, disable() {} });

const ENDINGS = {
  traps: (error) => error instanceof WebAssembly.RuntimeError,
  fails: (error) => error.message === "no",
  exits: (error) => error.name === "ExitStatus",
};

async function run(name) {
  const { steps, parent, ...expected } = JSON.parse(readFileSync(join(folder, `${name}.json`)));
  const { observer, told } = observe({ clock: clock() });
  const module = new WebAssembly.Module(wasm(readFileSync(join(folder, `${name}.wat`), "utf8")));
  const spanContext = { ...HOST, traceFlags: parent === "sampled" ? 1 : 0 };
  active = parent === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, trace.wrapSpanContext(spanContext));
  const instances = [];
  for (const [call, ending, at = 0] of steps) {
    const { exports } = (instances[at] ??= start(observer, module));
    if (ending === "returns") exports[call]();
    else assert.throws(exports[call], ENDINGS[ending], `${call} ${ending}`);
    assert.equal(observer.hooks.depth(), 0, `after ${call}`);
  }
  const { spans, points } = await told();
  const line = (span) => {
    const unwound = span.attributes.some(({ key }) => key === "wasm.function.unwound");
    return `${span.parent ?? ""} > ${span.name}${span.status?.code === 2 ? " !" : ""}${unwound ? " ~" : ""}`;
  };
  const found = { spans: spans.map(line), calls: points["wasm.function.calls"], errors: points["wasm.errors"] ?? {} };
  assert.deepEqual(found, expected);
  assert.equal(points["waspect.drops"], undefined);
}

function start(observer, module) {
  const exit = (status) => { throw Object.assign(new Error("exit"), { name: "ExitStatus", status }); };
  const host = {
    back: () => instance.exports.back(),
    table: () => instance.exports.table.get(0)(),
    fail: () => { throw Object.assign(new Error("no"), { name: "" }); },
    exit0: () => exit(0),
    exit3: () => exit(3),
  };
  const instance = observer.instance(module, { host });
  return instance;
}

const results = {};
for (const file of readdirSync(folder).filter((file) => file.endsWith(".wat")).sort()) {
  const name = file.slice(0, -".wat".length);
  try {
    await run(name);
    results[name] = name in excused ? "passes, though it is excused: take it off the list" : "yes";
  } catch (error) {
    const excuse = name in excused && error.message.includes(excused[name].error) ? excused[name].why : undefined;
    results[name] = excuse === undefined ? `FAILED: ${error.message}` : `no: ${excuse}`;
  }
}
const failures = Object.entries(results).filter(([, result]) => !/^(yes$|no: )/.test(result));
console.log(`${runtime}: ${Object.values(results).filter((result) => result === "yes").length} of ${Object.keys(results).length} cases pass`);
for (const [name, result] of Object.entries(results)) if (result !== "yes") console.log(`  ${name}: ${result}`);
console.log(JSON.stringify(results));
process.exit(failures.length > 0 ? 1 : 0);
