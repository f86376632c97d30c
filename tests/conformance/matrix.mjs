// Runs the conformance suite in every runtime of JavaScript, and holds the table in the README against it.
//
//   node tests/conformance/matrix.mjs CONFORM.mjs RUNTIMES    RUNTIMES: the folder of their packages; BLESS=1 writes the table

import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const [conform, packages] = process.argv.slice(2);
const cases = fileURLToPath(new URL(".", import.meta.url));
const readme = fileURLToPath(new URL("../../README.md", import.meta.url));

const RUNTIMES = [
  ["Node 20", ["node-20/bin/node"]],
  ["Node 24", ["node-24/bin/node"]],
  ["Deno", ["@deno/linux-x64-glibc/deno", "run", "--allow-all"]],
  ["Bun", ["@oven/bun-linux-x64/bin/bun"]],
  ["Chromium", ["node-24/bin/node"]],
];

const results = {};
let failed = false;
for (const [name, [program, ...options]] of RUNTIMES) {
  const { status, stdout, stderr } = spawnSync(join(packages, program), [...options, conform, name, cases], { encoding: "utf8" });
  const lines = stdout.trimEnd().split("\n");
  console.log(lines.slice(0, -1).join("\n"));
  if (status !== 0) (failed = true), console.error(stderr);
  else results[name] = JSON.parse(lines.at(-1));
}
if (failed) process.exit(1);

const names = readdirSync(cases).filter((file) => file.endsWith(".wat")).map((file) => file.slice(0, -".wat".length)).sort();
const row = (cells) => `| ${cells.join(" | ")} |`;
const table = [
  row(["case", "wasmtime", ...Object.keys(results)]),
  row(["---", "---", ...Object.keys(results).map(() => "---")]),
  // Wasmtime is excused of nothing: its own test passes, or fails.
  ...names.map((name) => row([name, "yes", ...Object.values(results).map((result) => result[name])])),
].join("\n");

const text = readFileSync(readme, "utf8");
const block = /(<!-- conformance -->\n)[^]*?(\n<!-- \/conformance -->)/;
const wanted = text.replace(block, (_, begin, end) => begin + table + end);
if (wanted !== text && process.env.BLESS) writeFileSync(readme, wanted);
else if (wanted !== text) {
  console.error(`the table in README.md is not that of this run: BLESS=1 writes it\n${table}`);
  process.exit(1);
}
console.log(`${RUNTIMES.length} of ${RUNTIMES.length} runtimes: the cases pass`);
