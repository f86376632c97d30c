// What a call costs in every runtime of JavaScript, and what compiling does: each in one run of its own, medians.
//
//   node tests/runtimes/calls.mjs CALLS.mjs RUNTIMES    RUNTIMES: the folder of their packages

import { each, table } from "./each.mjs";

const [script, packages] = process.argv.slice(2);
const results = each(packages, script);
if (results === undefined) process.exit(1);

const programs = Object.keys(Object.values(results)[0].ns);
const ns = Object.entries(results).map(([name, { ns }]) => [name, ...programs.map((program) => ns[program].toFixed(1))]);
console.log(table([["ns a call", ...programs], ...ns]));
const compiled = Object.entries(results).filter(([, { ms }]) => ms);
const ms = compiled.map(([name, { ms }]) => {
  const [original, instrumented] = [ms.original, ms.instrumented];
  return [name, original.toFixed(1), instrumented.toFixed(1), `x${(instrumented / original).toFixed(2)}`];
});
console.log(table([["compiling SQLite, ms", "original", "instrumented", "ratio"], ...ms]));
