// The rewriter in the package: real modules come out as the native program makes them, and so do the files of each option.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { instrument, InstrumentError } from "waspect/instrument";
import { NOTHING, original, real, wasm } from "./support.mjs";

const { WASPECT, MODULES } = process.env;
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "waspect-instrument-"));
const NODE = [process.execPath, fileURLToPath(new URL("../dist/cli.js", import.meta.url))];

test("real modules are what the native program makes of them", async () => {
  // One of each kind: others of the same compilers would take a minute more.
  const names = readdirSync(MODULES).filter((name) => !/component|canvaskit.wasm|pii-shield|-floaty|_[012]\./.test(name));
  let bytes = 0;
  for (const name of names) {
    const native = run(WASPECT, ["instrument", join(MODULES, name), "-o", "-"], { encoding: "buffer", maxBuffer: 1 << 28 });
    const made = await instrument(readFileSync(join(MODULES, name)));
    assert((await native).stdout.equals(made.bytes), name);
    bytes += made.bytes.length;
  }
  console.log(`${names.length} modules, ${bytes} bytes, the same`);
  assert(names.length >= 20);
});

/** A module with a source map beside it, one whose map is not there, and names for one that has none. */
const mapped = (url) => wasm(`(module (@custom "sourceMappingURL" "${url}") (func (export "run") (param i32) (result i32)
  (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2)))))`, ...NOTHING);
const inputs = {
  mapped: () => written("mapped.wasm", mapped("\\0amapped.map"), { "mapped.map": sourceMap(mapped("\\0amapped.map")) }),
  lost: () => written("lost.wasm", mapped("\\0aabsent.map")),
};
const SYMBOLS = join(folder, "symbols");
writeFileSync(SYMBOLS, "30:thirty\n31:std::vector<int>::push_back\n");

for (const [input, ...options] of [
  ["sqljs", "--mode", "counts"],
  ["sqljs", "--mode", "ring", "--exclude", "sqlite3*", "--min-body", "40"],
  ["tiktoken", "--manifest", "sidecar", "--include", "*alloc*", "--function", "112,113", "--function", "114"],
  ["as-sha256", "--alloc", "malloc=10", "--only", "exports", "--no-imports"],
  ["brotli", "--no-alloc", "--only", "imports"],
  ["micropython", "--exact-unwind"],
  ["as-sha256", "--include", "nothing of this name", "--manifest", "sidecar"],
  ["qjs-reactor", "--strip-debug"],
  ["qjs-reactor", "--debug-out", "OUT/debug/out.debug.wasm"],
  ["sqljs", "--symbols", SYMBOLS],
  ["mapped"],
  ["mapped", "--strip-debug"],
  ["lost"],
]) {
  test(`the command line as the native one: ${[input, ...options].map((word) => word.split("/").at(-1)).join(" ")}`, () => {
    const path = inputs[input]?.() ?? join(MODULES, `${input}.wasm`);
    const files = [[WASPECT], NODE].map(([program, ...words]) => {
      const out = join(folder, "out");
      mkdirSync(join(out, "debug"), { recursive: true });
      const all = options.map((option) => option.replace("OUT", out));
      execFileSync(program, [...words, "instrument", path, "-o", join(out, "out.wasm"), ...all], { stdio: ["ignore", "ignore", "pipe"] });
      const made = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      const contents = made.map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name)).toString("base64")]);
      rmSync(out, { recursive: true });
      return contents.sort();
    });
    assert.deepEqual(files[0].map(([name]) => name), files[1].map(([name]) => name));
    for (const [at, [name, bytes]] of files[0].entries()) assert(bytes === files[1][at][1], name);
  });
}

function sourceMap(module) {
  const start = module.indexOf("\x04\x40", "latin1");
  return JSON.stringify({ version: 3, sources: ["mapped.ts"], names: [], mappings: [start, 2, 2, 2].map((by) => `${vlq(by)}ACA`).join() });
}

function vlq(number) {
  const digits = [];
  for (let rest = number << 1; ; rest >>= 5) {
    digits.push((rest & 31) | (rest > 31 ? 32 : 0));
    if (rest <= 31) return digits.map((digit) => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[digit]).join("");
  }
}

function written(name, bytes, others = {}) {
  for (const [name, text] of Object.entries(others)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

test("what one refuses, the other refuses, and says why", () => {
  const instrumented = written("again.wasm", real("sqljs"));
  for (const [code, pattern, ...words] of [
    [1, /already instrumented/, instrumented, "-o", join(folder, "x.wasm")],
    [1, /not a WebAssembly module/, written("text.wasm", "hello"), "-o", join(folder, "x.wasm")],
    [1, /glob/, join(MODULES, "sqljs.wasm"), "-o", join(folder, "x.wasm"), "--include", "[z-a]"],
    [1, /function 99999/, join(MODULES, "sqljs.wasm"), "-o", join(folder, "x.wasm"), "--function", "99999"],
    [undefined, /input|same file/, instrumented, "-o", instrumented],
    [2, /mode/, instrumented, "-o", join(folder, "x.wasm"), "--mode", "fast"],
    [2, /role|alloc/, instrumented, "-o", join(folder, "x.wasm"), "--alloc", "new=1"],
    [2, /output/, instrumented],
  ]) {
    for (const [program, ...first] of [[WASPECT], NODE]) {
      const { status, stderr } = spawnSync(program, [...first, "instrument", ...words], { encoding: "utf8" });
      assert.match(stderr, pattern);
      assert(code === undefined ? status > 0 : status === code, `${program} ${words.join(" ")}: ${status}`);
    }
  }
});

test("modules pass through pipes", () => {
  const [module, words] = [original("as-sha256"), ["instrument", "-", "-o", "-"]];
  const [native, ours] = [[WASPECT], NODE].map(([program, ...first]) => execFileSync(program, [...first, ...words], { input: module }));
  assert(native.equals(ours));
});

test("a typing error in an option is told, and hostile bytes are refused", async () => {
  await assert.rejects(instrument(original("as-sha256"), { inclde: [] }), /unknown field `inclde`/);
  const module = original("as-sha256");
  for (let at = 0; at < 500; at += 1) {
    const bytes = Uint8Array.from(module);
    bytes[(at * 7919) % bytes.length] ^= 1 << at % 8;
    await instrument(bytes).catch((error) => {
      if (!(error instanceof InstrumentError) || /failed/.test(error.message)) throw error;
    });
  }
});
