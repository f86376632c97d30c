// The collector's page in Chromium: what a user of `waspect up` sees, with names that want to be markup, with the keyboard alone.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { launch } from "../../adapters/js/test/chromium.mjs";
import { environment, up } from "../../adapters/js/test/up.mjs";
import { bars, tree } from "../../collector/src/page/assets/flame.js";
import { functions, parse } from "../../collector/src/page/assets/openmetrics.js";
import { decode } from "../../collector/src/page/assets/pprof.js";
import { waterfall } from "../../collector/src/page/assets/spans.js";
import { duration, name } from "../../collector/src/page/assets/text.js";
import { hostile } from "./names.mjs";

const { WASPECT, MODULES } = process.env;
const home = mkdtempSync(join(tmpdir(), "waspect-page-"));
const env = environment(home);
let collector, urls, browser;

before(async () => {
  collector = await up(env);
  urls = collector.urls;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await collector?.close();
  rmSync(home, { recursive: true, force: true });
});

// A page that notes whatever must not happen.
async function open(hash, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("dialog", (dialog) => (wrong.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("request", (request) => request.url().startsWith(urls[1]) || request.url().startsWith("data:") || wrong.push(`asks ${request.url()}`));
  await page.goto(`${urls[1]}/${hash}`);
  await page.waitForSelector("main[data-shown]");
  return { page, wrong, context };
}

const id = (number, digits) => number.toString(16).padStart(digits, "0");

async function send(names) {
  const now = BigInt(Date.now()) * 1_000_000n;
  const attribute = (key, text) => ({ key, value: { stringValue: text } });
  const resourceSpans = names.map((text, index) => ({
    resource: { attributes: [attribute("service.name", text)] },
    scopeSpans: [{
      scope: { name: text },
      spans: [0, 1].map((child) => ({
        traceId: id(index + 1, 32),
        spanId: id(2 * index + child + 1, 16),
        parentSpanId: child ? id(2 * index + 1, 16) : "",
        name: text,
        startTimeUnixNano: String(now),
        endTimeUnixNano: String(now + 5_000_000n),
        attributes: [attribute(text || "key", text), attribute("@jaeger@warnings", text)],
        events: [{ name: text, timeUnixNano: String(now), attributes: [attribute(text || "key", text)] }],
        status: { code: 2, message: text },
      })),
    }],
  }));
  const response = await fetch(`${urls[0]}/v1/traces`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ resourceSpans }) });
  assert.equal(response.status, 200, await response.text());
}

test("the first trace appears by itself, and its waterfall is walked with the keyboard alone", async () => {
  const { page, wrong } = await open("");
  assert.match(await page.textContent("main"), /No trace has come yet/);
  // Two of MicroPython's imports come from the package's own host. A plain program calls neither.
  const options = ["--summary", "none", "--min-duration", "20us", "--unknown-imports", "trap"];
  const script = "print(sorted('word %d' % (i * 7919 % 100) for i in range(100))[0])";
  await promisify(execFile)(WASPECT, ["run", ...options, join(MODULES, "micropython.wasm"), "--", "-c", script], { env });
  await page.waitForSelector("tbody a");
  // From the top of the page to the first trace: each stop is something that can be seen and used.
  const stops = [];
  for (let stop = 0; stop < 20 && !stops.at(-1)?.startsWith("A #/traces/"); stop += 1) {
    await page.keyboard.press("Tab");
    stops.push(await page.evaluate(() => `${document.activeElement.tagName} ${document.activeElement.getAttribute("href") ?? ""}`));
  }
  assert.ok(stops.at(-1).startsWith("A #/traces/"), stops.join(", "));
  await page.keyboard.press("Enter");
  await page.waitForSelector(".waterfall details");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("details[open]").count(), 1);
  assert.match(await page.textContent("details[open]"), /service/);
  const bars = await page.$$eval(".bar", (bars) => bars.map((bar) => bar.getBoundingClientRect().width));
  assert.ok(bars.length > 1 && bars.every((width) => width > 0), "bars are laid out under the policy");
  assert.deepEqual(wrong, []);
});

