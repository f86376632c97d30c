// `waspect/provider`: spans through the host's own TracerProvider, for hosts that want one pipeline.
//
// What OpenTelemetry's API cannot carry: ids of spans are the provider's (so `observer.traceparent()` names none of them), the resource is
// the provider's, and so is the decision to sample. Metrics are not its business.

import { attributes, type Attributes } from "./attributes.js";
import type { SpanContext } from "./context.js";
import { hex } from "./encode.js";
import type { Batch } from "./options.js";
import { Fields } from "./protobuf.js";

/** What is used of `@opentelemetry/api`'s interfaces of these names. */
export interface TracerProvider {
  getTracer(name: string, version?: string): Tracer;
}
interface Tracer {
  startSpan(name: string, options: object, context: Context): Span;
}
interface Span {
  spanContext(): SpanContext;
  addEvent(name: string, attributes: Attributes, time: Time): unknown;
  setStatus(status: { code: number; message: string }): unknown;
  end(time: Time): void;
}

/** Seconds since 1970, and nanoseconds. */
type Time = [number, number];

/** Spans whose children may come in a later batch. */
const REMEMBERED = 10_000;

const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");
const INTERNAL = 0;
const ERROR = 2;

/**
 * A sink that replays spans through a provider, and leaves metrics to the endpoint.
 *
 * ```js
 * new Observer({ sink: through(tracerProvider) });
 * ```
 */
export function through(provider: TracerProvider): (batch: Batch) => boolean {
  /** What the provider made of the spans that the recorder made, by the latter's ids. */
  const made = new Map<string, SpanContext>();
  return ({ signal, bytes }) => {
    if (signal !== "traces") return false;
    for (const scope of new Fields(bytes).messages(1).flatMap((resource) => resource.messages(2))) {
      const [about] = scope.messages(1);
      const tracer = provider.getTracer(about?.text(1) ?? "waspect", about?.text(2));
      // Parents stand before their children.
      for (const span of scope.messages(2)) {
        const context = replay(tracer, span, made);
        made.set(hex(span.bytes(2)), context);
        if (made.size > REMEMBERED) made.delete(made.keys().next().value!);
      }
    }
    return true;
  };
}

function replay(tracer: Tracer, span: Fields, made: Map<string, SpanContext>): SpanContext {
  const parentId = hex(span.bytes(4));
  const host = { traceId: hex(span.bytes(1)), spanId: parentId, traceFlags: 1, isRemote: true };
  const parent = parentId === "" ? undefined : (made.get(parentId) ?? host);
  const options = { kind: INTERNAL, startTime: time(span.number(7)), attributes: attributes(span.messages(9)) };
  const replayed = tracer.startSpan(span.text(5), options, new Context(parent && { spanContext: () => parent }));
  for (const event of span.messages(11)) replayed.addEvent(event.text(2), attributes(event.messages(3)), time(event.number(1)));
  for (const status of span.messages(15)) {
    if (Number(status.number(3)) === ERROR) replayed.setStatus({ code: ERROR, message: status.text(2) });
  }
  replayed.end(time(span.number(8)));
  return replayed.spanContext();
}

/** A context of OpenTelemetry's with a span or none, whatever is active. */
class Context {
  constructor(
    readonly span: unknown,
    readonly values: ReadonlyMap<symbol, unknown> = new Map(),
  ) {}

  getValue(key: symbol): unknown {
    return key === SPAN ? this.span : this.values.get(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return key === SPAN ? new Context(value, this.values) : new Context(this.span, new Map([...this.values, [key, value]]));
  }

  deleteValue(key: symbol): Context {
    return this.setValue(key, undefined);
  }
}

function time(nanoseconds: bigint): Time {
  return [Number(nanoseconds / 1_000_000_000n), Number(nanoseconds % 1_000_000_000n)];
}
