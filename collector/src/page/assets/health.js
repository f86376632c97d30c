// How the collector itself does.

import * as api from "./api.js";
import { element, table } from "./dom.js";
import { parse } from "./openmetrics.js";
import { count, name } from "./text.js";

// What should be zero.
const BAD = /_(rejected|refused|lost|dropped|evictions|damaged)/;

export async function list() {
  const [ready, text] = await Promise.all([api.text("/readyz").catch((error) => `not ready: ${error.message}`), api.text("/metrics")]);
  const { samples } = parse(text);
  const ours = samples.filter((sample) => sample.name.startsWith("waspect_collector_"));
  const about = (sample) => Object.entries(sample.labels).map(([key, value]) => `${name(key)}=${name(value)}`).join(" ");
  const isBad = (sample) => BAD.test(sample.name) && sample.value > 0;
  const columns = [
    { title: "Figure", value: (sample) => name(sample.name).replace("waspect_collector_", "").replaceAll("_", " ") },
    { title: "Of", value: about },
    { title: "Value", number: true, value: (sample) => sample.value,
      cell: (sample) => (isBad(sample) ? element("strong", { className: "failed" }, count(sample.value)) : count(sample.value)) },
  ];
  return [
    element("h2", {}, "Health"),
    element("p", { role: "status" }, ready.trim() === "ok" ? "It is ready: what is sent is acknowledged." : name(ready)),
    table("What it counted since it started", columns, ours),
  ];
}
