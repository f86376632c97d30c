// The driver of the conformance suite in a page of Chromium.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { launch } from "./chromium.mjs";

export async function open() {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const code = bundle(`export { drive } from "./drive.mjs";`, join(root, "test"));
  const files = { "/": ["text/html", "<!doctype html>"], "/assets/js/drive.js": ["text/javascript", code] };
  for (const name of ["recorder.wasm", "recorder-stacks.wasm"]) {
    files[`/${name}`] = ["application/wasm", readFileSync(join(root, name))];
  }
  const server = createServer(({ url }, response) => {
    const [type, body] = files[url] ?? ["text/plain"];
    response.writeHead(body ? 200 : 404, { "content-type": type }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const browser = await launch();
  const page = await browser.newPage();
  await page.goto(`http://localhost:${server.address().port}/`);
  return {
    drive: (bytes, about) =>
      page.evaluate(async ([bytes, about]) => (await import("/assets/js/drive.js")).drive(bytes, about), [bytes, about]),
    async close() {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
