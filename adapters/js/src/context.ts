// The span that is active in the host, from OpenTelemetry's API for JavaScript, without a dependency on it: copies of it
// find each other through one symbol, and so do we.

/** A span's identity, as the API has it. */
export interface SpanContext {
  traceId: string;
  spanId: string;
  traceFlags: number;
  traceState?: { serialize(): string };
}

interface Api {
  context?: { active(): { getValue(key: symbol): { spanContext(): SpanContext } | undefined } };
}

const API = Symbol.for("opentelemetry.js.api.1");
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");

/** W3C `traceparent`. */
export function traceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** The active span's context; none without a registered context manager. Never throws: it is someone else's code. */
export function activeSpan(): SpanContext | undefined {
  try {
    const api = (globalThis as { [API]?: Api })[API];
    const context = api?.context?.active().getValue(SPAN)?.spanContext();
    return context && /^[0-9a-f]{32}$/.test(context.traceId) && /^[0-9a-f]{16}$/.test(context.spanId) ? context : undefined;
  } catch {
    return undefined;
  }
}
