// How deep a guest recurses in Node before its stack overflows (bar F8).
//
//   node --stack-size=KB TIER... tests/node/stack.mjs CASES.json
//
// A case is `{ name, path, hook_module, hooks, drive }`; `drive` is `recurse`, an export that calls itself so many times, or
// `quickjs`, the reactor of that name running a script. The output is a line `name depth` a case.

import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

for (const one of JSON.parse(readFileSync(process.argv[2]))) {
  const module = new WebAssembly.Module(readFileSync(one.path));
  const drive = { recurse, quickjs }[one.drive];
  const reaches = (depth) => drive(module, one, depth);
  reaches(1); // Compiled before it is measured.
  console.log(one.name, deepest(reaches));
}

/** The largest depth that is reached, to a half per cent. */
function deepest(reaches) {
  let [low, high] = [1, 2];
  while (reaches(high)) [low, high] = [high, high * 2];
  while (high - low > Math.max(1, low / 200)) {
    const middle = (low + high) >> 1;
    if (reaches(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function recurse(module, one, depth) {
  return fits(() => new WebAssembly.Instance(module, hooks(one)).exports.down(depth));
}

function quickjs(module, one, depth) {
  let status = 0;
  const done = fits(() => (status = script(module, one, one.script.replace("DEPTH", depth))));
  if (status !== 0) throw new Error(`the script fails at depth ${depth}: QuickJS's own limit`);
  return done;
}

/** The reactor's status after it ran a script. */
function script(module, one, text) {
  const wasi = new WASI({ version: "preview1", returnOnExit: true });
  const instance = new WebAssembly.Instance(module, { ...wasi.getImportObject(), ...hooks(one) });
  wasi.initialize(instance);
  const { exports } = instance;
  const place = (argument) => {
    const encoded = new TextEncoder().encode(`${argument}\0`);
    const address = exports.malloc(encoded.length);
    new Uint8Array(exports.memory.buffer, address).set(encoded);
    return address;
  };
  const pointers = ["qjs", "-e", text].map(place);
  const list = exports.malloc(4 * pointers.length + 4);
  new Uint32Array(exports.memory.buffer, list, pointers.length + 1).set([...pointers, 0]);
  return exports.qjs_init_argv(pointers.length, list);
}

/** Whether a call comes to its end; false when the stack overflows. */
function fits(call) {
  try {
    call();
    return true;
  } catch (error) {
    // Where the stack ends within the engine's own code, it may call that a wrong type.
    if (error instanceof RangeError || error instanceof TypeError) return false;
    throw error;
  }
}

/** Hooks in Wasm, as an adapter's are: a hook in JavaScript takes more stack than it should be charged with. */
function hooks(one) {
  if (one.hooks === undefined) return {};
  return { [one.hook_module]: new WebAssembly.Instance(new WebAssembly.Module(readFileSync(one.hooks))).exports };
}
