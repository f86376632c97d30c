// The track in Chromium's performance panel: what the trace holds that the browser itself records, from which the panel is drawn.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { launch } from "./chromium.mjs";
import { close, endpoint as endpointFor, files, listen } from "./servers.mjs";
import { decode, wasm } from "./support.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const MODULE = `(module
  (import "env" "log" (func $log))
  (func $inner (call $log))
  (func (export "run") (call $inner))
  (func (export "trap") unreachable))`;
const APP = (port) => `
  import { Observer } from "waspect";
  import { track } from "waspect/devtools";
  const by = location.search.slice(1);
  const sink = by === "off" ? undefined : track(by === "" ? { track: "SQLite", group: "Modules" } : { by });
  const observer = new Observer({ serviceName: "page", endpoint: "http://localhost:${port}", minDurationMs: 0, sink });
  const { instance } = await observer.instantiateStreaming(fetch("/app.wasm"), { env: { log() {} } });
  globalThis.work = async () => {
    const before = performance.now();
    instance.exports.run();
    try { instance.exports.trap(); } catch {}
    const after = performance.now();
    const health = await observer.flush();
    return { before, after, health, measures: performance.getEntriesByType("measure").length };
  };
  document.title = "ran";`;

const received = [];
let browser, endpoint, pages, port;

before(async () => {
  endpoint = endpointFor(received);
  pages = files(root, "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src *; img-src 'self'", {
    "/": ["text/html", `<!doctype html><title>page</title><script type="module" src="/assets/js/app.js"></script>`],
    "/assets/js/app.js": ["text/javascript", bundle(APP(await listen(endpoint)), root)],
    "/app.wasm": ["application/wasm", wasm(MODULE)],
    "/recorder.wasm": ["application/wasm", readFileSync(join(root, "recorder.wasm"))],
  });
  port = await listen(pages);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await Promise.all([close(endpoint), close(pages)]);
});

/** What a page did while the browser recorded, and the events of that recording. */
async function recorded(query) {
  const page = await browser.newPage();
  await page.goto(`http://localhost:${port}/?${query}`);
  await page.waitForFunction(() => document.title === "ran");
  await browser.startTracing(page);
  const did = await page.evaluate(() => globalThis.work());
  const { traceEvents } = JSON.parse(await browser.stopTracing());
  await page.close();
  assert.equal(did.health.exported, did.health.made, "all goes to the endpoint as well");
  const { spans } = decode(received.splice(0));
  assert.deepEqual(spans.map(({ name }) => name), SPANS);
  return { did, events: traceEvents };
}

/** Readings of a browser's clock, and of its calendar, are that coarse. */
const CLOCK_MS = 1;
const SPANS = ["run", "inner", "env.log", "trap"];
const COLORS = ["primary-dark", "primary", "primary", "error"];

test("spans are entries of a track, where they were, and leave nothing in the page's timeline", async () => {
  const { did, events } = await recorded("");
  const stamps = events.filter(({ name, args }) => name === "TimeStamp" && args.data?.track === "SQLite").map(({ args }) => args.data);
  assert.deepEqual(stamps.map(({ name, message }) => name ?? message), SPANS);
  assert.deepEqual(stamps.map(({ color }) => color), COLORS);
  for (const stamp of stamps) assert.equal(stamp.trackGroup, "Modules");
  assert.equal(JSON.parse(stamps[3].devtools)["error.type"], "unreachable");
  const [run, inner] = stamps;
  assert(run.start <= inner.start && inner.start <= inner.end && inner.end <= run.end && run.end <= stamps[3].start, "microseconds of the recording's clock");
  assert(stamps[3].end - run.start <= (did.after - did.before + CLOCK_MS) * 1_000);
  assert.equal(did.measures, 0);
});

test("as measures, where the engine knows no other way", async () => {
  const { did, events } = await recorded("measure");
  // One that took no time is a mark: `n`.
  const begun = events.filter(({ cat, ph, args }) => cat === "blink.user_timing" && "bn".includes(ph) && args.detail?.includes("track-entry"));
  assert.deepEqual(begun.map(({ name }) => name), SPANS);
  const details = begun.map(({ args }) => JSON.parse(args.detail).devtools);
  assert.deepEqual(details.map(({ track, trackGroup, color }) => [track, trackGroup, color]), COLORS.map((color) => ["WebAssembly", "Waspect", color]));
  assert.deepEqual(details[3].properties.find(([key]) => key === "error.type"), ["error.type", "unreachable"]);
  for (const { args } of begun) assert(args.startTime >= did.before - CLOCK_MS && args.startTime <= did.after + CLOCK_MS, `${args.startTime}`);
  assert.equal(did.measures, SPANS.length);
});

test("who does not ask for it has no track, and does not download it", async () => {
  const { did, events } = await recorded("off");
  assert.equal(did.measures, 0);
  assert(!events.some(({ name, args }) => name === "TimeStamp" || args?.detail?.includes?.("track-entry")));
  assert.doesNotMatch(bundle(`export * from "./dist/index.js";`, root).toString(), /track-entry|timeStamp/);
});
