// A trace as a table. Names are the module's own, so they are text and nothing else.

/** Shows a trace of Jaeger's query API in `table`: a row a span, callees below their callers. */
export function show(table, { spans, processes }) {
  const begin = Math.min(...spans.map((span) => span.startTime));
  const end = Math.max(...spans.map((span) => span.startTime + span.duration));
  table.replaceChildren(...inOrder(spans).map(([span, depth]) => row(span, depth, processes[span.processID], end - begin)));
}

function row(span, depth, process, whole) {
  const row = document.createElement("tr");
  const name = cell(row, "\u2003".repeat(depth) + span.operationName);
  if (span.tags.some(({ key, value }) => key === "error" && value === true)) name.className = "error";
  cell(row, process.serviceName);
  cell(row, `${(span.duration / 1000).toFixed(3)} ms`);
  const meter = document.createElement("meter");
  [meter.max, meter.value] = [Math.max(whole, 1), span.duration];
  cell(row).append(meter);
  return row;
}

function cell(row, text = "") {
  const cell = row.insertCell();
  cell.textContent = text;
  return cell;
}

/** Spans with their depths, in the order of a tree that is read aloud. */
function inOrder(spans) {
  const known = new Set(spans.map((span) => span.spanID));
  const children = new Map();
  for (const span of spans.toSorted((a, b) => a.startTime - b.startTime)) {
    const parent = span.references.find((reference) => known.has(reference.spanID))?.spanID;
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const [ordered, waiting] = [[], (children.get(undefined) ?? []).map((span) => [span, 0]).reverse()];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [span, depth] = next;
    ordered.push(next);
    waiting.push(...(children.get(span.spanID) ?? []).map((child) => [child, depth + 1]).reverse());
  }
  return ordered;
}
