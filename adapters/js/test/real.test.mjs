// Modules that no one here wrote, in packages that nobody changed, through `waspect/register`: they do what they did, every call is
// closed, what is told adds up, and a real OpenTelemetry Collector takes it.
//
//   PACKAGES: the folder of npm packages that the modules are from; OTELCOL: the Collector.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { collector } from "./otelcol.mjs";
import { decode, original, real } from "./support.mjs";

const batches = [];
/** All that was told of instrumented modules. */
const everything = [];
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

/** A copy of a package, beside those that it needs, with these bytes for its module; gives the folder. */
function copyWith(name, module, bytes) {
  const folder = mkdtempSync(join(process.env.PACKAGES, "../copy-"));
  after(() => rmSync(folder, { recursive: true }));
  cpSync(join(process.env.PACKAGES, name), folder, { recursive: true });
  writeFileSync(join(folder, module), bytes);
  return folder;
}

const load = (folder, file) => import(pathToFileURL(join(folder, file)));
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

const total = (values = {}) => Object.values(values).reduce((sum, value) => sum + value, 0);

/** Does the same with the original and the instrumented module. */
async function same(name, run, callsMin) {
  const expected = await run(original(name));
  await observer.flush();
  // But for what the garbage collector lets others do meanwhile.
  assert(total(decode(batches.splice(0)).points["wasm.function.calls"]) < callsMin, "the original is not observed");
  assert.deepEqual(await run(real(name)), expected);
  await new Promise((resolve) => setTimeout(resolve));
  const depth = observer.hooks.depth();
  const health = await observer.flush();
  // Goroutines of esbuild's wait for what comes next. Some frames that wait are no calls: those that were met in their middle.
  const waiting = name === "esbuild" ? observer.hooks.suspended() : 0;
  check(name, { depth, health, told: batches.splice(0) }, callsMin, waiting);
}