test("hostile names are text, everywhere", async () => {
  const names = hostile();
  await send(names);
  const { page, wrong } = await open("#/traces");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length >= 50);
  // The list shows 50; of each the trace is looked at.
  for (let index = 0; index < names.length; index += 1) {
    await page.goto(`${urls[1]}/#/traces/${id(index + 1, 32)}`);
    await page.waitForFunction((wanted) => document.querySelector(".waterfall")?.previousElementSibling.textContent.endsWith(wanted), id(index + 1, 32));
    const heading = await page.textContent("h2");
    assert.ok(heading.endsWith(`: ${name(names[index])}`), JSON.stringify(names[index]));
    const shown = await page.$$eval("details", (all) => all.map((details) => ((details.open = true), details.textContent)));
    assert.equal(shown.length, 2);
    // Its name, service, status, attribute, event and what it belongs to.
    assert.ok(shown.every((text) => text.split(name(names[index])).length > 3), JSON.stringify([names[index], shown]));
  }
  for (const view of ["Traces", "Functions", "Health"]) {
    await page.goto(`${urls[1]}/#/${view.toLowerCase()}`);
    await page.waitForSelector(`main[data-shown="${view}"] tbody tr`);
  }
  const tags = await page.evaluate(() => [...document.querySelectorAll("script, iframe, img, object, embed, svg, base, meta[http-equiv]")].map((node) => node.outerHTML));
  assert.deepEqual(tags, ['<script type="module" src="/page/main.js"></script>']);
  assert.equal(await page.evaluate(() => globalThis.ran), undefined);
  assert.deepEqual(wrong, []);
  console.log(`${names.length} hostile names, none of them more than text`);
});

test("health and functions are shown, in the dark too", async () => {
  const paper = [];
  for (const colorScheme of ["light", "dark"]) {
    const { page, wrong, context } = await open("#/health", { colorScheme });
    assert.match(await page.textContent("main"), /It is ready/);
    assert.match(await page.textContent("tbody"), /accepted total/);
    paper.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    // MicroPython's, that ran before: the one with the most time of its own comes first, in order after a click by what was clicked.
    await page.goto(`${urls[1]}/#/functions`);
    await page.waitForSelector('main[data-shown="Functions"] tbody tr');
    const column = (number) => page.$$eval(`tbody td:nth-child(${number})`, (cells) => cells.map((cell) => cell.textContent));
    assert.ok((await column(2)).every((service) => service === "micropython"));
    await page.focus("th:nth-child(3) button");
    await page.keyboard.press("Enter");
    assert.equal(await page.getAttribute("th:nth-child(3)", "aria-sort"), "descending");
    const calls = (await column(3)).map((text) => Number(text.replaceAll(",", "")));
    assert.ok(calls.length > 100 && calls[0] > 100, `${calls}`);
    assert.deepEqual(calls, calls.toSorted((a, b) => b - a));
    assert.deepEqual(wrong, []);
    await context.close();
  }
  assert.notEqual(paper[0], paper[1]);
});

test("live bytes are drawn over time, in words and in a table too", async () => {
  const { page, wrong } = await open("#/memory");
  // MicroPython has ended: what is there is a service's that says so.
  const live = async (value) => {
    const point = { timeUnixNano: String(BigInt(Date.now()) * 1_000_000n), asInt: String(value), attributes: [] };
    const sum = { isMonotonic: false, aggregationTemporality: 2, dataPoints: [point] };
    const metrics = [{ name: "wasm.heap.live", unit: "By", sum }, { name: "wasm.memory.size", unit: "By", sum: { ...sum, dataPoints: [{ ...point, asInt: "65536" }] } }];
    const resource = { attributes: [{ key: "service.name", value: { stringValue: "<b>shop</b>" } }] };
    const body = JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: "waspect" }, metrics }] }] });
    const response = await fetch(`${urls[0]}/v1/metrics`, { method: "POST", headers: { "content-type": "application/json" }, body });
    assert.equal(response.status, 200, await response.text());
  };
  const told = (text) => page.waitForFunction((text) => [...document.querySelectorAll("figcaption")].some((one) => one.textContent.startsWith(text)), text);
  await live(1024);
  await told("<b>shop</b>: 1 KiB live, 64 KiB of memory");
  await live(4096);
  await told("<b>shop</b>: 4 KiB live");
  await live(2048);
  await told("<b>shop</b>: 2 KiB live, 64 KiB of memory; the most live bytes since this page was opened: 4 KiB");
  assert.deepEqual(await page.$$eval("tbody tr", (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)).filter(([service]) => service === "<b>shop</b>")), [["<b>shop</b>", "2 KiB", "0 B", "64 KiB"]]);
  // The line goes up and comes down again: its highest point is between its ends. A level is drawn when the next look has come.
  await page.waitForFunction(() => {
    const canvas = [...document.querySelectorAll("canvas")].find((one) => one.getAttribute("aria-label").startsWith("<b>shop</b>"));
    const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const column = (x) => Array.from({ length: height }, (_, y) => data[4 * (y * width + x) + 3] > 0).indexOf(true);
    const tops = Array.from({ length: width - 2 }, (_, x) => column(x + 1));
    const [first, highest, last] = [tops[0], Math.min(...tops), tops.at(-1)];
    return 0 <= highest && highest < last && last < first;
  });
  assert.deepEqual(wrong, []);
});

