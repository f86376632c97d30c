// The page: OpenTelemetry's own SDK for what the page does, an Observer for what its module does.

import { context, SpanKind, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, WebTracerProvider } from "@opentelemetry/sdk-trace-web";
// The build whose exports have names: in the other one they are `Ha` and the like.
import initSqlJs from "sql.js/dist/sql-wasm-browser-debug.js";
import sqlite from "sql.js/dist/sql-wasm-browser-debug.wasm";
import { Observer } from "waspect";
import { show } from "./spans.js";

const { endpoint } = await (await fetch("demo.json")).json();

const provider = new WebTracerProvider({
  resource: resourceFromAttributes({ "service.name": "page" }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }))],
});
provider.register();
const tracer = trace.getTracer("demo");
const observer = new Observer({ serviceName: "sqlite", endpoint });

/** Fetches, and works on the answer on behalf of the fetch; gives the result and the trace. */
async function fetchAnd(url, work) {
  const span = tracer.startSpan(`GET ${url}`, { kind: SpanKind.CLIENT });
  try {
    const answer = await (await fetch(url)).json();
    return { result: context.with(trace.setSpan(context.active(), span), () => work(answer)), traceId: span.spanContext().traceId };
  } finally {
    span.end();
    await Promise.all([observer.flush(), provider.forceFlush()]);
  }
}

/** A trace, when the collector has it: within a second after it was acknowledged. */
async function stored(traceId) {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const response = await fetch(`api/traces/${traceId}`);
    const [found] = response.ok ? (await response.json()).data : [];
    if (new Set(Object.values(found?.processes ?? {}).map((process) => process.serviceName)).size > 1) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the collector has no trace ${traceId}`);
}

function query(SQL, rows) {
  const db = new SQL.Database();
  db.run("create table orders (shop text, cents integer)");
  for (const { shop, cents } of rows) db.run("insert into orders values (?, ?)", [shop, cents]);
  const [{ values }] = db.exec("select shop, sum(cents) from orders group by shop order by 2 desc");
  db.close();
  return values;
}

const [button, output, table] = ["button", "output", "table"].map((name) => document.querySelector(name));
const SQL = await initSqlJs({ instantiateWasm: observer.emscripten(new URL(sqlite, import.meta.url)) });
button.disabled = false;
button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const { result, traceId } = await fetchAnd("orders.json", (rows) => query(SQL, rows));
    output.textContent = result.map(([shop, cents]) => `${shop}: ${(cents / 100).toFixed(2)}`).join(", ");
    show(table, await stored(traceId));
  } catch (error) {
    output.textContent = String(error);
  } finally {
    button.disabled = false;
  }
});

/** For the console, and for tests. */
globalThis.demo = { observer, fetchAnd, show: async (traceId) => show(table, await stored(traceId)) };
