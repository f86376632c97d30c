// A page in each browser: the bundle under a strict policy, an endpoint of another origin, pages that are left.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BROWSERS } from "./browsers.mjs";
import { bundle } from "./bundle.mjs";
import { BRANCH, TEXT } from "./jspi-calls.mjs";
import { close, endpoint as endpointFor, files, listen } from "./servers.mjs";
import { asyncified, decode, original, real, tree, wasm } from "./support.mjs";

const NAVIGATIONS = 100;
const root = fileURLToPath(new URL("..", import.meta.url));

const app = (port) => `
  import { Observer } from "waspect";
  const observer = new Observer({ serviceName: "page", endpoint: "http://localhost:${port}", minDurationMs: 0 });
  const { instance } = await observer.instantiateStreaming(fetch("/app.wasm"), { env: { log() {} } });
  instance.exports.run();
  if (location.search === "?visit") instance.exports.visit();
  globalThis.observer = observer;
  globalThis.run = instance.exports.run;
  document.title = "ran";`;

/** Runs the module once a quantum, a hundred times; then says what it has not got. */
const WORKLET = `
  import { Observer } from "waspect";
  registerProcessor("runs", class extends AudioWorkletProcessor {
    quanta = 0;
    constructor({ processorOptions: { recorder, module } }) {
      super();
      this.observer = new Observer({ port: this.port, recorder, minDurationMs: 0 });
      this.exports = this.observer.instance(module, { env: { log() {} } }).exports;
    }
    process() {
      this.exports.run();
      if (++this.quanta < 100) return true;
      this.observer.flush();
      this.port.postMessage(["fetch", "performance", "crypto", "TextEncoder", "setInterval", "URL"].filter((name) => !(name in globalThis)));
      return false;
    }
  });`;

const PAGES = {
  "/": ["text/html", `<!doctype html><title>page</title><script type="module" src="/assets/js/app.js"></script>`],
  "/recorder.wasm": ["application/wasm", readFileSync(join(root, "recorder.wasm"))],
  "/app.wasm": ["application/wasm", wasm(`(module (import "env" "log" (func $log)) (func (export "run") (call $log)) (func (export "visit")))`)],
};
/** Images are for the icon that browsers ask for by themselves. */
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src *; img-src 'self'";

for (const [name, launch] of Object.entries(BROWSERS)) describe(name, () => pagesIn(launch));

