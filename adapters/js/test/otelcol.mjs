// A real OpenTelemetry Collector, of which OTELCOL is the program: OTLP in over HTTP, lines of OTLP/JSON out.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Starts one. `received` ends it, and gives the requests that it wrote: what it has acknowledged is in its file by then. */
export async function collector() {
  const folder = mkdtempSync(join(tmpdir(), "waspect-otelcol-"));
  const [config, file] = ["config.yaml", "received.jsonl"].map((name) => join(folder, name));
  writeFileSync(config, `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters: {file: {path: ${JSON.stringify(file)}}}
service:
  telemetry: {metrics: {level: none}, logs: {encoding: json}}
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
    metrics: {receivers: [otlp], exporters: [file]}
`);
  const child = spawn(process.env.OTELCOL, ["--config", config], { stdio: ["ignore", "ignore", "pipe"] });
  const log = createInterface(child.stderr);
  const url = `http://${await listening(log)}`;
  return {
    url,
    async received() {
      child.kill();
      await once(child, "exit");
      const lines = readFileSync(file, "utf8").split("\n").filter((line) => line !== "");
      rmSync(folder, { recursive: true });
      return lines.map((line) => JSON.parse(line));
    },
  };
}

async function listening(log) {
  const said = [];
  let endpoint;
  for await (const line of log) {
    said.push(line);
    const { msg, endpoint: told } = line.startsWith("{") ? JSON.parse(line) : {};
    if (msg === "Starting HTTP server") endpoint = told;
    // The rest of the log is read and forgotten: a full pipe would stop it.
    if (msg?.startsWith("Everything is ready")) return log.on("line", () => {}), endpoint;
  }
  throw new Error(`the Collector did not start:\n${said.join("\n")}`);
}
