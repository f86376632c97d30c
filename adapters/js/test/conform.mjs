// The conformance suite (tests/conformance) in whatever runs this file, Node, Deno or Bun; or, where it
// is named so, in a page of a browser or in a Worker.
//
//   node test/conform.mjs RUNTIME CASES    with WASPECT and OTLP_JSON as for the tests; RUNTIME is its name in excused.json

import "./accessors.mjs";
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { driver } from "./drivers.mjs";
import { binary, decode, wasm } from "./support.mjs";

const [runtime, folder] = process.argv.slice(2);
const excused = JSON.parse(readFileSync(join(folder, "excused.json")))[runtime] ?? {};
const { drive, close } = await driver(runtime, "./drive.mjs");

/** Fields of a case, and the metrics that they are about. */
const METRICS = {
  calls: "wasm.function.calls",
  errors: "wasm.errors",
  allocated: "wasm.function.allocated",
  live: "wasm.function.live",
  drops: "waspect.drops",
};

async function run(name) {
  const { steps, parent, options, links, instrumented, counters = [], ...expected } = JSON.parse(readFileSync(join(folder, `${name}.json`)));
  const text = (path) => readFileSync(join(folder, `${path}.wat`), "utf8");
  const module = instrumented ? binary(text(name)) : wasm(text(name));
  const modules = [module, ...(links ? [wasm(text(`linked/${links}`))] : [])].map((bytes) => Array.from(bytes));
  const about = { steps, parent, options, links, instrumented, counted: counters.length };
  const { endings, batches, ...held } = await drive(modules, about);
  assert.deepEqual(held.counters, counters, "calls as the instance counts them");
  assert.deepEqual(endings, steps.map(([, ending]) => [ending, 0]), "how steps end, and frames that are open then");
  const { spans, points } = decode(batches.map(({ signal, bytes }) => ({ signal, bytes: Uint8Array.from(bytes) })));
  const line = (span) => {
    const unwound = span.attributes.some(({ key }) => key === "wasm.function.unwound");
    return `${span.parent ?? ""} > ${span.name}${span.status?.code === 2 ? " !" : ""}${unwound ? " ~" : ""}`;
  };
  const found = Object.fromEntries(Object.entries(METRICS).map(([field, metric]) => [field, points[metric] ?? {}]));
  const nothing = Object.fromEntries(Object.keys(METRICS).map((field) => [field, {}]));
  assert.deepEqual({ spans: spans.map(line), ...found }, { ...nothing, ...expected });
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
await close?.();
const failures = Object.entries(results).filter(([, result]) => !/^(yes$|no: )/.test(result));
console.log(`${runtime}: ${Object.values(results).filter((result) => result === "yes").length} of ${Object.keys(results).length} cases pass`);
for (const [name, result] of Object.entries(results)) if (result !== "yes") console.log(`  ${name}: ${result}`);
console.log(JSON.stringify(results));
process.exit(failures.length > 0 ? 1 : 0);
