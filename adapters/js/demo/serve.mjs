// The demo: a page with SQLite, and a collector that keeps what it sends and is asked for it.
//
//   node serve.mjs WASPECT FOLDER [PORT]    the `waspect` program, where to keep things, and where to serve (any free port)

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import waspect from "waspect/esbuild";

const [program, folder, port = "0"] = process.argv.slice(2);
const page = fileURLToPath(new URL("page", import.meta.url));
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm" };

rmSync(folder, { recursive: true, force: true });
const site = join(folder, "site");
mkdirSync(site, { recursive: true });
await bundle();
let collector;
const server = createServer(answer);
server.listen(Number(port), "127.0.0.1");
await once(server, "listening");
const origin = `http://localhost:${server.address().port}`;
collector = await collect();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => collector.process.kill());
collector.process.on("exit", () => process.exit());
console.log(`${origin}/`);

/** The page as it is published: one line of this instruments SQLite. */
async function bundle() {
  const options = { bundle: true, minify: true, format: "esm", platform: "browser", target: "es2022", loader: { ".wasm": "file" } };
  await build({ ...options, entryPoints: [join(page, "main.js")], outdir: site, logLevel: "error", plugins: [waspect()] });
  for (const name of ["index.html", "style.css"]) writeFileSync(join(site, name), readFileSync(join(page, name)));
  const rows = Array.from({ length: 30 }, (_, at) => ({ shop: ["Aachen", "Basel", "Como"][at % 3], cents: ((at * 7919) % 5_000) + 99 }));
  writeFileSync(join(site, "orders.json"), JSON.stringify(rows));
}

/** A collector of the demo's own, on ports that are free, which takes from this page. */
async function collect() {
  const any = { endpoint: "127.0.0.1:0" };
  const http = { ...any, cors: { allowed_origins: [origin], allowed_headers: ["content-type", "content-encoding"] } };
  const config = { receivers: { otlp: { protocols: { grpc: any, http } } }, query: any, remote_storage: any, storage: { directory: join(folder, "store") } };
  // JSON is YAML.
  writeFileSync(join(folder, "collector.yaml"), JSON.stringify(config));
  const child = spawn(program, ["collect", "--config", join(folder, "collector.yaml")], { stdio: ["ignore", "ignore", "pipe"] });
  const found = { process: child };
  const said = [];
  for await (const line of createInterface({ input: child.stderr })) {
    found.otlp ??= /protocols\.http on (\S+)/.exec(line)?.[1];
    found.query ??= /query on (\S+)/.exec(line)?.[1];
    said.push(line);
    if (!line.endsWith("ready")) continue;
    child.stderr.resume();
    return found;
  }
  throw new Error(`the collector did not start: ${said.join("\n")}`);
}

async function answer({ url }, response) {
  const { pathname } = new URL(url, origin);
  const [status, type, body] = await found(pathname).catch(() => [404, "text/plain", "not found"]);
  const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self' http://${collector?.otlp}`;
  response.writeHead(status, { "content-type": type, "content-security-policy": policy, "x-content-type-options": "nosniff" }).end(body);
}

async function found(pathname) {
  if (pathname === "/demo.json") return [200, TYPES[".json"], JSON.stringify({ endpoint: `http://${collector.otlp}` })];
  // The collector is asked from here: a page may send, and not read what others sent.
  if (/^\/api\/traces\/[0-9a-f]{32}$/.test(pathname)) {
    const answer = await fetch(`http://${collector.query}${pathname}`);
    return [answer.status, TYPES[".json"], Buffer.from(await answer.arrayBuffer())];
  }
  if (!/^\/[\w.-]*$/.test(pathname)) throw new Error("no file of the page");
  const path = join(site, pathname === "/" ? "index.html" : pathname);
  return [200, TYPES[extname(path)] ?? "text/plain", readFileSync(path)];
}
