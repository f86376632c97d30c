// Servers for tests with pages: an OTLP endpoint as the Collector is one, and files.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { gunzipSync } from "node:zlib";

/** Listens on a port that was free; gives it. */
export async function listen(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

export function close(server) {
  server?.closeAllConnections();
  return new Promise((resolve) => (server ? server.close(resolve) : resolve()));
}

/** An endpoint that keeps in `received` what it is sent. It allows what the OpenTelemetry Collector allows, and nothing of ours. */
export function endpoint(received) {
  return createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const [body, { method, url, headers }] = [Buffer.concat(chunks), request];
    response.setHeader("access-control-allow-origin", headers.origin ?? "*");
    response.setHeader("access-control-allow-headers", "content-type, content-encoding");
    if (method === "POST") {
      received.push({ signal: url.includes("/v1/traces") ? "traces" : "metrics", bytes: headers["content-encoding"] ? gunzipSync(body) : body });
    }
    response.writeHead(method === "OPTIONS" ? 204 : 200).end();
  });
}

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** The files of a folder, under a policy. `pages` come first: path -> type and body. */
export function files(folder, policy, pages = {}) {
  return createServer(({ url }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    let [type, body] = pages[pathname] ?? [TYPES[extname(pathname)]];
    try {
      body ??= readFileSync(join(folder, pathname));
    } catch {
      // Not found.
    }
    response.writeHead(body ? 200 : 404, { "content-type": type ?? "text/plain", "content-security-policy": policy }).end(body);
  });
}
