// Functions as the adapters' own metrics have them: every call counts, whether its span was kept or not.

import * as api from "./api.js";
import { element, table } from "./dom.js";
import { functions, parse } from "./openmetrics.js";
import { bytes, count, duration, name } from "./text.js";

const ROWS_MAX = 500;

export async function list() {
  const rows = functions(parse(await api.text("/metrics")).samples).sort((a, b) => b.self - a.self);
  const heading = element("h2", {}, "Functions");
  if (rows.length === 0) {
    return [heading, element("p", { role: "status" }, "No metrics of functions are on /metrics. They come with the first run that sends any.")];
  }
  const seconds = (value) => duration(value * 1e9);
  const columns = [
    { title: "Function", value: (row) => name(row.name) },
    { title: "Service", value: (row) => name(row.service) },
    { title: "Calls", number: true, value: (row) => row.calls, cell: (row) => count(row.calls) },
    { title: "Own time", number: true, value: (row) => row.self, cell: (row) => seconds(row.self) },
    { title: "Time", number: true, value: (row) => row.time, cell: (row) => seconds(row.time) },
    { title: "Allocated", number: true, value: (row) => row.allocated, cell: (row) => bytes(row.allocated) },
    { title: "Errors", number: true, value: (row) => row.errors, cell: (row) => count(row.errors) },
  ];
  const shown = rows.slice(0, ROWS_MAX);
  const caption = `${count(shown.length)} of ${count(rows.length)} functions, those with the most time of their own`;
  return [heading, table(caption, columns, shown, { sort: 3, descending: true })];
}
