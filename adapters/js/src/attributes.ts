// Attributes as OTLP writes them.

import type { Fields } from "./protobuf.js";

export type Attributes = Record<string, string | number | boolean | (string | number)[]>;

/** Attributes of a span or an event, by key. */
export function attributes(entries: Fields[]): Attributes {
  return Object.fromEntries(entries.map((entry) => [entry.text(1), value(entry.messages(2)[0])]));
}

function value(any: Fields | undefined): Attributes[string] {
  if (any === undefined || any.has(1)) return any?.text(1) ?? "";
  if (any.has(2)) return any.number(2) === 1n;
  if (any.has(3)) return Number(BigInt.asIntN(64, any.number(3)));
  return any.messages(5).flatMap((list) => list.messages(1).map((one) => value(one) as string | number));
}
