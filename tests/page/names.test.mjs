// Names on the collector's page: those that would like to be more than names, and those that come by a manifest.

import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { BROWSERS } from "../../adapters/js/test/browsers.mjs";
import { name } from "../../collector/src/page/assets/text.js";
import { start } from "./collector.mjs";
import { manifest, pprof } from "./messages.mjs";
import { hostile } from "./names.mjs";
import { launch } from "./view.mjs";

const id = (number, digits) => number.toString(16).padStart(digits, "0");
const attribute = (key, text) => ({ key, value: { stringValue: text } });
const names = hostile();

// The longest that a manifest may hold; and what is empty names nothing.
const inManifest = names.filter((text) => text && Buffer.byteLength(text) <= 4096);

// Two spans of each name, in traces of their own.
function traces(now) {
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
  return { resourceSpans };
}

// A trace of functions that nothing names, of a build.
function nameless(now, build, trace) {
  const spans = inManifest.map((_, index) => ({
    traceId: trace,
    spanId: id(index + 1, 16),
    name: `func[${index}]`,
    startTimeUnixNano: String(now),
    endTimeUnixNano: String(now + 5_000_000n),
    attributes: [attribute("code.function.name", `func[${index}]`), attribute("wasm.module.build_id", build)],
  }));
  const resource = { attributes: [attribute("service.name", "nameless")] };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "waspect" }, spans }] }] };
}

