// Profiles of SQLite, which no one here wrote: read by Go's pprof, pushed to a collector from Node, from threads and from a page.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { bundle } from "./bundle.mjs";
import { launch } from "./chromium.mjs";
import { files, listen } from "./servers.mjs";
import { observe, real, wasm as small } from "./support.mjs";
import { environment, up } from "./up.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "waspect-profile-"));
const [sqlite, wasm] = [join(process.env.PACKAGES, "sql.js/dist/sql-wasm.js"), join(folder, "sqljs.wasm")];
let collector, otlp, queries;

before(async () => {
  writeFileSync(wasm, real("sqljs"));
  collector = await up(environment(folder));
  [otlp, queries] = collector.urls;
});

after(async () => {
  await collector?.close();
  rmSync(folder, { recursive: true });
});

/** What Go's pprof reads: values by function, of its own and with what it called, and their types. */
function read(bytes) {
  const path = join(folder, "profile.pb");
  writeFileSync(path, bytes);
  const text = execFileSync("go", ["tool", "pprof", "-raw", path], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const [, types, samples, locations] = text.match(/Samples:\n(.*)\n([^]*)Locations\n([^]*)Mappings/);
  const names = new Map(Array.from(locations.matchAll(/^ *(\d+): \S+ (?:M=\d+ )?(.+?) [^ ]*:\d+:\d+ s=\d+/gm), ([, id, name]) => [id, name]));
  const own = {};
  for (const [, values, stack] of samples.matchAll(/^ *(-?\d.*): ([\d ]+)$/gm)) {
    const of = (own[names.get(stack.split(" ")[0])] ??= [0, 0, 0, 0]);
    values.trim().split(/ +/).forEach((value, at) => (of[at] += Number(value)));
  }
  return { own, types: types.replace("[dflt]", "").split(" "), deepest: Math.max(...Array.from(samples.matchAll(/: ([\d ]+)$/gm), ([, stack]) => stack.trim().split(" ").length)) };
}

/** One kind of value by function, without those that have none. */
const values = (own, at) => Object.fromEntries(Object.entries(own).map(([name, all]) => [name, all[at]]).filter(([, value]) => value !== 0));

/** What a collector has of a service, once it has so many profiles. */
async function stored(service, count) {
  for (;;) {
    const { data } = await (await fetch(`${queries}/api/profiles?service=${service}`)).json();
    if (data.length >= count) return { data, profile: read(gunzipSync(Buffer.from(await (await fetch(`${queries}/api/pprof?service=${service}`)).arrayBuffer()))) };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const WORK = `
  const database = new Database();
  database.run("create table numbers (one, two)");
  for (let one = 0; one < 300; one += 1) database.run("insert into numbers values (?, ?)", [one, String(one)]);
  const [{ values: [[count, sum]] }] = database.exec("select count(*), sum(one) from numbers");
  if (count !== 300 || sum !== 44850) throw new Error("it is not what it was");`;

/** Lets SQLite work, instances made by the observer. */
async function work(observer) {
  const packages = createRequire(sqlite);
  delete packages.cache[sqlite];
  const instantiateWasm = (imports, receive) => {
    observer.instantiate(real("sqljs"), imports).then(({ instance, module }) => receive(instance, module));
    return {};
  };
  const { Database } = await packages(sqlite)({ instantiateWasm });
  new Function("Database", WORK)(Database);
  await new Promise((resolve) => setTimeout(resolve));
}

test("Go's pprof reads it, and its calls and bytes are those of the metrics", async () => {
  const { observer, told } = observe({ profile: true, minDurationMs: 1_000 });
  await work(observer);
  const { own, types, deepest } = read(observer.profile());
  const { points } = await told();
  assert.deepEqual(types, ["calls/count", "allocated/bytes", "live/bytes", "wall/nanoseconds"]);
  assert.deepEqual(values(own, 0), points["wasm.function.calls"]);
  assert.deepEqual(values(own, 1), points["wasm.function.allocated"] ?? {});
  const total = Object.values(own).reduce((sum, [calls, , , wall]) => [sum[0] + calls, sum[1] + wall], [0, 0]);
  console.log(`SQLite: ${total[0]} calls of ${Object.keys(own).length} functions, ${(total[1] / 1e6).toFixed(0)} ms, stacks of up to ${deepest}`);
  assert(total[0] > 10_000 && total[1] > 0 && deepest > 5);
});

test("without the option there is none, and nothing is sent", async () => {
  const { observer, batches } = observe({ minDurationMs: 1_000 });
  await work(observer);
  assert.throws(() => observer.profile(), /set the option `profile`/);
  await observer.flush();
  assert(!batches.some(({ signal }) => signal === "profiles"));
});

test("pieces are pushed, and what the collector makes of them is the whole", async () => {
  const profileEndpoint = `${otlp}/api/pprof`;
  const { observer } = observe({ serviceName: "pieces of it", profileEndpoint, minDurationMs: 1_000, sink: ({ signal }) => signal !== "profiles" });
  for (let piece = 1; piece <= 3; piece += 1) {
    await work(observer);
    const { unconfirmed, dropped } = await observer.flush();
    assert.deepEqual([unconfirmed, dropped], [0, 0]);
  }
  const { data, profile } = await stored("pieces%20of%20it", 3);
  const { own } = read(observer.profile());
  assert.equal(data.length, 3);
  assert(data.every(({ start, end, build }) => start < end && /^[0-9a-f]{16}$/.test(build)), JSON.stringify(data));
  assert(data[1].end === data[0].start && data[2].end === data[1].start, "each begins where the one before ended");
  assert.deepEqual(profile.own, own);
});

/** A program; what it said at last. Whatever it says on stderr is wrong. */
async function program(code, env) {
  const path = join(folder, "program.mjs");
  writeFileSync(path, code);
  const child = spawn(process.execPath, ["--import", pathToFileURL(join(root, "dist/register.js")).href, path], {
    env: { ...process.env, OTEL_METRIC_EXPORT_INTERVAL: "1000", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [output, errors, done] = ["", "", 0];
  child.stdout.on("data", (data) => ((output += data), (done ||= performance.now())));
  child.stderr.on("data", (data) => (errors += data));
  assert.deepEqual(await once(child, "close"), [0, null], errors);
  assert.equal(errors, "");
  return { output, ms: performance.now() - done };
}

const START = `
  import { readFileSync } from "node:fs";
  import { createRequire } from "node:module";
  const { Database } = await createRequire(import.meta.url)(${JSON.stringify(sqlite)})({ wasmBinary: readFileSync(${JSON.stringify(wasm)}) });`;

test("a program that nobody changed pushes once in a while, and at the end", async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: otlp, WASPECT_PROFILE_ENDPOINT: `${otlp}/api/pprof`, WASPECT_PROFILE_INTERVAL: "1000", OTEL_SERVICE_NAME: "program" };
  // It waits for its own first profile, then works once more.
  const asked = `while ((await (await fetch("${queries}/api/profiles?service=program")).json()).data.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));`;
  await program(`${START} {${WORK}} ${asked} {${WORK}}`, env);
  const { data, profile } = await stored("program", 2);
  assert.equal(data.length, 2);
  assert(Object.values(values(profile.own, 0)).reduce((sum, calls) => sum + calls) > 20_000);
});

test("threads hand theirs over", async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: otlp, WASPECT_PROFILE_ENDPOINT: `${otlp}/api/pprof`, OTEL_SERVICE_NAME: "threads" };
  const worker = `new Worker(new URL("program.mjs", import.meta.url)).once("exit", resolve)`;
  const code = `import { isMainThread, Worker } from "node:worker_threads"; ${START} if (isMainThread) await Promise.all([1, 2].map(() => new Promise((resolve) => ${worker}))); else {${WORK}}`;
  await program(code, env);
  const { profile } = await stored("threads", 3);
  const inserts = Math.max(...Object.values(values(profile.own, 0)));
  assert(inserts > 600, `${inserts} calls of the function that is called most`);
});

for (const what of ["is down", "never answers"]) {
  test(`an endpoint that ${what} harms no program`, async () => {
    const held = [];
    const server = createServer((socket) => held.push(socket));
    const port = await listen(server);
    if (what === "is down") await new Promise((resolve) => server.close(resolve));
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: otlp, WASPECT_PROFILE_ENDPOINT: `http://127.0.0.1:${port}/api/pprof`, OTEL_SERVICE_NAME: "alone" };
    const { output, ms } = await program(`${START} ${WORK} console.log("done");`, env);
    for (const socket of held) socket.destroy();
    server.close();
    assert.equal(output, "done\n");
    assert(ms < 5_000 && held.length > 0 === (what !== "is down"), `${ms} ms, ${held.length} connections`);
  });
}

/** The page: SQLite, or a module that is small enough for its profile to outlive the page. */
const PAGE = (endpoint) => `
  import initialise from "sql.js/dist/sql-wasm-browser.js";
  import { Observer } from "waspect";
  const [, serviceName, profileEndpoint = "${endpoint}/api/pprof"] = decodeURIComponent(location.search).split("?");
  globalThis.observer = new Observer({ serviceName, endpoint: "${endpoint}", profileEndpoint });
  if (serviceName === "left") {
    const { instance } = await observer.instantiateStreaming(fetch("/small.wasm"));
    for (let call = 0; call < 1_000; call += 1) instance.exports.run();
  } else {
    const { Database } = await initialise({ instantiateWasm: observer.emscripten("/sqlite.wasm") });
    {${WORK}}
  }
  document.title = "ran";`;

test("pages push theirs, the collector's page draws it, and an endpoint that is down troubles none", async (t) => {
  const [from, to] = [join(root, "node_modules/sql.js/dist/sql-wasm-browser.wasm"), join(folder, "sqlite.wasm")];
  execFileSync(process.env.WASPECT, ["instrument", from, "-o", to], { stdio: "ignore" });
  const served = files(folder, "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src *; img-src 'self'", {
    "/": ["text/html", `<!doctype html><title>page</title><script type="module" src="/assets/js/app.js"></script>`],
    "/assets/js/app.js": ["text/javascript", bundle(PAGE(otlp), root)],
    "/recorder-profile.wasm": ["application/wasm", readFileSync(join(root, "recorder-profile.wasm"))],
    "/small.wasm": ["application/wasm", small(`(module (func $leaf) (func (export "run") (call $leaf)))`)],
  });
  const port = await listen(served);
  const browser = await launch();
  t.after(async () => {
    await browser.close();
    served.closeAllConnections();
    served.close();
  });
  const errors = [];
  const open = async (query) => {
    const page = await browser.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(`http://localhost:${port}/${query}`);
    await page.waitForFunction(() => document.title === "ran");
    return page;
  };

  const page = await open("?page");
  const whole = read(Buffer.from(await page.evaluate(() => Array.from(globalThis.observer.profile()))));
  const { made, exported } = await page.evaluate(() => globalThis.observer.flush());
  assert.equal(exported, made);
  const { profile } = await stored("page", 1);
  assert.deepEqual(profile.own, whole.own);
  await page.close();

  const left = await open("?left");
  await left.goto("about:blank");
  assert.deepEqual(values((await stored("left", 1)).profile.own, 0), { run: 1_000, leaf: 1_000 });

  const graph = await browser.newPage();
  await graph.goto(`${queries}/#/profiles`);
  await graph.selectOption("label:has-text('Service') select", { label: "page" });
  await graph.waitForSelector('[role="treeitem"] >> nth=20');
  assert((await graph.$$eval(".frame", (frames) => frames.map(({ textContent }) => textContent))).some((name) => name.includes("func[")));

  const down = await open("?down?http://127.0.0.1:9/api/pprof");
  const health = await down.evaluate(async () => [await Promise.race([globalThis.observer.flush(), new Promise((resolve) => setTimeout(resolve, 100))]), globalThis.observer.profile().length]);
  assert(health[1] > 1_000);
  assert.deepEqual(errors, []);
});
