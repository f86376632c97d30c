// A script in every runtime of JavaScript that is pinned here. Workers and browsers are driven by a script in Node, which is told which.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const RUNTIMES = [
  ["Node 20", ["node-20/bin/node"]],
  ["Node 24", ["node-24/bin/node"]],
  ["Deno", ["@deno/linux-x64-glibc/deno", "run", "--allow-all"]],
  ["Bun", ["@oven/bun-linux-x64/bin/bun"]],
  ["workerd", ["node-24/bin/node"]],
  ["Chromium", ["node-24/bin/node"]],
  ["Firefox", ["node-24/bin/node"]],
];

/** Runs `script NAME ...options` in each: name -> what its last line says, in JSON. Prints the others; undefined where one failed. */
export function each(packages, script, ...options) {
  const results = {};
  let failed = false;
  for (const [name, [program, ...first]] of RUNTIMES) {
    const { status, stdout, stderr } = spawnSync(join(packages, program), [...first, script, name, ...options], { encoding: "utf8" });
    const lines = stdout.trimEnd().split("\n");
    if (lines.length > 1) console.log(lines.slice(0, -1).join("\n"));
    if (status !== 0) (failed = true), console.error(`${name}: ${stdout}${stderr}`);
    else results[name] = JSON.parse(lines.at(-1));
  }
  return failed ? undefined : results;
}

/** A table of Markdown. */
export const table = ([head, ...rows]) => [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
