// `waspect/devtools`: spans as a track of their own in the performance panel of Chromium's DevTools, beside what the page did meanwhile.
//
// The panel knows two ways, for times that are past as well. `console.timeStamp` with a track costs next to nothing and leaves nothing behind, but other
// engines, and Chromium before 134, take it for a mark of now. `performance.measure` with `detail.devtools` is harmless everywhere, but each stays in the
// page's own timeline.

import { attributes, type Attributes } from "./attributes.js";
import type { Batch } from "./options.js";
import { Fields } from "./protobuf.js";

export interface TrackOptions {
  /** What the track is called. */
  track?: string;
  /** Under which heading it stands, together with others of it. */
  group?: string;
  /** How the panel is told; found out by default. */
  by?: "timeStamp" | "measure";
}

/** What the panel is told of a span; times as `performance.now()` has them. */
interface Entry {
  name: string;
  start: number;
  end: number;
  color: string;
  properties: Attributes;
}

/** Measures stay as long as the page: no more than so many. */
const MEASURES_MAX = 10_000;
/** The version of Chromium that knows tracks of `console.timeStamp`. */
const TRACKS_SINCE = 134;
const ERROR = 2;

/**
 * A sink that shows spans, and leaves them and all else to the endpoint.
 *
 * ```js
 * new Observer({ sink: track(), spansEveryMs: 1_000 });
 * ```
 *
 * A recording of the panel has what was handed over while it ran: spans are, every `spansEveryMs`. Together with another sink:
 * `sink: (batch) => (show(batch), other(batch))`.
 */
export function track({ track = "WebAssembly", group = "Waspect", by = way() }: TrackOptions = {}): (batch: Batch) => false {
  let measures = 0;
  const stamp = ({ name, start, end, color, properties }: Entry) =>
    (console.timeStamp as (...values: unknown[]) => void)(name, start, end, track, group, color, JSON.stringify(properties));
  const measure = ({ name, start, end, color, properties }: Entry) => {
    if ((measures += 1) > MEASURES_MAX) return;
    const devtools = { dataType: "track-entry", track, trackGroup: group, color, properties: Object.entries(properties).map(([key, value]) => [key, String(value)]) };
    performance.measure(name, { start, end, detail: { devtools } });
  };
  const show = by === "timeStamp" ? stamp : measure;
  return ({ signal, bytes }) => {
    try {
      if (signal === "traces") for (const entry of entries(bytes)) show(entry);
    } catch {
      // What is shown must not keep anything from being sent.
    }
    return false;
  };
}

function way(): "timeStamp" | "measure" {
  const { userAgentData } = (globalThis.navigator ?? {}) as { userAgentData?: { brands: { brand: string; version: string }[] } };
  const knows = userAgentData?.brands.some(({ brand, version }) => brand === "Chromium" && Number(version) >= TRACKS_SINCE);
  return knows ? "timeStamp" : "measure";
}

/** The spans of a request. A calendar that was put back may have them begin before the page did: never then. */
function entries(bytes: Uint8Array): Entry[] {
  const scopes = new Fields(bytes).messages(1).flatMap((resource) => resource.messages(2));
  const origin = BigInt(Math.round(performance.timeOrigin * 1e6));
  const time = (unixNs: bigint) => Math.max(0, Number(unixNs - origin) / 1e6);
  return scopes.flatMap((scope) => scope.messages(2)).map((span) => ({
    name: span.text(5),
    start: time(span.number(7)),
    end: time(span.number(8)),
    color: span.messages(15).some((status) => Number(status.number(3)) === ERROR) ? "error" : span.bytes(4).length === 0 ? "primary-dark" : "primary",
    properties: attributes(span.messages(9)),
  }));
}
