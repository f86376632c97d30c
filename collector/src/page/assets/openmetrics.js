// The text form of OpenMetrics, as `/metrics` writes it. Pure.

const SAMPLE = /^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)/;
const LABEL = /([a-zA-Z_][\w]*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES = { n: "\n", "\\": "\\", '"': '"' };

// The samples, each `{ name, labels, value }`, and what families are, by name.
export function parse(text) {
  const [samples, help] = [[], new Map()];
  for (const line of text.split("\n")) {
    const about = /^# HELP (\S+) (.*)$/.exec(line);
    if (about) help.set(about[1], about[2]);
    if (line.startsWith("#")) continue;
    const found = SAMPLE.exec(withoutExemplar(line));
    if (found) samples.push({ name: found[1], labels: labels(found[2] ?? ""), value: Number(found[3]) });
  }
  return { samples, help };
}

// An exemplar stands behind ` # `, which a label's value may hold as well.
function withoutExemplar(line) {
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    if (quoted && line[at] === "\\") at += 1;
    else if (line[at] === '"') quoted = !quoted;
    else if (!quoted && line[at] === "#") return line.slice(0, at);
  }
  return line;
}

function labels(text) {
  const found = {};
  for (const [, key, value] of text.matchAll(LABEL)) {
    found[key] = value.replace(/\\(.)/g, (whole, character) => ESCAPES[character] ?? whole);
  }
  return found;
}

// Metrics of functions, and what they are called in a row.
const OF_FUNCTIONS = new Map([
  ["wasm_function_calls_total", "calls"],
  ["wasm_function_time_seconds_total", "time"],
  ["wasm_function_self_time_seconds_total", "self"],
  ["wasm_function_errors_total", "errors"],
  ["wasm_function_allocated_bytes_total", "allocated"],
]);

// A row for each function of each service.
export function functions(samples) {
  const rows = new Map();
  for (const { name, labels, value } of samples) {
    const column = OF_FUNCTIONS.get(name);
    if (!column || !("code_function_name" in labels)) continue;
    const [service, called] = [labels.job ?? labels.service_name ?? "", labels.code_function_name];
    const key = JSON.stringify([service, called]);
    const row = rows.get(key) ?? { service, name: called, calls: 0, time: 0, self: 0, errors: 0, allocated: 0 };
    row[column] += value;
    rows.set(key, row);
  }
  return [...rows.values()];
}

// Metrics of memory, what they are called in a row, and how those of several modules become one.
const sum = (a, b) => a + b;
const OF_MEMORY = new Map([
  ["wasm_heap_live_bytes", ["live", sum]],
  ["wasm_heap_live_max_bytes", ["liveMax", Math.max]],
  ["wasm_memory_size_bytes", ["size", sum]],
]);

// A row for each service.
export function memory(samples) {
  const rows = new Map();
  for (const { name, labels, value } of samples) {
    const [column, join] = OF_MEMORY.get(name) ?? [];
    if (!column) continue;
    const service = labels.job ?? labels.service_name ?? "";
    const row = rows.get(service) ?? { service, live: 0, liveMax: 0, size: 0 };
    row[column] = join(row[column], value);
    rows.set(service, row);
  }
  return [...rows.values()];
}
