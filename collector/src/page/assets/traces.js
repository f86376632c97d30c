// The traces that came last, and one of them as a waterfall.

import * as api from "./api.js";
import { element, table } from "./dom.js";
import { ROWS_MAX, waterfall } from "./spans.js";
import { count, duration, name, time } from "./text.js";

const LIMIT = 50;

// How often it is looked for the first trace.
const WAIT_MS = 1000;

export async function list(signal) {
  const service = element("select", { id: "service" }, element("option", { value: "" }, "all services"));
  const found = element("div");
  const known = new Set();
  const refresh = async () => {
    const [{ summaries, warnings }, services] = await Promise.all([api.summaries(service.value, LIMIT), api.services()]);
    for (const one of services.filter((one) => !known.has(one))) {
      known.add(one);
      service.append(element("option", { value: one }, name(one)));
    }
    const said = warnings.map((warning) => element("p", { role: "status" }, warning));
    found.replaceChildren(...said, summaries.length > 0 ? rows(summaries) : nothing());
    if (summaries.length === 0 && !signal.aborted) setTimeout(() => signal.aborted || again(), WAIT_MS);
  };
  const again = () => refresh().catch((error) => found.replaceChildren(element("p", { role: "alert" }, error.message)));
  service.addEventListener("change", again);
  await refresh();
  return [
    element("h2", {}, "Traces"),
    element("p", { className: "controls" },
      element("label", { htmlFor: "service" }, "Service "), service, " ",
      element("button", { type: "button", onclick: again }, "Refresh")),
    found,
  ];
}

function nothing() {
  return element("div", { role: "status" },
    element("p", {}, "No trace has come yet. Run something:"),
    element("pre", {}, "waspect run app.wasm"),
    element("p", {}, "Where nobody said `waspect up`, add --otlp. What comes is shown within seconds."));
}

function rows(traces) {
  const length = (trace) => Number(BigInt(trace.maxEndTimeUnixNano) - BigInt(trace.minStartTimeUnixNano));
  const title = (trace) => `${name(trace.rootServiceName)}: ${name(trace.rootOperationName)}`;
  return table(`The ${count(traces.length)} traces that came last`, [
    { title: "Began", value: (trace) => Number(trace.minStartTimeUnixNano), cell: (trace) => time(trace.minStartTimeUnixNano) },
    { title: "Trace", value: title, cell: (trace) => element("a", { href: `#/traces/${encodeURIComponent(trace.traceId)}` }, title(trace)) },
    { title: "Took", number: true, value: length, cell: (trace) => duration(length(trace)) },
    { title: "Spans", number: true, value: (trace) => trace.spanCount, cell: (trace) => count(trace.spanCount) },
    { title: "Failed", number: true, value: (trace) => trace.errorSpanCount, cell: (trace) => failed(trace.errorSpanCount) },
    { title: "Services", value: (trace) => trace.services.map((one) => name(one.name)).join(", ") },
  ], traces, { sort: 0, descending: true });
}

const failed = (number) => (number > 0 ? element("strong", { className: "failed" }, count(number)) : "0");

export async function one(id) {
  const { rows, start, length_ns, total } = waterfall(await api.trace(id));
  const title = rows[0] ? `${name(rows[0].service)}: ${name(rows[0].name)}` : name(id);
  return [
    element("p", {}, element("a", { href: "#/traces" }, "All traces")),
    element("h2", {}, title),
    element("p", {}, `${time(start)}, ${duration(length_ns)}, ${count(total)} spans, trace ${name(id)}`),
    total > ROWS_MAX && element("p", { role: "status" }, `The first ${count(ROWS_MAX)} spans are shown.`),
    element("div", { className: "waterfall" }, rows.map((row) => line(row, length_ns))),
  ];
}

function line(row, whole_ns) {
  const bar = element("span", { className: "bar" });
  // Set by script, one property at a time: the page's policy forbids styles in markup.
  const part = (ns) => `${(100 * ns) / Math.max(whole_ns, 1)}%`;
  bar.style.setProperty("left", part(row.offset_ns));
  bar.style.setProperty("width", part(row.length_ns));
  const called = element("span", { className: "name" }, name(row.name));
  called.style.setProperty("padding-left", `${Math.min(row.depth, 40) * 0.75}rem`);
  const facts = [["service", row.service], ["begins after", duration(row.offset_ns)], ...row.facts];
  return element("details", { className: row.failed ? "failed" : "" },
    element("summary", {}, called,
      element("span", { className: "lane", ariaHidden: "true" }, bar),
      element("span", { className: "number" }, `${row.failed ? "failed " : ""}${duration(row.length_ns)}`)),
    row.warnings.map((warning) => element("p", { className: "warning" }, name(warning))),
    element("dl", {}, facts.map(([key, value]) => [element("dt", {}, name(key)), element("dd", {}, name(value))])));
}
