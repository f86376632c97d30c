// Pictures for the documentation: the collector's page with a trace and a profile, and a real Jaeger's page over the collector's store, with a real module's trace.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { launch } from "../../adapters/js/test/chromium.mjs";
import { environment, up } from "../../adapters/js/test/up.mjs";

const { WASPECT, MODULES, JAEGER, JAEGER_UI, PICTURES } = process.env;
const home = mkdtempSync(join(tmpdir(), "waspect-pictures-"));
const processes = [];

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

// Starts a program; the lines that it writes to standard error.
function start(program, options) {
  const child = spawn(program, options, { stdio: ["ignore", "ignore", "pipe"] });
  processes.push(child);
  return createInterface({ input: child.stderr });
}

async function collect(storage) {
  const env = environment(home, { WASPECT_COLLECT__REMOTE_STORAGE__ENDPOINT: storage });
  const { urls, close } = await up(env);
  processes.push({ kill: close });
  const script = "print(sorted('word %d' % (i * 7919 % 100) for i in range(100))[0])";
  const options = ["--summary", "none", "--min-duration", "20us", "--unknown-imports", "trap"];
  await promisify(execFile)(WASPECT, ["run", ...options, join(MODULES, "micropython.wasm"), "--", "-c", script], { env });
  return urls[1];
}

async function jaeger(storage) {
  const file = join(home, "jaeger.yaml");
  writeFileSync(file, `
extensions:
  jaeger_storage: {backends: {waspect: {grpc: {endpoint: "${storage}", tls: {insecure: true}}}}}
  jaeger_query:
    storage: {traces: waspect}
    ui: {assets_path: ${JSON.stringify(JAEGER_UI)}}
    http: {endpoint: "127.0.0.1:0"}
    grpc: {endpoint: "127.0.0.1:0"}
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters: {jaeger_storage_exporter: {trace_storage: waspect}}
service:
  extensions: [jaeger_storage, jaeger_query]
  telemetry: {metrics: {level: none}, logs: {encoding: json}}
  pipelines: {traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}}
`);
  for await (const line of start(JAEGER, ["--config", `file:${file}`])) {
    if (!line.startsWith("{")) continue;
    const said = JSON.parse(line);
    if (said.msg === "Starting HTTP server" && said["otelcol.component.id"] === "jaeger_query") return `http://127.0.0.1:${said.port}`;
  }
  throw new Error("Jaeger ended before it listened");
}

try {
  const storage = `127.0.0.1:${await freePort()}`;
  const page = await collect(storage);
  const query = await jaeger(storage);
  const browser = await launch();
  processes.push({ kill: () => browser.close() });
  const tab = await browser.newPage({ viewport: { width: 1200, height: 700 } });
  await tab.goto(page);
  await tab.waitForSelector("tbody a");
  await tab.click("tbody a");
  await tab.waitForSelector(".waterfall details");
  await tab.screenshot({ path: join(PICTURES, "page.png") });
  const id = tab.url().split("/").at(-1);
  await tab.goto(`${page}/#/profiles`);
  await tab.waitForSelector(".frame");
  await tab.screenshot({ path: join(PICTURES, "flame.png") });
  await tab.emulateMedia({ colorScheme: "dark" });
  await tab.screenshot({ path: join(PICTURES, "flame-dark.png") });
  await tab.emulateMedia({ colorScheme: "light" });

  await tab.goto(`${query}/trace/${id}`);
  await tab.getByText("_start").first().waitFor();
  assert.match(await tab.textContent("body"), /micropython/);
  await tab.screenshot({ path: join(PICTURES, "jaeger.png") });
  console.log(`${PICTURES}/page.png, flame.png, flame-dark.png and jaeger.png show trace ${id}`);
} finally {
  for (const one of processes.reverse()) {
    await one.kill();
    if (one.exitCode === null) await once(one, "exit");
  }
  rmSync(home, { recursive: true, force: true });
}