test("a flame graph is walked with the keyboard alone, by time and by allocation", async () => {
  const { page, wrong } = await open("#/profiles");
  // MicroPython's, that `waspect run` pushed when it ended; hostile services have spans alone.
  await page.waitForSelector('[role="treeitem"]');
  const widths = await page.$$eval(".frame", (frames) => frames.map((frame) => frame.getBoundingClientRect().width));
  assert.ok(widths.length > 20 && widths.every((width) => width > 0), `${widths}`);
  const here = () => page.evaluate(() => [document.activeElement.textContent, document.activeElement.getAttribute("aria-level"), document.activeElement.getBoundingClientRect().width]);
  await page.focus('[role="treeitem"][tabindex="0"]');
  assert.deepEqual((await here()).slice(0, 2), ["all", "1"]);
  const whole = (await here())[2];
  for (let level = 2; level < 6; level += 1) {
    await page.keyboard.press("ArrowDown");
    assert.equal((await here())[1], `${level}`);
  }
  const [text] = await here();
  await page.keyboard.press("Enter");
  assert.deepEqual((await here()).slice(0, 2), [text, "5"]);
  assert.ok(Math.abs((await here())[2] - whole) < 1, "it is as wide as all was");
  assert.match(await page.textContent(".said"), /%, .* of its own$/);
  await page.keyboard.press("Escape");
  assert.equal((await here())[0], text);
  const labels = await page.$$eval("option", (options) => options.map((option) => option.textContent));
  assert.ok(["wall", "allocated", "calls", "live"].every((kind) => labels.includes(kind)), `${labels}`);
  await page.selectOption(".choices:has(+ *) select >> nth=-1", { label: "calls" });
  assert.match(await page.getAttribute(".flame", "aria-label"), /calls$/);
  assert.deepEqual(wrong, []);
});

test("names of a profile are text too, and a profile is read to its last bit", async () => {
  const names = [...new Set(hostile())].filter((text) => text.length < 2000);
  const response = await fetch(`${urls[0]}/api/pprof?service=${encodeURIComponent("</option><script>globalThis.ran=1</script>")}`, { method: "POST", body: pprof(names) });
  assert.equal(response.status, 204, await response.text());
  const { page, wrong } = await open("#/profiles");
  await page.waitForFunction(async () => (await (await fetch("/api/profiles/services")).json()).data.length === 2);
  await page.reload();
  await page.waitForSelector(".frame");
  await page.selectOption("select >> nth=0", { label: "</option><script>globalThis.ran=1</script>" });
  await page.waitForFunction((wanted) => document.querySelectorAll(".frame").length === wanted, names.length + 1);
  const shown = new Set(await page.$$eval(".frame", (frames) => frames.map((frame) => frame.textContent)));
  assert.ok(names.every((text) => shown.has(name(text))), JSON.stringify(names.filter((text) => !shown.has(name(text)))));
  assert.equal(await page.locator("script, img, svg, iframe").count(), 1);
  assert.equal(await page.evaluate(() => globalThis.ran), undefined);
  assert.deepEqual(wrong, []);

  const { types, samples } = decode(pprof(["outer", "inner"], [2 ** 52 + 1, -3]));
  assert.deepEqual([types, samples], [[{ name: "wall", unit: "nanoseconds" }], [{ stack: ["outer"], values: [2 ** 52 + 1] }, { stack: ["inner"], values: [-3] }]]);
});

