// A script that is driven in a page of a browser.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BROWSERS } from "./browsers.mjs";
import { bundle } from "./bundle.mjs";

export async function open(name, script) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const code = bundle(`export { drive } from "${script}";`, join(root, "test"));
  const files = { "/": ["text/html", "<!doctype html>"], "/assets/js/drive.js": ["text/javascript", code] };
  for (const name of ["recorder.wasm", "recorder-stacks.wasm"]) {
    files[`/${name}`] = ["application/wasm", readFileSync(join(root, name))];
  }
  const server = createServer(({ url }, response) => {
    const [type, body] = files[url] ?? ["text/plain"];
    response.writeHead(body ? 200 : 404, { "content-type": type }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const browser = await BROWSERS[name]();
  const page = await browser.newPage();
  await page.goto(`http://localhost:${server.address().port}/`);
  return {
    drive: (modules, about) =>
      page.evaluate(async ([modules, about]) => (await import("/assets/js/drive.js")).drive(modules, about), [modules, about]),
    async close() {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
