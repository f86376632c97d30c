// The collector's page in a browser. Playwright's pages and puppeteer's have little in common: what they have is used, the rest is done by script.

import { setTimeout as sleep } from "node:timers/promises";
import { BROWSERS } from "../../adapters/js/test/browsers.mjs";

// How long anything may take to be shown: a guard against waiting for ever.
const SHOWN_MS = 30_000;

/** A browser whose user likes it `light` or `dark`. Firefox is told when it starts: puppeteer cannot tell it later. */
export async function launch(name, scheme = "light") {
  const dark = scheme === "dark";
  const browser = await BROWSERS[name]({ extraPrefsFirefox: { "layout.css.prefers-color-scheme.content-override": dark ? 0 : 1 } });
  const context = () => browser.newContext?.({ colorScheme: scheme }) ?? browser.createBrowserContext();
  return {
    close: () => browser.close(),
    // A page at an address of a collector, and what it did that no page of ours may.
    async open(base, hash = "") {
      const within = await context();
      const page = await within.newPage();
      const view = new View(page, base);
      page.on("pageerror", (error) => view.wrong.push(error.message));
      page.on("dialog", (dialog) => (view.wrong.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
      page.on("console", (message) => message.type() === "error" && view.wrong.push(message.text()));
      page.on("request", (request) => [`${base}/`, "data:"].some((ours) => request.url().startsWith(ours)) || view.wrong.push(`asks ${request.url()}`));
      view.close = () => within.close();
      await view.go(hash);
      return view;
    },
  };
}

class View {
  wrong = [];

  constructor(page, base) {
    Object.assign(this, { page, base });
  }

  async go(hash) {
    await this.page.goto(`${this.base}/${hash}`);
    await this.shows("main[data-shown]");
  }

  /** Waits for an element. */
  shows(selector) {
    return this.page.waitForSelector(selector, { timeout: SHOWN_MS });
  }

  /** Calls a function in the page. */
  call(what, argument) {
    return this.page.evaluate(what, argument);
  }

  /** Calls it until it says something that counts. */
  async until(what, argument) {
    for (const end = Date.now() + SHOWN_MS; ; await sleep(20)) {
      const said = await this.call(what, argument);
      if (said) return said;
      if (Date.now() > end) throw new Error(`not within ${SHOWN_MS} ms: ${what}`);
    }
  }

  /** The text of the first element. */
  async text(selector) {
    await this.shows(selector);
    return this.page.$eval(selector, (element) => element.textContent);
  }

  /** An attribute of the first element. */
  async attribute(selector, name) {
    await this.shows(selector);
    return this.page.$eval(selector, (element, name) => element.getAttribute(name), name);
  }

  /** Calls a function with all elements. */
  all(selector, what) {
    return this.page.$$eval(selector, what);
  }

  focus(selector) {
    return this.page.focus(selector);
  }

  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  type(text) {
    return this.page.keyboard.type(text);
  }

  /** Chooses of a list by what it shows; `label` begins the list's own. */
  async choose(label, option) {
    await this.call(([label, option]) => {
      const list = [...document.querySelectorAll("label")].find((one) => one.textContent.startsWith(label)).querySelector("select");
      list.value = [...list.options].find((one) => one.textContent === option).value;
      list.dispatchEvent(new Event("change"));
    }, [label, option]);
  }
}
