// Memory over time: what living instances hold, by service, from when this view was first shown. The collector keeps no history of metrics.

import * as api from "./api.js";
import { element, table } from "./dom.js";
import { line } from "./line.js";
import { memory, parse } from "./openmetrics.js";
import { bytes, name } from "./text.js";

const EVERY_MS = 2000;

// Looks that are kept: an hour.
const KEPT_MAX = 1800;

const SERVICES_MAX = 20;

// Service -> looks, `{ at, live, size }`; it outlives the view.
const seen = new Map();

export async function list(signal) {
  const shown = element("div");
  const refresh = async () => {
    const rows = memory(parse(await api.text("/metrics")).samples).sort((a, b) => b.live - a.live);
    look(rows);
    shown.replaceChildren(...(rows.length > 0 ? picture(rows) : [element("p", { role: "status" }, "No metrics of memory are on /metrics. They come with the first run that sends any.")]));
    if (!signal.aborted) setTimeout(() => signal.aborted || again(), EVERY_MS);
  };
  const again = () => refresh().catch((error) => shown.replaceChildren(element("p", { role: "alert" }, error.message)));
  await refresh();
  return [element("h2", {}, "Memory"), shown];
}

// Notes what is there now; who is not there any more holds nothing.
function look(rows) {
  const at = Date.now();
  const now = new Map(rows.slice(0, SERVICES_MAX).map((row) => [row.service, row]));
  for (const service of new Set([...seen.keys(), ...now.keys()])) {
    const looks = seen.get(service) ?? [];
    const { live = 0, size = 0 } = now.get(service) ?? {};
    looks.push({ at, live, size });
    seen.set(service, looks.slice(-KEPT_MAX));
    if (looks.every((look) => look.live === 0 && look.size === 0)) seen.delete(service);
  }
}

function picture(rows) {
  const graphs = rows.filter(({ service }) => seen.has(service)).slice(0, SERVICES_MAX).map(({ service, live, size }) => {
    const looks = seen.get(service);
    const most = Math.max(...looks.map((look) => look.live));
    const told = `${name(service)}: ${bytes(live)} live, ${bytes(size)} of memory; the most live bytes since this page was opened: ${bytes(most)}`;
    return element("figure", {}, line(looks.map(({ at, live }) => [at, live]), told), element("figcaption", {}, told));
  });
  const columns = [
    { title: "Service", value: (row) => name(row.service) },
    { title: "Live", number: true, value: (row) => row.live, cell: (row) => bytes(row.live) },
    { title: "Most of one instance", number: true, value: (row) => row.liveMax, cell: (row) => bytes(row.liveMax) },
    { title: "Memory", number: true, value: (row) => row.size, cell: (row) => bytes(row.size) },
  ];
  return [...graphs, table("What living instances hold now", columns, rows, { sort: 1, descending: true })];
}
