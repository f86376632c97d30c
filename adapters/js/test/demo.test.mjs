// The demo in Chromium: what SQLite did is shown below the page's own fetch, and hostile names are text.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "./chromium.mjs";
import { wasm } from "./support.mjs";

const folder = mkdtempSync(join(tmpdir(), "waspect-demo-"));
let server, url, browser;

before(async () => {
  const program = fileURLToPath(new URL("../demo/serve.mjs", import.meta.url));
  server = spawn(process.execPath, [program, process.env.WASPECT, folder], { stdio: ["ignore", "pipe", "inherit"] });
  [url] = await once(createInterface({ input: server.stdout }), "line");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  if (server?.kill()) await once(server, "exit");
  rmSync(folder, { recursive: true });
});

async function open(options) {
  const page = await browser.newPage(options);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("dialog", (dialog) => (errors.push(dialog.message()), dialog.dismiss()));
  await page.goto(url);
  await page.waitForFunction(() => !document.querySelector("button").disabled);
  return { page, errors };
}

const rows = (page) => page.$$eval("tr", (rows) => rows.map((row) => Array.from(row.cells, (cell) => cell.textContent)));

test("the page's fetch is the parent of what SQLite did", async () => {
  const { page, errors } = await open();
  await page.click("button");
  await page.waitForSelector("tr");
  const sums = {};
  for (const { shop, cents } of await (await fetch(`${url}orders.json`)).json()) sums[shop] = (sums[shop] ?? 0) + cents;
  const expected = Object.entries(sums).sort(([, a], [, b]) => b - a);
  assert.equal(await page.textContent("output"), expected.map(([shop, cents]) => `${shop}: ${(cents / 100).toFixed(2)}`).join(", "));
  const [first, ...others] = await rows(page);
  assert.deepEqual(first.slice(0, 2), ["GET orders.json", "page"]);
  assert(others.length > 30, `${others.length} spans`);
  for (const [name, service] of others) assert.deepEqual([name[0], service], ["\u2003", "sqlite"], name);
  assert.deepEqual(errors, []);
  await page.close();
});

// Without the page's policy, which would hide what is wrong.
test("100 hostile names run no script", async () => {
  const { page, errors } = await open({ bypassCSP: true });
  const names = Array.from({ length: 100 }, (_, at) => HOSTILE[at % HOSTILE.length].replaceAll("#", String(at)));
  const literal = (name) => `"${Buffer.from(name).reduce((text, byte) => `${text}\\${byte.toString(16).padStart(2, "0")}`, "")}"`;
  const module = wasm(`(module ${names.map((name) => `(func (export ${literal(name)}))`).join("\n")})`);
  const traceId = await page.evaluate(async (bytes) => {
    const { instance } = await globalThis.demo.observer.instantiate(Uint8Array.from(bytes));
    const run = () => Object.values(instance.exports).forEach((call) => call());
    const { traceId } = await globalThis.demo.fetchAnd("orders.json", run);
    await globalThis.demo.show(traceId);
    return traceId;
  }, Array.from(module));
  const shown = new Set((await rows(page)).map(([name]) => name.trim()));
  for (const name of names) assert(shown.has(name), `${name} in ${traceId}`);
  const tags = await page.$$eval("table *", (elements) => [...new Set(elements.map((element) => element.localName))].sort());
  assert.deepEqual(tags, ["meter", "tbody", "td", "tr"].filter((tag) => tags.includes(tag)));
  assert.equal(await page.evaluate(() => globalThis.hostile), undefined);
  assert.deepEqual(errors, []);
  await page.close();
});

const HOSTILE = [
  "<script>globalThis.hostile = #</script>",
  "<img src=x onerror=globalThis.hostile=#>",
  "<svg onload='globalThis.hostile=#'>",
  "\"><iframe srcdoc='<script>parent.hostile=#</script>'>",
  "'-alert(#)-'",
  "javascript:alert(#)",
  "</td><body onpageshow=alert(#)>",
  "${globalThis.hostile=#}",
  "&lt;b&gt;#&#60;i&#62;",
  "\u202e<b>#</b>\u2066",
];
