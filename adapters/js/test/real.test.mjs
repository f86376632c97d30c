// Modules that no one here wrote, in packages that nobody changed, through `waspect/register`: they do what they did, every call is
// closed, and what is told adds up.
//
//   PACKAGES: the folder of npm packages that the modules are from.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { decode, original, real } from "./support.mjs";

const batches = [];
globalThis.waspect = { serviceName: "real", overheadBudget: Infinity, sink: (batch) => batches.push(batch) };
const { observer } = await import("waspect/register");
// esbuild's build for browsers looks for what browsers call it.
globalThis.self = globalThis;
const packages = createRequire(join(process.env.PACKAGES, "here.js"));

/** A package that was never loaded before: glue keeps what it knows of an instance. */
function fresh(name) {
  const folder = join(process.env.PACKAGES, name.split("/")[0]);
  for (const path of Object.keys(packages.cache).filter((path) => path.startsWith(folder))) delete packages.cache[path];
  return packages(name);
}

/** Does the same with the original and the instrumented module. */
async function same(name, run, callsMin) {
  const expected = await run(original(name));
  await observer.flush();
  assert.equal(decode(batches.splice(0)).points["wasm.function.calls"], undefined, "the original is not observed");
  assert.deepEqual(await run(real(name)), expected);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(observer.hooks.depth(), 0);
  const health = await observer.flush();
  assert.equal(health.exported, health.made);
  const { spans, points } = decode(batches.splice(0));
  const sum = (metric) => Object.values(points[metric] ?? {}).reduce((sum, value) => sum + value, 0);
  const calls = sum("wasm.function.calls");
  console.log(`${name}: ${calls} calls, ${spans.length} spans, drops ${JSON.stringify(points["waspect.drops"] ?? {})}`);
  assert(calls >= callsMin, `${calls} calls`);
  // Goroutines of esbuild's wait for what comes next. Some frames that wait are no calls: those that were met in their middle.
  const waiting = name === "esbuild" ? observer.hooks.suspended() : 0;
  const unended = calls - sum("wasm.function.duration");
  assert(unended >= 0 && unended <= waiting, `every call has one end, or waits: ${unended} have none, ${waiting} wait`);
  assert(spans.length > 0);
  for (const reason of ["token", "mismatch", "function", "depth"]) assert.equal(points["waspect.drops"]?.[reason], undefined, reason);
}

test("SQLite as sql.js, by Emscripten", () =>
  same("sqljs", async (wasmBinary) => {
    const { Database } = await fresh("sql.js")({ wasmBinary });
    const db = new Database();
    db.create_function("twice", (value) => value * 2);
    db.run("create table t (a integer primary key, b text)");
    for (let row = 0; row < 200; row += 1) db.run("insert into t values (?, ?)", [row, `row ${row}`]);
    const rows = db.exec("select sum(twice(a)), group_concat(b) from t where a % 3 = 0");
    assert.throws(() => db.run("select nonsense"), /no such column/);
    const bytes = createHash("sha256").update(db.export()).digest("hex");
    db.close();
    return [rows, bytes];
  }, 100_000));

for (const kind of ["release", "debug"]) {
  test(`QuickJS, ${kind}, by Emscripten`, () =>
    same(`quickjs-${kind}`, async (wasmBinary) => {
      const { newQuickJSWASMModuleFromVariant, newVariant } = packages("quickjs-emscripten-core");
      const variant = packages(`@jitl/quickjs-wasmfile-${kind}-sync`);
      const quickjs = await newQuickJSWASMModuleFromVariant(newVariant(variant.default ?? variant, { wasmBinary }));
      const vm = quickjs.newContext();
      const host = vm.newFunction("host", (value) => vm.newNumber(vm.getNumber(value) + 1));
      vm.setProp(vm.global, "host", host);
      host.dispose();
      const results = [
        "let s = 0; for (let i = 0; i < 200; i += 1) s += host(i) * 2; s",
        "throw new Error('no')",
        "(function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) })(15)",
        "JSON.stringify([...'waspect'].sort())",
      ].map((code) => {
        const result = vm.evalCode(code);
        const handle = result.error ?? result.value;
        const value = vm.dump(handle);
        handle.dispose();
        return result.error ? value.message : value;
      });
      vm.dispose();
      return results;
    }, 10_000));
}

test("QuickJS whose host functions are promises, by Asyncify", () =>
  same("quickjs-asyncify", async (wasmBinary) => {
    const { newQuickJSAsyncWASMModuleFromVariant, newVariant } = packages("quickjs-emscripten-core");
    const variant = packages("@jitl/quickjs-wasmfile-release-asyncify");
    const quickjs = await newQuickJSAsyncWASMModuleFromVariant(newVariant(variant.default ?? variant, { wasmBinary }));
    const vm = quickjs.newContext();
    const host = vm.newAsyncifiedFunction("host", async (value) => {
      const number = vm.getNumber(value);
      await new Promise((resolve) => setTimeout(resolve));
      return vm.newNumber(number + 1);
    });
    vm.setProp(vm.global, "host", host);
    host.dispose();
    const results = [];
    for (const code of [
      "let s = 0; for (let i = 0; i < 50; i += 1) s += host(i) * 2; s",
      "(function f(n) { return n < 2 ? host(n) : f(n - 1) + f(n - 2) })(8)",
      "JSON.stringify([3, 1, 2].map((n) => host(n)).sort())",
    ]) {
      const result = await vm.evalCodeAsync(code);
      const handle = result.error ?? result.value;
      results.push(vm.dump(handle));
      handle.dispose();
    }
    vm.dispose();
    return results;
  }, 10_000));

test("SHA-256, by AssemblyScript", () =>
  same("as-sha256", async (bytes) => {
    const { instance } = await WebAssembly.instantiate(bytes, { env: { abort() { throw new Error("abort"); } } });
    const { memory, input, output, digest } = instance.exports;
    const at = (global) => new Uint8Array(memory.buffer, global.value);
    return Array.from({ length: 100 }, (_, length) => {
      const text = Buffer.from({ length }, (_, at) => at * length);
      at(input).set(text);
      digest(length);
      const hash = Buffer.from(at(output).slice(0, 32)).toString("hex");
      assert.equal(hash, createHash("sha256").update(text).digest("hex"));
      return hash;
    });
  }, 100));

test("tiktoken, by wasm-bindgen", () =>
  same("tiktoken", async (bytes) => {
    const { init, get_encoding } = fresh("tiktoken/init");
    await init((imports) => WebAssembly.instantiate(bytes, imports));
    const encoding = get_encoding("gpt2");
    const tokens = [...encoding.encode("waspect watches the watchers")];
    encoding.free();
    return tokens;
  }, 1_000));

// The last one: what waits in it closes when its instance goes, whenever that is.
test("esbuild, by Go", () =>
  same("esbuild", async (bytes) => {
    // Its API has one instance; a copy of its code has another.
    const path = packages.resolve("esbuild-wasm/esm/browser.js");
    const esbuild = await import(`${pathToFileURL(path)}?${createHash("sha256").update(bytes).digest("hex")}`);
    await esbuild.initialize({ wasmModule: new WebAssembly.Module(bytes), worker: false });
    const { code } = await esbuild.transform("const x: number = 1 + 1; export { x as twice }", { loader: "ts", minify: true });
    await assert.rejects(esbuild.transform("const const"), /Expected identifier/);
    await esbuild.stop();
    return code;
  }, 1_000));