function pagesIn(launch) {
  const received = [];
  let browser, pages, endpoint;

  before(async () => {
    endpoint = endpointFor(received);
    const toEndpoint = await listen(endpoint);
    PAGES["/assets/js/app.js"] = ["text/javascript", bundle(app(toEndpoint), root)];
    pages = files(root, POLICY, PAGES);
    pages.port = await listen(pages);
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await close(pages);
    await close(endpoint);
  });

  async function open() {
    const page = await browser.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => message.type() === "error" && !message.text().includes("404") && errors.push(message.text()));
    await page.goto(`http://localhost:${pages.port}/`);
    await page.waitForFunction(() => document.title === "ran");
    return { page, errors };
  }

  // First: pages of other tests would leave meanwhile.
  test("what is alive in pages adds up, and is nothing once they are gone", async () => {
    const alive = async (wanted) => {
      const count = () => Object.values(decode(received).points["wasm.instance.active"] ?? {})[0] ?? 0;
      for (let wait = 0; wait < 100 && count() !== wanted; wait += 1) await new Promise((resolve) => setTimeout(resolve, 50));
      return count();
    };
    const [first, second] = [(await open()).page, (await open()).page];
    for (const page of [first, second]) await page.evaluate(() => globalThis.observer.flush());
    assert.equal(await alive(2), 2);
    await first.goto("about:blank");
    assert.equal(await alive(1), 1);
    await second.evaluate(() => globalThis.dispatchEvent(new Event("pagehide")));
    assert.equal(await alive(0), 0);
    await second.evaluate(() => (globalThis.run(), globalThis.observer.flush()));
    assert.equal(await alive(1), 1, "it was not gone");
    await second.goto("about:blank");
    assert.equal(await alive(0), 0);
    assert.equal(decode(received.splice(0)).points["wasm.function.calls"].run, 3);
    await Promise.all([first.close(), second.close()]);
  });

  test("a page under a strict policy sends to another origin", async () => {
    const { page, errors } = await open();
    const health = await page.evaluate(() => globalThis.observer.flush());
    assert.deepEqual(errors, []);
    assert.equal(health.exported, health.made);
    const { spans, points } = decode(received.splice(0));
    assert.deepEqual(tree(spans), [" > run", "run > env.log"]);
    assert.deepEqual(points["wasm.function.calls"], { run: 1, "env.log": 1 });
    await page.close();
  });

  test("a page whose calls can be suspended loads what that needs, and what is called from there hangs below", async () => {
    const { page, errors } = await open();
    const loaded = () => page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname));
    assert(!(await loaded()).includes("/recorder-stacks.wasm"));
    const frames = await page.evaluate(async (bytes) => {
      const { instance } = await globalThis.observer.instantiate(Uint8Array.from(bytes), { env: { run: globalThis.run } });
      instance.exports.outer();
      return globalThis.observer.traceparent();
    }, Array.from(asyncified(`(module (import "env" "run" (func $run)) (memory 1) (func (export "outer") (call $run)))`)));
    assert.equal(frames, undefined);
    assert((await loaded()).includes("/recorder-stacks.wasm"));
    await page.evaluate(() => globalThis.observer.flush());
    assert.deepEqual(errors, []);
    const { spans } = decode(received.splice(0));
    // The page's clock is coarse: what begins at the same time has no order.
    assert.deepEqual(tree(spans).sort(), [" > outer", " > run", "env.run > run", "outer > env.run", "run > env.log", "run > env.log"]);
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 2);
    await page.close();
  });

  test("a page's calls that JSPI suspends keep their own parents", async () => {
    const code = bundle(`export { interleave } from "./test/jspi-calls.mjs";`, root);
    PAGES["/assets/js/jspi.js"] = ["text/javascript", code];
    const { page, errors } = await open();
    await page.evaluate(() => globalThis.observer.flush());
    received.length = 0;
    const { results, traces } = await page.evaluate(async (bytes) => {
      const { interleave } = await import("/assets/js/jspi.js");
      const { observer } = globalThis;
      const start = async (imports) => (await observer.instantiate(Uint8Array.from(bytes), imports)).instance.exports;
      const jspi = { suspending: (call) => observer.suspending(call), promising: (call) => observer.promising(call) };
      const told = await interleave(start, jspi, observer);
      await observer.flush();
      return told;
    }, Array.from(wasm(TEXT)));
    assert.deepEqual([results, errors], [[1, 2], []]);
    const { spans } = decode(received.splice(0));
    const works = spans.filter(({ name }) => name === "work").map(({ traceId }) => traceId);
    // The page's clock is coarse: what begins at the same time has no order.
    assert.deepEqual(traces.map(([call]) => call), [2, 1]);
    assert.deepEqual(traces.map(([, id]) => id).sort(), works.sort());
    const own = (id) => tree(spans.filter(({ traceId }) => traceId === id)).sort();
    for (const id of works) assert.deepEqual(own(id), [" > work", ...BRANCH].sort());
    await page.close();
  });

  test("an AudioWorklet, which can neither fetch nor tell the time, hands over what it has", async () => {
    PAGES["/assets/js/worklet.js"] = ["text/javascript", bundle(WORKLET, root)];
    const { page, errors } = await open();
    await page.evaluate(() => globalThis.observer.flush());
    received.length = 0;
    const missing = await page.evaluate(async () => {
      const compiled = async (url) => WebAssembly.compile(await (await fetch(url)).arrayBuffer());
      const processorOptions = { recorder: await compiled("/recorder.wasm"), module: await compiled("/app.wasm") };
      const context = new OfflineAudioContext(1, 128 * 100, 44_100);
      await context.audioWorklet.addModule("/assets/js/worklet.js");
      const node = new AudioWorkletNode(context, "runs", { processorOptions });
      const said = new Promise((resolve) => node.port.addEventListener("message", ({ data }) => Array.isArray(data) && resolve(data)));
      globalThis.observer.receive(node.port);
      node.connect(context.destination);
      await context.startRendering();
      const missing = await said;
      await globalThis.observer.flush();
      return missing;
    });
    assert.deepEqual(errors, []);
    assert(["fetch", "performance", "crypto", "TextEncoder", "setInterval"].every((name) => missing.includes(name)), missing.join());
    const { spans, points } = decode(received.splice(0));
    assert.deepEqual(points["wasm.function.calls"], { run: 100, "env.log": 100 });
    assert.deepEqual([...new Set(tree(spans))].sort(), [" > run", "run > env.log"]);
    assert.equal(spans.length, 200);
    await page.close();
  });

  test("a page instruments a module itself", async () => {
    PAGES["/assets/js/instrument.js"] = ["text/javascript", bundle(`export * from "./dist/instrument.js";`, root)];
    const { page, errors } = await open();
    const made = await page.evaluate(async (module) => {
      const { instrument } = await import("/assets/js/instrument.js");
      return Array.from((await instrument(Uint8Array.from(module))).bytes);
    }, Array.from(original("as-sha256")));
    assert.deepEqual(errors, []);
    assert(real("as-sha256").equals(Uint8Array.from(made)));
    received.length = 0;
    await page.close();
  });

  test("spans survive the page that made them", async () => {
    const { page } = await open();
    // Pages of the tests before may be heard of late.
    for (let visit = 1; visit <= NAVIGATIONS; visit += 1) {
      await page.goto(`http://localhost:${pages.port}/?visit`);
      await page.waitForFunction(() => document.title === "ran");
    }
    await page.goto("about:blank");
    const visits = () => decode(received).spans.filter((span) => span.name === "visit").length;
    for (let wait = 0; wait < 50 && visits() < NAVIGATIONS; wait += 1) {
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
    }
    const found = visits();
    console.log(`${found} of ${NAVIGATIONS} pages were heard of`);
    assert.equal(found, NAVIGATIONS);
    received.length = 0;
    await page.close();
  });

  test("an endpoint that is down troubles no page", async () => {
    await close(endpoint);
    const page = await browser.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(`http://localhost:${pages.port}/`);
    await page.waitForFunction(() => document.title === "ran");
    const calls = await page.evaluate(() => {
      void globalThis.observer.flush();
      for (let call = 0; call < 1_000; call += 1) globalThis.run();
      return globalThis.observer.health();
    });
    assert.equal(calls.exported, 0);
    assert.deepEqual(errors, []);
    await page.close();
  });
}
