// Sending: what an endpoint receives, and what happens when it is slow, broken, hanging or absent.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { decode, observe, wasm } from "./support.mjs";

const module = new WebAssembly.Module(wasm(`(module (func $leaf) (func (export "work") (call $leaf)))`));

async function listen(t, server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => (server.closeAllConnections?.(), server.close()));
  return `http://127.0.0.1:${server.address().port}`;
}

/** An endpoint that answers with these statuses, then with 200; and what it was sent. */
async function endpoint(t, statuses = []) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { headers, url } = request;
    const bytes = headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
    requests.push({ headers, path: url.split("?")[0], id: new URL(url, "http://x").searchParams.get("waspect.batch"), bytes });
    response.writeHead(statuses.shift() ?? 200).end();
  });
  return { requests, url: await listen(t, server) };
}

const observeAt = (url, options) => observe({ sink: undefined, endpoint: url, ...options }).observer;

test("an endpoint receives what was made, whole", async (t) => {
  const { requests, url } = await endpoint(t);
  const observer = observeAt(url, { headers: { "x-key": "secret" } });
  const { work } = observer.instance(module).exports;
  for (let call = 0; call < 1_000; call += 1) work();
  const health = await observer.flush();
  const batches = requests.map(({ path, bytes }) => ({ signal: path.slice("/v1/".length), bytes }));
  const { spans, points } = decode(batches);
  assert.equal(spans.length, 2_000);
  assert.deepEqual(points["wasm.function.calls"], { work: 1_000, leaf: 1_000 });
  assert.equal(health.exported, health.made);
  assert.equal(health.dropped + health.unconfirmed, 0);
  for (const { headers, bytes } of requests) {
    assert.equal(headers["content-type"], "application/x-protobuf");
    assert.equal(headers["x-key"], "secret");
    assert(bytes.length <= 61_440);
  }
  assert.equal(new Set(requests.map((request) => request.id)).size, requests.length);
  assert(requests.some((request) => request.headers["content-encoding"] === "gzip"));
});

test("what an endpoint could not take is sent again under its id, what it refuses is dropped", async (t) => {
  const { requests, url } = await endpoint(t, [503, 200, 400]);
  const observer = observeAt(url);
  observer.instance(module).exports.work();
  const health = await observer.flush();
  assert.deepEqual(requests.map((request) => request.path), ["/v1/traces", "/v1/traces", "/v1/metrics"]);
  assert.equal(requests[0].id, requests[1].id);
  assert.deepEqual(requests[0].bytes, requests[1].bytes);
  assert.equal(health.exported, 2);
  assert.equal(health.dropped, health.made - 2);
});

test("metrics are deltas: what was told is not told again", async (t) => {
  const { requests, url } = await endpoint(t);
  const observer = observeAt(url);
  const { work } = observer.instance(module).exports;
  const calls = [];
  for (const count of [3, 4]) {
    for (let call = 0; call < count; call += 1) work();
    await observer.flush();
    const metrics = requests.splice(0).filter((request) => request.path === "/v1/metrics");
    calls.push(decode(metrics.map(({ bytes }) => ({ signal: "metrics", bytes }))).points["wasm.function.calls"].work);
  }
  assert.deepEqual(calls, [3, 4]);
});

/** A program that works and ends; how long it took to end. */
async function program(url) {
  const code = `
    import { Observer } from "waspect";
    const observer = new Observer({ endpoint: ${JSON.stringify(url)} });
    const bytes = Buffer.from(process.argv[1], "base64");
    const { instance } = await observer.instantiate(bytes);
    for (let call = 0; call < 1000; call += 1) instance.exports.work();
    console.log("done");`;
  const bytes = Buffer.from(wasm(`(module (func $leaf) (func (export "work") (call $leaf)))`)).toString("base64");
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code, bytes], { stdio: ["ignore", "pipe", "pipe"] });
  let [output, errors, done] = ["", "", 0];
  child.stdout.on("data", (data) => ((output += data), (done ||= performance.now())));
  child.stderr.on("data", (data) => (errors += data));
  const [code_] = await once(child, "close");
  assert.equal(errors, "");
  assert.equal(output, "done\n");
  assert.equal(code_, 0);
  return performance.now() - done;
}

test("a program that ends sends what it has", async (t) => {
  const { requests, url } = await endpoint(t);
  await program(url);
  assert.deepEqual(new Set(requests.map((request) => request.path)), new Set(["/v1/traces", "/v1/metrics"]));
  const traces = requests.filter(({ path }) => path === "/v1/traces").map(({ bytes }) => ({ signal: "traces", bytes }));
  // On a busy machine a call of `leaf` may be slow enough for a span as well.
  assert.equal(decode(traces).spans.filter(({ name }) => name === "work").length, 1_000);
});

test("no endpoint: a program ends all the same, and soon", async (t) => {
  const server = createTcpServer();
  const url = await listen(t, server);
  await new Promise((resolve) => server.close(resolve));
  const ms = await program(url);
  console.log(`exit with the endpoint down: ${ms.toFixed(0)} ms`);
  assert(ms < 5_000, `${ms} ms`);
});

test("an endpoint that never answers: a program ends all the same, within five seconds", async (t) => {
  const held = [];
  const url = await listen(t, createTcpServer((socket) => held.push(socket)));
  const ms = await program(url);
  for (const socket of held) socket.destroy();
  console.log(`exit with a hanging endpoint: ${ms.toFixed(0)} ms`);
  assert(held.length > 0 && ms < 5_000, `${ms} ms`);
});

test("the queue is bounded, and what has no room is counted", async (t) => {
  const held = [];
  const url = await listen(t, createTcpServer((socket) => held.push(socket)));
  const observer = observeAt(url);
  const { work } = observer.instance(module).exports;
  for (let round = 0; round < 60; round += 1) {
    for (let call = 0; call < 500; call += 1) work();
    void observer.flush();
  }
  const { made, exported, dropped, unconfirmed } = observer.health();
  assert(dropped > 0, "4 MiB are full");
  assert.equal(exported, 0);
  assert.equal(made, dropped + unconfirmed);
  for (const socket of held) socket.destroy();
});

test("a sink that throws harms nobody", async () => {
  const { observer } = observe({ sink: () => { throw new Error("full"); } });
  observer.instance(module).exports.work();
  const health = await observer.flush();
  assert.equal(health.dropped, health.made);
});
