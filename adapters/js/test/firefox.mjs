// Firefox, as the set-up unpacked it, or the one that WASPECT_FIREFOX names; by puppeteer, since Playwright drives only a Firefox of its own.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { RUNTIMES, WASPECT_FIREFOX } = process.env;

/** `options`: puppeteer's, such as `extraPrefsFirefox`. */
export async function launch(options = {}) {
  const { default: puppeteer } = await import(pathToFileURL(createRequire(join(RUNTIMES, "here.js")).resolve("puppeteer-core")));
  const unpacked = join(RUNTIMES, "../firefox/usr/lib");
  const program = WASPECT_FIREFOX ?? join(unpacked, "firefox-esr/firefox-esr");
  const env = { ...process.env, LD_LIBRARY_PATH: join(unpacked, "x86_64-linux-gnu") };
  return puppeteer.launch({ browser: "firefox", executablePath: program, env, ...options });
}
