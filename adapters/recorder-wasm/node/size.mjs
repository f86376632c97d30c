// recorder.wasm is small, and needs only what every engine has.
//
//   node adapters/recorder-wasm/node/size.mjs RECORDER.wasm

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** A ratchet: lower it when it gets smaller, and say in the commit why when it grows. */
const GZIPPED_MAX = 42_500;

const bytes = readFileSync(process.argv[2]);
const gzipped = gzipSync(bytes, { level: 9 }).length;
console.log(`recorder.wasm: ${gzipped} bytes gzipped, ${bytes.length} as they are`);
assert(gzipped <= GZIPPED_MAX, `${gzipped} bytes gzipped: more than ${GZIPPED_MAX}`);

const module = new WebAssembly.Module(bytes);
const imports = WebAssembly.Module.imports(module).map(({ module, name, kind }) => `${kind} ${module} ${name}`);
assert.deepEqual(imports.sort(), ["function waspect/host boundary", "function waspect/host now"]);
// Names of functions and of compilers are of no use to who downloads it, and change from machine to machine.
for (const section of ["name", "producers", "target_features"]) {
  assert.equal(WebAssembly.Module.customSections(module, section).length, 0, section);
}
console.log("3 of 3 cases pass");
