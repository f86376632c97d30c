// Bar R12: pages that send a little each, of whose requests every tenth is sent again, since its answer was lost. What the collector adds up is
// exact.
//
//   WASPECT_PAGES: how many pages, 100 by default

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Observer } from "waspect";
import { close, listen } from "./servers.mjs";
import { wasm } from "./support.mjs";
import { environment, up } from "./up.mjs";

const PAGES = Number(process.env.WASPECT_PAGES ?? 100);
/** Pages that are open at once. */
const TOGETHER = 50;
const LOST_OF = 10;

const home = mkdtempSync(join(tmpdir(), "waspect-totals-"));
const counted = { requests: 0, lost: 0 };
let collector, otlp, query, between;

before(async () => {
  collector = await up(environment(home));
  [otlp, query] = collector.urls;
  between = createServer(pass);
});

after(async () => {
  await close(between);
  await collector?.close();
  rmSync(home, { recursive: true, force: true });
});

/** Hands a request on; of every tenth the answer is lost on the way back. */
async function pass(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { "content-type": type, "content-encoding": encoding } = request.headers;
  const headers = { "content-type": type, ...(encoding ? { "content-encoding": encoding } : {}) };
  const answer = await fetch(otlp + request.url, { method: "POST", headers, body: Buffer.concat(chunks) });
  counted.requests += 1;
  const isLost = counted.requests % LOST_OF === 0;
  if (isLost) counted.lost += 1;
  response.writeHead(isLost ? 503 : answer.status).end();
}

test("totals are exact though requests are repeated", async () => {
  const endpoint = `http://127.0.0.1:${await listen(between)}`;
  const module = new WebAssembly.Module(wasm(`(module (func $leaf) (func (export "run") (call $leaf) (call $leaf)))`));
  let runs = 0;
  const page = async (_, at) => {
    const observer = new Observer({ serviceName: "pages", endpoint, minDurationMs: 1_000 });
    const { run } = observer.instance(module).exports;
    for (const times of [at % 7 + 1, at % 3 + 1]) {
      for (let time = 0; time < times; time += 1) run();
      runs += times;
      // Two batches a page: the second one tells what is new.
      const { made, exported } = await observer.flush();
      assert.equal(exported, made);
    }
  };
  for (let first = 0; first < PAGES; first += TOGETHER) {
    await Promise.all(Array.from({ length: Math.min(TOGETHER, PAGES - first) }, page));
  }
  const expected = { run: runs, leaf: 2 * runs };
  const found = await totals(({ run = 0 }) => run >= runs);
  assert.deepEqual(found, expected);
  assert(counted.lost >= PAGES / LOST_OF, `${counted.lost} answers were lost`);
  console.log(`${PAGES} pages, ${counted.requests} requests, ${counted.lost} of them repeated: ${found.run} calls of ${runs}`);
});

/** Calls by function, once they are enough and a second has made no more of them; or as they are after a while. */
async function totals(enough) {
  let [found, still] = [{}, 0];
  for (let look = 0; look < 200 && still < 10; look += 1) {
    const before = found.run;
    const text = await (await fetch(`${query}/metrics`)).text();
    found = {};
    for (const [, labels, value] of text.matchAll(/^wasm_function_calls_total\{(.*)\} (\d+)/gm)) {
      const [, name] = /code_function_name="(\w+)"/.exec(labels);
      found[name] = (found[name] ?? 0) + Number(value);
    }
    still = enough(found) && found.run === before ? still + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return found;
}