test("a flame graph has room for any stack", () => {
  const stack = Array.from({ length: 100_000 }, (_, at) => `${at}`);
  const root = tree([{ stack, values: [5] }, { stack: ["other"], values: [-5] }, { stack: ["0"], values: [1] }], 0);
  assert.equal(root.value, 6);
  const all = bars(root);
  assert.ok(all.length < 300 && all.every(({ left, width }) => left >= 0 && left + width <= 1.000001));
  const many = tree(Array.from({ length: 100_000 }, (_, at) => ({ stack: [`${at % 1000}`, `${at}`], values: [1] })), 0);
  assert.ok(bars(many).length <= 2000);
});

// A profile of one function a sample, in protocol buffers.
function pprof(names, values = names.map(() => 1_000_000)) {
  const varint = (number) => {
    const bytes = [];
    let left = BigInt.asUintN(64, BigInt(number));
    for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
    return [...bytes, Number(left)];
  };
  const number = (field, value) => [...varint(field * 8), ...varint(value)];
  const bytes = (field, content) => [...varint(field * 8 + 2), ...varint(content.length), ...content];
  const texts = ["", "wall", "nanoseconds", ...names].flatMap((text) => bytes(6, [...new TextEncoder().encode(text)]));
  const parts = names.flatMap((_, at) => [
    ...bytes(2, [...number(1, at + 1), ...number(2, values[at])]),
    ...bytes(4, [...number(1, at + 1), ...bytes(4, number(1, at + 1))]),
    ...bytes(5, [...number(1, at + 1), ...number(2, at + 3)]),
  ]);
  return new Uint8Array([...bytes(1, [...number(1, 1), ...number(2, 2)]), ...parts, ...texts]);
}

test("where a token is needed the page is there, and what it shows is not", async () => {
  const file = join(home, "collector.yaml");
  writeFileSync(file, `query: {auth: {authenticator: bearertokenauth}}
extensions: {bearertokenauth: {token: right}}
storage: {directory: ${JSON.stringify(join(home, "guarded"))}}\n`);
  const guarded = spawn(WASPECT, ["collect", "--config", file], { env, stdio: ["ignore", "ignore", "pipe"] });
  let address;
  for await (const line of createInterface({ input: guarded.stderr })) {
    address = /query on (\S+)$/.exec(line)?.[1] ?? address;
    if (line === "ready") break;
  }
  const page = await browser.newPage();
  await page.goto(`http://${address}/#/health`);
  for (const [token, shown] of [["wrong", "input#token"], ["right", "tbody tr"]]) {
    await page.fill("input#token", token);
    const asked = page.waitForResponse((response) => response.url().endsWith("/metrics"));
    await page.keyboard.press("Enter");
    assert.equal((await asked).status(), token === "right" ? 200 : 401);
    await page.waitForSelector(shown);
  }
  await page.close();
  guarded.kill();
  if (guarded.exitCode === null) await once(guarded, "exit");
});

test("figures of functions are read from OpenMetrics", () => {
  const text = [
    "# HELP wasm_function_calls In {call}.",
    'wasm_function_calls_total{code_function_name="a \\"b\\" # {c=\\"d\\"}",job="shop"} 3 # {trace_id="1"} 1 2',
    'wasm_function_self_time_seconds_total{code_function_name="a \\"b\\" # {c=\\"d\\"}",job="shop"} 0.5',
    'wasm_function_calls_total{code_function_name="other",job="shop"} 1e3',
  ].join("\n");
  const rows = functions(parse(text).samples);
  assert.deepEqual(rows.map((row) => [row.service, row.name, row.calls, row.self]), [["shop", 'a "b" # {c="d"}', 3, 0.5], ["shop", "other", 1000, 0]]);
});

test("waterfalls end, whatever parents say", () => {
  const span = (spanId, parentSpanId) => ({ spanId, parentSpanId, name: spanId, startTimeUnixNano: "5", endTimeUnixNano: "3" });
  const rows = (spans) => waterfall([{ scopeSpans: [{ spans }] }]).rows.map((row) => `${row.depth} ${row.name}`);
  assert.deepEqual(rows([span("b", "a"), span("a", "")]), ["0 a", "1 b"]);
  assert.deepEqual(rows([span("a", "b"), span("b", "a"), span("c", "c")]), ["0 c", "0 a", "1 b"]);
  assert.equal(rows(Array.from({ length: 100_000 }, (_, at) => span(`${at}`, at ? `${at - 1}` : ""))).length, 2000);
  assert.deepEqual([duration(1234567), name("a\u202eb\u0000"), name("")], ["1.235 ms", "a\\u{202e}b\\u{0}", "(no name)"]);
});
