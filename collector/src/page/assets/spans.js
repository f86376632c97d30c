// A trace's spans in the order of a waterfall: parents before children, children by their start. Pure.

// Rows of a waterfall: beyond it a browser is slow, and nobody reads on.
export const ROWS_MAX = 2000;

const WARNINGS = "@jaeger@warnings";

// OTLP/JSON in, `{ rows, start, length_ns, total }` out; a row is `{ name, service, depth, offset_ns, length_ns, failed, facts, warnings }`.
export function waterfall(resourceSpans) {
  const spans = [];
  for (const { resource, scopeSpans = [] } of resourceSpans) {
    const about = attributes(resource?.attributes);
    for (const { spans: some = [] } of scopeSpans) {
      for (const span of some) spans.push(read(span, about));
    }
  }
  const byId = new Map(spans.map((span) => [span.id, span]));
  const roots = [];
  for (const span of spans) {
    const parent = span.parent && byId.get(span.parent);
    (parent && parent !== span ? parent.children : roots).push(span);
  }
  const start = spans.reduce((least, span) => (span.start < least ? span.start : least), spans[0]?.start ?? 0n);
  const end = spans.reduce((most, span) => (span.end > most ? span.end : most), start);
  const rows = [];
  const seen = new Set();
  // Spans that are their own ancestors hang under no root: they come last.
  for (const root of [...inOrder(roots), ...spans]) walk(root, start, seen, rows);
  return { rows: rows.slice(0, ROWS_MAX), start, length_ns: Number(end - start), total: spans.length };
}

// Not a recursion: a trace may be as deep as it has spans.
function walk(root, start, seen, rows) {
  const next = [[root, 0]];
  while (next.length > 0) {
    const [span, depth] = next.pop();
    if (seen.has(span)) continue;
    seen.add(span);
    const { name, service, failed, facts, warnings } = span;
    const [offset_ns, length_ns] = [Number(span.start - start), Number(span.end - span.start)];
    rows.push({ name, service, failed, facts, warnings, depth, offset_ns, length_ns });
    for (const child of inOrder(span.children).reverse()) next.push([child, depth + 1]);
  }
}

const inOrder = (spans) => spans.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));

function read(span, about) {
  const own = attributes(span.attributes);
  const warnings = own.filter(([key]) => key === WARNINGS).map(([, value]) => value);
  const service = about.find(([key]) => key === "service.name")?.[1] ?? "";
  const events = (span.events ?? []).map((event) => [`event ${event.name}`, attributes(event.attributes).map(([key, value]) => `${key}=${value}`).join(" ")]);
  const status = span.status?.message ? [["status", span.status.message]] : [];
  const start = BigInt(span.startTimeUnixNano ?? 0);
  const end = BigInt(span.endTimeUnixNano ?? 0);
  return {
    id: span.spanId,
    parent: span.parentSpanId,
    name: span.name,
    service,
    start,
    end: end < start ? start : end,
    failed: span.status?.code === 2 || span.status?.code === "STATUS_CODE_ERROR",
    facts: [...status, ...own.filter(([key]) => key !== WARNINGS), ...events, ...about.filter(([key]) => key !== "service.name")],
    warnings,
    children: [],
  };
}

function attributes(list = []) {
  return list.map(({ key, value }) => [key, show(value)]);
}

function show(value = {}) {
  const [kind, given] = Object.entries(value ?? {})[0] ?? ["", ""];
  if (kind === "arrayValue") return (given.values ?? []).map(show).join(", ");
  if (kind === "kvlistValue") return (given.values ?? []).map(({ key, value }) => `${key}=${show(value)}`).join(", ");
  return String(given);
}
