// A Worker in workerd: an Observer and an instance made before the first request, where there are neither timers nor randomness nor a
// clock, and what each request did, sent before it is over.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, endpoint as endpointFor, listen } from "./servers.mjs";
import { attributes, decode, tree, wasm } from "./support.mjs";
import { start } from "./workerd.mjs";

const MODULE = `(module
  (import "env" "log" (func $log))
  (func $inner (call $log))
  (func (export "run") (call $inner))
  (func (export "trap") unreachable))`;

const script = (port) => `
  import { Observer } from "waspect";
  import module from "app.wasm";
  const observer = new Observer({ serviceName: "worker", endpoint: "http://127.0.0.1:${port}", minDurationMs: 0 });
  const { exports } = observer.instance(module, { env: { log() {} } });
  export default {
    async fetch(request, env, context) {
      const { pathname } = new URL(request.url);
      if (pathname === "/health") return Response.json(observer.health());
      try {
        exports[pathname.slice(1)]();
      } catch (error) {
        return new Response(error.message, { status: 500 });
      } finally {
        context.waitUntil(observer.flush());
      }
      return new Response("done");
    },
  };`;

const received = [];
let endpoint, worker;

before(async () => {
  endpoint = endpointFor(received);
  worker = await start(script(await listen(endpoint)), { "app.wasm": wasm(MODULE) });
});

after(async () => {
  await worker?.close();
  await close(endpoint);
});

/** Everything was answered for: whoever asks may go on. */
async function health() {
  for (;;) {
    const health = await (await fetch(`${worker.url}health`)).json();
    if (health.unconfirmed === 0) return health;
  }
}

test("each request sends what it did", async () => {
  assert.equal(await (await fetch(`${worker.url}run`)).text(), "done");
  const { made, exported } = await health();
  assert.equal(exported, made);
  const { spans, points } = decode(received.splice(0));
  assert.deepEqual(tree(spans), [" > run", "run > inner", "inner > env.log"]);
  assert.deepEqual(points["wasm.function.calls"], { run: 1, inner: 1, "env.log": 1 });
  const [hours] = spans.map((span) => (Date.now() - Number(BigInt(span.startTimeUnixNano) / 1_000_000n)) / 3_600_000);
  assert(Math.abs(hours) < 1, `the span began ${hours} hours ago`);
});

test("requests at once are told apart, and a trap is told with its code", async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => fetch(`${worker.url}${at % 4 === 0 ? "trap" : "run"}`)));
  assert.equal(answers.filter((answer) => answer.status === 500).length, 5);
  await Promise.all(answers.map((answer) => answer.text()));
  const { made, exported } = await health();
  assert.equal(exported, made);
  const { spans, points } = decode(received.splice(0));
  const roots = spans.filter((span) => span.parent === null);
  assert.equal(new Set(roots.map((span) => span.traceId)).size, 20);
  assert.deepEqual(points["wasm.errors"], { unreachable: 5 });
  assert.equal(attributes(roots.find((span) => span.name === "trap"))["error.type"], "unreachable");
});

test("an endpoint that is gone costs no request, and is counted", async () => {
  await close(endpoint);
  const before = await health();
  assert.equal(await (await fetch(`${worker.url}run`)).text(), "done");
  const { made, exported, dropped } = await health();
  assert(made > before.made);
  assert.deepEqual([exported, dropped], [before.exported, made - before.exported]);
});
