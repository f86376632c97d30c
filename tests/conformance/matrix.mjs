// Runs the conformance suite in every runtime of JavaScript, and holds the table in the README against it.
//
//   node tests/conformance/matrix.mjs CONFORM.mjs RUNTIMES    RUNTIMES: the folder of their packages; BLESS=1 writes the table

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { each, table } from "../runtimes/each.mjs";

const [conform, packages] = process.argv.slice(2);
const cases = fileURLToPath(new URL(".", import.meta.url));
const readme = fileURLToPath(new URL("../../README.md", import.meta.url));

const results = each(packages, conform, cases);
if (results === undefined) process.exit(1);

const names = readdirSync(cases).filter((file) => file.endsWith(".wat")).map((file) => file.slice(0, -".wat".length)).sort();
// Wasmtime is excused of nothing: its own test passes, or fails.
const rows = names.map((name) => [name, "yes", ...Object.values(results).map((result) => result[name])]);
const written = table([["case", "wasmtime", ...Object.keys(results)], ...rows]);

const text = readFileSync(readme, "utf8");
const block = /(<!-- conformance -->\n)[^]*?(\n<!-- \/conformance -->)/;
const wanted = text.replace(block, (_, begin, end) => begin + written + end);
if (wanted !== text && process.env.BLESS) writeFileSync(readme, wanted);
else if (wanted !== text) {
  console.error(`the table in README.md is not that of this run: BLESS=1 writes it\n${written}`);
  process.exit(1);
}
console.log(`${Object.keys(results).length} of ${Object.keys(results).length} runtimes: the cases pass`);
