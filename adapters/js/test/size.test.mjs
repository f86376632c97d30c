// What a page downloads: the adapter as a bundler leaves it, and recorder.wasm.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bundle } from "./bundle.mjs";

/** Ratchets: lower them when it gets smaller, and say in the commit why when it grows. */
const ADAPTER_MAX = 8_520;
const ALL_MAX = 37_700;

const root = fileURLToPath(new URL("..", import.meta.url));
const built = (name) => bundle(`export * from "./dist/${name}";`, root);
const gzipped = (bytes) => gzipSync(bytes, { level: 9 }).length;

test("a page downloads little, and nothing that its policy would forbid", () => {
  const [code, wasm] = [built("index.js"), readFileSync(join(root, "recorder.wasm"))];
  const [adapter, recorder] = [gzipped(code), gzipped(wasm)];
  console.log(`adapter ${adapter} + recorder.wasm ${recorder} = ${adapter + recorder} bytes gzipped`);
  assert(adapter <= ADAPTER_MAX && adapter + recorder <= ALL_MAX, `${adapter} + ${recorder}`);
  assert.doesNotMatch(code.toString(), /\beval\b|new Function|node:|require\(/);
});

test("register and hooks are bundles of their own", () => {
  for (const name of ["register.js", "hooks.js"]) assert(gzipped(built(name)) < ADAPTER_MAX + 600, name);
});
