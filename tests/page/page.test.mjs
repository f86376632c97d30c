// The collector's page in browsers: what a user of `waspect up` sees of a real module, with the keyboard alone.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { BROWSERS } from "../../adapters/js/test/browsers.mjs";
import { start } from "./collector.mjs";
import { launch } from "./view.mjs";

for (const name of Object.keys(BROWSERS)) describe(name, () => {
  let collector, browser;

  before(async () => {
    collector = await start();
    browser = await launch(name);
  });

  after(async () => {
    await browser?.close();
    await collector?.close();
  });

  test("the first trace appears by itself, and its waterfall is walked with the keyboard alone", async () => {
    const view = await browser.open(collector.query);
    assert.match(await view.text("main"), /No trace has come yet/);
    await collector.run();
    await view.shows("tbody a");
    // From the top of the page to the first trace: each stop is something that can be seen and used.
    const stops = [];
    for (let stop = 0; stop < 20 && !stops.at(-1)?.startsWith("A #/traces/"); stop += 1) {
      await view.press("Tab");
      stops.push(await view.call(() => `${document.activeElement.tagName} ${document.activeElement.getAttribute("href") ?? ""}`));
    }
    assert.ok(stops.at(-1).startsWith("A #/traces/"), stops.join(", "));
    await view.press("Enter");
    await view.shows(".waterfall details");
    await view.press("Tab", "Tab", "Enter");
    assert.equal((await view.all("details[open]", (all) => all.length)), 1);
    assert.match(await view.text("details[open]"), /service/);
    const bars = await view.all(".bar", (bars) => bars.map((bar) => bar.getBoundingClientRect().width));
    assert.ok(bars.length > 1 && bars.every((width) => width > 0), "bars are laid out under the policy");
    assert.deepEqual(view.wrong, []);
  });

  test("health and functions are shown, in the dark too", async () => {
    const looks = [];
    for (const scheme of ["light", "dark"]) {
      const themed = await launch(name, scheme);
      const view = await themed.open(collector.query, "#/health");
      assert.match(await view.text("main"), /It is ready/);
      assert.match(await view.text("tbody"), /accepted total/);
      const paper = await view.call(() => getComputedStyle(document.body).backgroundColor);
      // MicroPython's, that ran before: the one with the most time of its own comes first, in order after a click by what was clicked.
      await view.go("#/functions");
      await view.shows('main[data-shown="Functions"] tbody tr');
      const column = async (at) => (await view.all("tbody tr", (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)))).map((row) => row[at]);
      assert.ok((await column(1)).every((service) => service === "micropython"));
      await view.focus("th:nth-child(3) button");
      await view.press("Enter");
      assert.equal(await view.attribute("th:nth-child(3)", "aria-sort"), "descending");
      const calls = (await column(2)).map((text) => Number(text.replaceAll(",", "")));
      assert.ok(calls.length > 100 && calls[0] > 100, `${calls}`);
      assert.deepEqual(calls, calls.toSorted((a, b) => b - a));
      await view.go("#/profiles");
      await view.shows(".frame");
      looks.push([paper, await view.call(() => getComputedStyle(document.querySelector(".frame")).backgroundColor)]);
      assert.deepEqual(view.wrong, []);
      await themed.close();
    }
    const [light, dark] = looks;
    assert.ok(light[0] !== dark[0] && light[1] !== dark[1] && dark[0] !== dark[1], `${looks}`);
  });

  test("live bytes are drawn over time, in words and in a table too", async () => {
    const view = await browser.open(collector.query, "#/memory");
    // MicroPython has ended: what is there is a service's that says so.
    const live = (value) => {
      const point = { timeUnixNano: String(BigInt(Date.now()) * 1_000_000n), asInt: String(value), attributes: [] };
      const sum = { isMonotonic: false, aggregationTemporality: 2, dataPoints: [point] };
      const metrics = [{ name: "wasm.heap.live", unit: "By", sum }, { name: "wasm.memory.size", unit: "By", sum: { ...sum, dataPoints: [{ ...point, asInt: "65536" }] } }];
      const resource = { attributes: [{ key: "service.name", value: { stringValue: "<b>shop</b>" } }] };
      return collector.send("/v1/metrics", { resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: "waspect" }, metrics }] }] });
    };
    const told = (text) => view.until((text) => [...document.querySelectorAll("figcaption")].some((one) => one.textContent.startsWith(text)), text);
    await live(1024);
    await told("<b>shop</b>: 1 KiB live, 64 KiB of memory");
    await live(4096);
    await told("<b>shop</b>: 4 KiB live");
    await live(2048);
    await told("<b>shop</b>: 2 KiB live, 64 KiB of memory; the most live bytes since this page was opened: 4 KiB");
    const rows = await view.all("tbody tr", (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
    assert.deepEqual(rows.filter(([service]) => service === "<b>shop</b>"), [["<b>shop</b>", "2 KiB", "0 B", "64 KiB"]]);
    // The line goes up and comes down again: its highest point is between its ends. A level is drawn when the next look has come.
    await view.until(() => {
      const canvas = [...document.querySelectorAll("canvas")].find((one) => one.getAttribute("aria-label").startsWith("<b>shop</b>"));
      const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const column = (x) => Array.from({ length: height }, (_, y) => data[4 * (y * width + x) + 3] > 0).indexOf(true);
      const tops = Array.from({ length: width - 2 }, (_, x) => column(x + 1));
      const [first, highest, last] = [tops[0], Math.min(...tops), tops.at(-1)];
      return 0 <= highest && highest < last && last < first;
    });
    assert.deepEqual(view.wrong, []);
    await view.close();
  });

  test("a flame graph is walked with the keyboard alone, by time and by allocation", async () => {
    const view = await browser.open(collector.query, "#/profiles");
    // MicroPython's, that `waspect run` pushed when it ended.
    await view.shows('[role="treeitem"]');
    const widths = await view.all(".frame", (frames) => frames.map((frame) => frame.getBoundingClientRect().width));
    assert.ok(widths.length > 20 && widths.every((width) => width > 0), `${widths}`);
    const here = () => view.call(() => [document.activeElement.textContent, document.activeElement.getAttribute("aria-level"), document.activeElement.getBoundingClientRect().width]);
    await view.focus('[role="treeitem"][tabindex="0"]');
    assert.deepEqual((await here()).slice(0, 2), ["all", "1"]);
    const whole = (await here())[2];
    for (let level = 2; level < 6; level += 1) {
      await view.press("ArrowDown");
      assert.equal((await here())[1], `${level}`);
    }
    const [text] = await here();
    await view.press("Enter");
    assert.deepEqual((await here()).slice(0, 2), [text, "5"]);
    assert.ok(Math.abs((await here())[2] - whole) < 1, "it is as wide as all was");
    assert.match(await view.text(".said"), /%, .* of its own$/);
    await view.press("Escape");
    assert.equal((await here())[0], text);
    const labels = await view.all("option", (options) => options.map((option) => option.textContent));
    assert.ok(["wall", "allocated", "calls", "live"].every((kind) => labels.includes(kind)), `${labels}`);
    await view.choose("Width", "calls");
    assert.match(await view.attribute(".flame", "aria-label"), /calls$/);
    assert.deepEqual(view.wrong, []);
  });

  test("where a token is needed the page is there, and what it shows is not", async () => {
    const file = join(collector.home, "collector.yaml");
    writeFileSync(file, `query: {auth: {authenticator: bearertokenauth}}
extensions: {bearertokenauth: {token: right}}
storage: {directory: ${JSON.stringify(join(collector.home, "guarded"))}}\n`);
    const guarded = spawn(process.env.WASPECT, ["collect", "--config", file], { env: collector.env, stdio: ["ignore", "ignore", "pipe"] });
    let address;
    for await (const line of createInterface({ input: guarded.stderr })) {
      address = /query on (\S+)$/.exec(line)?.[1] ?? address;
      if (line === "ready") break;
    }
    const view = await browser.open(`http://${address}`, "#/health");
    for (const [token, shown] of [["wrong", "input#token"], ["right", "tbody tr"]]) {
      await view.focus("input#token");
      await view.type(token);
      const asked = view.page.waitForResponse((response) => response.url().endsWith("/metrics"));
      await view.press("Enter");
      assert.equal((await asked).status(), token === "right" ? 200 : 401);
      await view.until((shown) => document.querySelector(shown) && document.activeElement.value !== "wrong", shown);
    }
    await view.close();
    guarded.kill();
    if (guarded.exitCode === null) await once(guarded, "exit");
  });
});
