// The README's example, as it is printed there: what a web developer copies works.

import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { decode, tree, wasm } from "./support.mjs";

test("the example for web developers sends what it says", async (t) => {
  const [, code] = /```js\n([^`]*from "waspect"[^`]*)```/.exec(readFileSync(process.env.README, "utf8"));
  const path = new URL("readme-example.mjs", import.meta.url);
  writeFileSync(path, `${code}\nexport { observer };`);
  t.after(() => rmSync(path));
  const app = wasm(`(module (import "env" "log" (func $log)) (func (export "run") (call $log)))`);
  const sent = [];
  globalThis.imports = { env: { log() {} } };
  t.mock.method(globalThis, "fetch", async (url, options) => {
    if (url === "app.wasm") return new Response(app, { headers: { "content-type": "application/wasm" } });
    sent.push({ url: String(url), signal: String(url).includes("/v1/traces") ? "traces" : "metrics", options });
    return new Response();
  });
  const { observer } = await import(path);
  const health = await observer.flush();
  assert.equal(health.exported, health.made);
  assert(sent.every(({ url }) => url.startsWith("http://localhost:4318/v1/")));
  const traces = sent.filter(({ signal, options }) => signal === "traces" && !options.headers["content-encoding"]);
  assert.deepEqual(tree(decode(traces.map(({ options }) => ({ signal: "traces", bytes: options.body }))).spans), [" > run"]);
});
