// The recorder's modules are small, and need only what every engine has.
//
//   node adapters/recorder-wasm/node/size.mjs RECORDER.wasm RECORDER-STACKS.wasm RECORDER-PROFILE.wasm

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";

/** Ratchets: lower them when it gets smaller, and say in the commit why when it grows. */
const GZIPPED_MAX = { "recorder.wasm": 29_160, "recorder-stacks.wasm": 35_640, "recorder-profile.wasm": 45_240 };

for (const path of process.argv.slice(2)) {
  const [name, bytes] = [basename(path), readFileSync(path)];
  const gzipped = gzipSync(bytes, { level: 9 }).length;
  console.log(`${name}: ${gzipped} bytes gzipped, ${bytes.length} as they are`);
  assert(gzipped <= GZIPPED_MAX[name], `${gzipped} bytes gzipped: more than ${GZIPPED_MAX[name]}`);
  const module = new WebAssembly.Module(bytes);
  const imports = WebAssembly.Module.imports(module).map(({ module, name, kind }) => `${kind} ${module} ${name}`);
  assert.deepEqual(imports.sort(), ["function waspect/host boundary", "function waspect/host now"]);
  // Names of functions and of compilers are of no use to who downloads it, and change from machine to machine.
  for (const section of ["name", "producers", "target_features"]) {
    assert.equal(WebAssembly.Module.customSections(module, section).length, 0, section);
  }
}
console.log("3 of 3 cases pass");