for (const browserName of Object.keys(BROWSERS)) describe(browserName, () => {
  let collector, browser;

  before(async () => {
    collector = await start();
    browser = await launch(browserName);
  });

  after(async () => {
    await browser?.close();
    await collector?.close();
  });

  test("names that never shipped are shown once their manifest is here", async () => {
    // A QuickJS that has them goes out without.
    const module = join(collector.home, "quickjs.wasm");
    await collector.waspect("instrument", "--manifest", "sidecar", "--output", module, join(process.env.MODULES, "qjs-reactor.wasm"));
    const sidecar = join(collector.home, "names");
    renameSync(`${module}.waspect`, sidecar);
    await collector.run("--invoke-main", "qjs_init_argv", module, "--", "-e", "JSON.stringify([...Array(9999).keys()].map(String).sort())");
    await collector.has("/metrics", "wasm_function_calls_total");
    await collector.has("/api/profiles/services", "quickjs");
    const view = await browser.open(collector.query);
    await view.shows("tbody a");
    const trace = await view.attribute("tbody a", "href");
    const shown = async () => {
      await view.go(trace);
      await view.shows(".waterfall details");
      const spans = await view.all(".waterfall .name", (all) => all.map((one) => one.textContent));
      await view.go("#/functions");
      await view.shows("tbody tr");
      const functions = await view.all("tbody tr", (rows) => rows.map((row) => row.cells[0].textContent));
      await view.go("#/profiles");
      await view.shows(".frame");
      const frames = await view.all(".frame", (all) => all.map((one) => one.textContent));
      return [spans, functions, frames.filter((text) => text !== "all")];
    };
    // A page that goes from one address of its own to another is loaded anew.
    for (const list of await shown()) assert.ok(list.length > 1 && list.every((text) => text.startsWith("func[")), `${list}`);
    const { stdout } = await collector.waspect("manifest", "push", sidecar);
    assert.match(stdout, /functions of build [0-9a-f]{16}/);
    const [spans, functions, frames] = await shown();
    for (const list of [spans, functions, frames]) assert.ok(list.length > 1 && !list.some((text) => text.startsWith("func[")), `${list}`);
    assert.ok(functions.includes("JS_CallInternal") && frames.includes("JS_CallInternal"), `${functions}, ${frames}`);
    console.log(`${spans.length} spans, ${functions.length} functions and ${frames.length} frames of QuickJS have names that never shipped`);
    assert.deepEqual(view.wrong, []);
    await view.close();
  });

  test("hostile names are text, everywhere", async () => {
    await collector.send("/v1/traces", traces(BigInt(Date.now()) * 1_000_000n));
    const view = await browser.open(collector.query, "#/traces");
    await view.until(() => document.querySelectorAll("tbody tr").length >= 50 || void document.querySelector("main button").click());
    // The list shows 50; of each the trace is looked at.
    for (let index = 0; index < names.length; index += 1) {
      const [heading, shown] = await view.until((wanted) => {
        location.hash = `#/traces/${wanted}`;
        const waterfall = document.querySelector(".waterfall");
        if (!waterfall?.previousElementSibling.textContent.endsWith(wanted)) return false;
        const details = [...waterfall.querySelectorAll("details")];
        return [document.querySelector("h2").textContent, details.map((one) => ((one.open = true), one.textContent))];
      }, id(index + 1, 32));
      assert.ok(heading.endsWith(`: ${name(names[index])}`), JSON.stringify(names[index]));
      assert.equal(shown.length, 2);
      // Its name, service, status, attribute, event and what it belongs to.
      assert.ok(shown.every((text) => text.split(name(names[index])).length > 3), JSON.stringify([names[index], shown]));
    }
    for (const which of ["Traces", "Functions", "Health"]) {
      await view.go(`#/${which.toLowerCase()}`);
      await view.shows(`main[data-shown="${which}"] tbody tr`);
    }
    const tags = await view.call(() => [...document.querySelectorAll("script, iframe, img, object, embed, svg, base, meta[http-equiv]")].map((node) => node.outerHTML));
    assert.deepEqual(tags, ['<script type="module" src="/page/main.js"></script>']);
    assert.equal(await view.call(() => String(globalThis.ran)), "undefined");
    assert.deepEqual(view.wrong, []);
    await view.close();
    console.log(`${names.length} hostile names, none of them more than text`);
  });

  test("those of a manifest are, too", async () => {
    const [build, trace] = ["0123456789abcdef", "f".repeat(32)];
    await collector.send("/v1/traces", nameless(BigInt(Date.now()) * 1_000_000n, build, trace));
    const response = await fetch(`${collector.otlp}/api/manifests/${build}`, { method: "PUT", body: manifest(build, inManifest, "<script>globalThis.ran=1</script>") });
    assert.equal(response.status, 201, await response.text());
    await collector.has(`/api/v3/traces/${trace}`, trace);
    const view = await browser.open(collector.query, `#/traces/${trace}`);
    await view.shows(".waterfall .name");
    const shown = new Set(await view.all(".waterfall .name", (all) => all.map((one) => one.textContent)));
    assert.deepEqual(inManifest.filter((text) => !shown.has(name(text))), []);
    assert.equal(await view.call(() => String(globalThis.ran)), "undefined");
    assert.equal(await view.all("script, img, svg, iframe", (all) => all.length), 1);
    assert.deepEqual(view.wrong, []);
    await view.close();
    console.log(`${inManifest.length} hostile names of a manifest, none of them more than text`);
  });

  test("and those of a profile", async () => {
    const service = "</option><script>globalThis.ran=1</script>";
    const some = [...new Set(names)].filter((text) => text.length < 2000);
    await collector.send(`/api/pprof?service=${encodeURIComponent(service)}`, pprof(some));
    await collector.has("/api/profiles/services", service);
    const view = await browser.open(collector.query, "#/profiles");
    await view.shows(".frame");
    await view.choose("Service", name(service));
    await view.until((wanted) => document.querySelectorAll(".frame").length === wanted, some.length + 1);
    const shown = new Set(await view.all(".frame", (frames) => frames.map((frame) => frame.textContent)));
    assert.deepEqual(some.filter((text) => !shown.has(name(text))), []);
    assert.equal(await view.all("script, img, svg, iframe", (all) => all.length), 1);
    assert.equal(await view.call(() => String(globalThis.ran)), "undefined");
    assert.deepEqual(view.wrong, []);
  });
});
