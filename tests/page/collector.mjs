// A collector with a state of its own, and a real module that runs there.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { environment, up } from "../../adapters/js/test/up.mjs";

const { WASPECT, MODULES } = process.env;

// Two of MicroPython's imports come from the package's own host. A plain program calls neither.
const MICROPYTHON = [join(MODULES, "micropython.wasm"), "--unknown-imports", "trap", "--", "-c", "print(sorted('word %d' % (i * 7919 % 100) for i in range(100))[0])"];

export async function start() {
  const home = mkdtempSync(join(tmpdir(), "waspect-page-"));
  const env = environment(home);
  const { urls: [otlp, query], close } = await up(env);
  const waspect = (...options) => promisify(execFile)(WASPECT, options, { env });
  return {
    home, env, otlp, query, waspect,
    /** Runs a module, by default MicroPython. */
    run: (...module) => waspect("run", "--summary", "none", "--min-duration", "20us", ...(module.length > 0 ? module : MICROPYTHON)),
    async send(path, body) {
      const json = typeof body === "object" && !(body instanceof Uint8Array);
      const request = { method: "POST", headers: json ? { "content-type": "application/json" } : {}, body: json ? JSON.stringify(body) : body };
      const response = await fetch(`${otlp}${path}`, request);
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    },
    /** Waits until an answer has a text: what was acknowledged is found soon. */
    async has(path, text) {
      for (const end = Date.now() + 30_000; ; await sleep(20)) {
        const answer = await fetch(`${query}${path}`);
        const said = await answer.text();
        if (answer.ok && said.includes(text)) return;
        if (Date.now() > end) throw new Error(`${path} has no ${text}: ${said}`);
      }
    },
    async close() {
      await close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
