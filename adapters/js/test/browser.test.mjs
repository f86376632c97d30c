// A page in Chromium: the bundle under a strict policy, an endpoint of another origin, pages that are left.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { bundle, launch } from "./chromium.mjs";
import { decode, tree, wasm } from "./support.mjs";

const NAVIGATIONS = 100;
const root = fileURLToPath(new URL("..", import.meta.url));

const app = (port) => `
  import { Observer } from "waspect";
  const observer = new Observer({ serviceName: "page", endpoint: "http://localhost:${port}", minDurationMs: 0 });
  const { instance } = await observer.instantiateStreaming(fetch("/app.wasm"), { env: { log() {} } });
  instance.exports.run();
  globalThis.observer = observer;
  globalThis.run = instance.exports.run;
  document.title = "ran";`;

const PAGES = {
  "/": ["text/html", `<!doctype html><title>page</title><script type="module" src="/assets/js/app.js"></script>`],
  "/recorder.wasm": ["application/wasm", readFileSync(join(root, "recorder.wasm"))],
  "/app.wasm": ["application/wasm", wasm(`(module (import "env" "log" (func $log)) (func (export "run") (call $log)))`)],
};
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src *";

const received = [];
let browser, pages, endpoint;

before(async () => {
  endpoint = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const [body, { method, url, headers }] = [Buffer.concat(chunks), request];
    // As the OpenTelemetry Collector answers: what it allows, and nothing of ours.
    response.setHeader("access-control-allow-origin", headers.origin ?? "*");
    response.setHeader("access-control-allow-headers", "content-type, content-encoding");
    if (method === "POST") {
      received.push({ signal: url.includes("/v1/traces") ? "traces" : "metrics", bytes: headers["content-encoding"] ? gunzipSync(body) : body });
    }
    response.writeHead(method === "OPTIONS" ? 204 : 200).end();
  });
  const toEndpoint = await listen(endpoint);
  const code = bundle(app(toEndpoint), root);
  PAGES["/assets/js/app.js"] = ["text/javascript", code];
  pages = createServer((request, response) => {
    const [type, body] = PAGES[request.url] ?? [];
    response.writeHead(body ? 200 : 404, { "content-type": type ?? "text/plain", "content-security-policy": POLICY }).end(body);
  });
  pages.port = await listen(pages);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  for (const server of [pages, endpoint]) server?.closeAllConnections(), server?.close();
});

async function listen(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

async function open() {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && !message.text().includes("404") && errors.push(message.text()));
  await page.goto(`http://localhost:${pages.port}/`);
  await page.waitForFunction(() => document.title === "ran");
  return { page, errors };
}

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

test("spans survive the page that made them", async () => {
  const { page } = await open();
  for (let visit = 1; visit <= NAVIGATIONS; visit += 1) {
    await page.goto(`http://localhost:${pages.port}/`);
    await page.waitForFunction(() => document.title === "ran");
  }
  await page.goto("about:blank");
  const runs = () => decode(received).spans.filter((span) => span.name === "run").length;
  for (let wait = 0; wait < 50 && received.filter((one) => one.signal === "traces").length < NAVIGATIONS + 1; wait += 1) {
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
  }
  const found = runs();
  console.log(`${found} of ${NAVIGATIONS + 1} pages were heard of`);
  assert.equal(found, NAVIGATIONS + 1);
  received.length = 0;
  await page.close();
});

test("an endpoint that is down troubles no page", async () => {
  endpoint.closeAllConnections();
  await new Promise((resolve) => endpoint.close(resolve));
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