/** What was told of a module adds up. */
function check(name, { depth, health, told }, callsMin, waiting = 0) {
  assert.equal(depth, 0);
  assert.equal(health.exported, health.made);
  everything.push(...told);
  const { spans, points } = decode(told);
  const sum = (metric) => total(points[metric]);
  const calls = sum("wasm.function.calls");
  console.log(`${name}: ${calls} calls, ${spans.length} spans, drops ${JSON.stringify(points["waspect.drops"] ?? {})}`);
  assert(calls >= callsMin, `${calls} calls`);
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

test("brotli, by wasm-bindgen", () =>
  same("brotli", async (bytes) => {
    const { default: brotli } = await load(copyWith("brotli-wasm", "pkg.node/brotli_wasm_bg.wasm", bytes), "index.node.js");
    const text = Buffer.from("waspect watches the watchers. ".repeat(100));
    const packed = brotli.compress(text, { quality: 9 });
    assert(text.equals(brotli.decompress(packed)));
    assert.throws(() => brotli.decompress(packed.slice(9)));
    return sha256(packed);
  }, 1_000));

test("resvg, by wasm-bindgen", () =>
  same("resvg", async (bytes) => {
    const { initWasm, Resvg } = fresh("@resvg/resvg-wasm");
    await initWasm(bytes);
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 60"><defs><linearGradient id="g"><stop stop-color="#a31"/><stop offset="1"/>
      </linearGradient></defs><path d="M5 5 C 40 60 50 -20 85 55 Z" fill="url(#g)" stroke="#000" stroke-dasharray="4"/></svg>`;
    const drawing = new Resvg(svg, { fitTo: { mode: "width", value: 180 } });
    const image = drawing.render();
    assert.throws(() => new Resvg("<svg"), /./);
    const result = [image.width, image.height, sha256(image.asPng())];
    for (const one of [image, drawing]) one.free();
    return result;
  }, 1_000));

for (const [name, source, broken] of [
  ["gofmt", "package main\nfunc   main( ) {\nx:=map[string]int{\"a\":1,}\n_ = x }\n", "package"],
  ["shfmt", "if   true;then\necho  \"$(ls   -l)\";fi\nfoo( ) { cat <<EOF\nx\nEOF\n}\n", "if then"],
]) {
  test(`${name}, by TinyGo`, () =>
    same(name, async (bytes) => {
      const { format } = await load(copyWith(`@wasm-fmt/${name}`, `${name}.wasm`, bytes), `${name}_node.js`);
      assert.throws(() => format(broken, "x"), /./);
      return format(source, "x");
    }, 1_000));
}

test("Skia as canvaskit, by Emscripten", () =>
  same("canvaskit", async (bytes) => {
    const folder = mkdtempSync(join(process.env.PACKAGES, "../copy-"));
    after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "canvaskit.wasm"), bytes);
    const kit = await fresh("canvaskit-wasm/bin/canvaskit.js")({ locateFile: (name) => join(folder, name) });
    const surface = kit.MakeSurface(120, 80);
    const [canvas, paint, path] = [surface.getCanvas(), new kit.Paint(), kit.Path.MakeFromSVGString("M10 10 C 60 90 70 -20 110 70 Z")];
    paint.setAntiAlias(true);
    for (let turn = 0; turn < 12; turn += 1) {
      paint.setColor(kit.Color4f(turn / 12, 0.3, 0.6, 0.5));
      canvas.rotate(30, 60, 40);
      canvas.drawPath(path, paint);
    }
    const image = surface.makeImageSnapshot();
    const digest = sha256(image.encodeToBytes());
    for (const one of [image, path, paint, surface]) one.delete();
    return digest;
  }, 10_000));

/** The same in programs of their own, for what this engine lacks or a process must begin with: they print what they did. */
function sameProgram(name, node, packageName, module, code, callsMin) {
  const first = `import ${JSON.stringify(new URL("first.mjs", import.meta.url).href)};`;
  const [plain, observed] = [[original(name), ""], [real(name), first]].map(([bytes, first]) => {
    const folder = copyWith(packageName, module, bytes);
    writeFileSync(join(folder, "program.mjs"), first + code);
    return folder;
  });
  const told = join(observed, "told.json");
  const run = (folder) =>
    execFileSync(node, ["--no-warnings", join(folder, "program.mjs")], { encoding: "utf8", timeout: 60_000, env: { ...process.env, TOLD: told } });
  const expected = run(plain);
  assert(expected.length > 0);
  assert.equal(run(observed), expected);
  const result = JSON.parse(readFileSync(told));
  check(name, { ...result, told: result.told.map(({ signal, bytes }) => ({ signal, bytes: Buffer.from(bytes, "base64") })) }, callsMin);
}

test("dart_fmt, by Dart: objects of the garbage collector's, and exceptions", () =>
  sameProgram("dart-fmt", join(process.env.RUNTIMES, "node-24/bin/node"), "@wasm-fmt/dart_fmt", "dart_fmt.wasm", `
    import { format } from "./dart_fmt_node.js";
    console.log(format("void main( ){var  x=[1,2,3];for(var i in x){print( i );}}", "a.dart"));
    try { format("class {", "b.dart"); } catch (error) { console.log(String(error)); }`, 1_000));

// The program's first thread imports `waspect/register`; the others, which wait in Wasm for their next task, are told of by their memory.
// The first thread has some 4,000 calls, all together 27,000.
test("argon2, by Rust, in threads that share a memory", () =>
  sameProgram("argon2", process.execPath, "@node-rs/argon2-wasm32-wasi", "argon2.wasm32-wasi.wasm", `
    import { createRequire } from "node:module";
    const { hash, hashSync, verify } = createRequire(import.meta.url)("./argon2.wasi.cjs");
    const options = { salt: Buffer.alloc(16, 7), timeCost: 2, memoryCost: 1024, parallelism: 4 };
    const digests = await Promise.all(["a", "b", "c", "d", "e", "f"].map((password) => hash(password, options)));
    console.log(hashSync("a", options), digests, await verify(digests[1], "b"), await verify(digests[1], "c"));
    process.exit(0);`, 10_000));

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

test("a real OpenTelemetry Collector takes all of it", async () => {
  const { url, received } = await collector();
  for (const { signal, bytes } of everything) {
    const headers = { "content-type": "application/x-protobuf" };
    const answer = await fetch(`${url}/v1/${signal}`, { method: "POST", headers, body: bytes });
    assert.equal(answer.status, 200);
    // Nothing was refused: the answer's field for that is empty.
    assert.equal(Buffer.from(await answer.arrayBuffer()).toString("hex"), "0a00");
  }
  const requests = await received();
  const count = (requests) => requests.flatMap((one) => one.resourceSpans ?? []).flatMap((one) => one.scopeSpans).flatMap((one) => one.spans).length;
  const sent = decode(everything).spans.length;
  assert.equal(count(requests), sent);
  assert.equal(requests.filter((one) => one.resourceMetrics).length, everything.filter((one) => one.signal === "metrics").length);
  console.log(`the Collector took ${everything.length} requests, ${sent} spans`);
});
