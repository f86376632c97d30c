// What a host decides. Options come first, then the variables of OpenTelemetry's specification, then defaults.

import { variables } from "#recorder";

/** Options of an Observer. All have defaults. */
export interface ObserverOptions {
  /** `service.name`: what the telemetry is from. A module is never a service. */
  serviceName?: string;
  /** More attributes of the resource. */
  attributes?: Record<string, string>;
  /** Base URL of an OTLP endpoint (HTTP, protocol buffers); `/v1/traces` and `/v1/metrics` are added. */
  endpoint?: string;
  /** Headers of every request. */
  headers?: Record<string, string>;
  /** Takes every batch instead of the endpoint, but those for which it returns false. */
  sink?: (batch: Batch) => void | boolean;
  /** Leads to another thread, whose Observer sends what comes (`receive`): for AudioWorklets, and threads that wait in Wasm. */
  port?: Port;
  /** Calls from the host always become spans; others when they took this long. */
  minDurationMs?: number;
  /** Most spans of one call from the host. */
  spansPerRoot?: number;
  /** Share of the traces that begin here, from 0 to 1. A parent's decision is obeyed. */
  sampleRatio?: number;
  /** Share of time that observing may cost before the hottest cheap functions are only counted. */
  overheadBudget?: number;
  /** Milliseconds between two exports of spans. */
  spansEveryMs?: number;
  /** Milliseconds between two exports of metrics. */
  metricsEveryMs?: number;
  /**
   * Tells calls apart by their callers, for `observer.profile()`: the recorder is a larger one then, and each call costs more. Without it, true
   * where profiles have an endpoint.
   */
  profile?: boolean;
  /** URL to which profiles (pprof) are pushed, taken as it is: `http://localhost:4318/api/pprof`. Without it they go nowhere, or to the `sink`. */
  profileEndpoint?: string;
  /** Headers of these requests. */
  profileHeaders?: Record<string, string>;
  /** Milliseconds between two of them; one more goes at the end, and none where nothing ran. */
  profilesEveryMs?: number;
  /** Milliseconds for one attempt to send. */
  timeoutMs?: number;
  /** Begins with the larger recorder, which knows calls that can be suspended. Otherwise it is loaded with the first module that needs it. */
  stacks?: boolean;
  /** recorder.wasm, recorder-stacks.wasm or, for profiles, recorder-profile.wasm, where the host has it compiled already. */
  recorder?: WebAssembly.Module | Promise<WebAssembly.Module>;
  /** The memory of a recorder that imports one. */
  memory?: WebAssembly.Memory;
  /** A monotonic clock in milliseconds, and the calendar in milliseconds since 1970. */
  clock?: { now(): number; unix(): number };
  /** 16 bytes that ids are made from; random by default. */
  entropy?: Uint8Array;
}

/** One end of a channel, or a worker as its other end sees it. */
export interface Port {
  postMessage(message: unknown): void;
}

/** An encoded OTLP request, or a profile. */
export interface Batch {
  signal: "traces" | "metrics" | "profiles";
  /** `ExportTraceServiceRequest`, `ExportMetricsServiceRequest`, or pprof's `Profile`. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Spans or data points in it; 1 of a profile. */
  items: number;
  /** When a profile began, in microseconds since 1970: it is of what was done since the one before. */
  from?: number;
  /** When it ended. */
  to?: number;
  /** Build id of the module that it is of, where that is one. */
  build?: string;
  /** Differs from every other batch's; a repetition keeps it. */
  id: string;
}

/** Whether it is a batch: other threads may say anything. */
export function isBatch(value: unknown): value is Batch {
  const { signal, bytes, items, id, from, to } = (value ?? {}) as Partial<Batch>;
  const numbers = [items, from ?? 0, to ?? 0].every(Number.isSafeInteger);
  return ["traces", "metrics", "profiles"].includes(signal!) && bytes instanceof Uint8Array && numbers && /^[0-9a-f-]{1,64}$/.test(id!);
}

export interface Settings extends ObserverOptions {
  disabled: boolean;
  spansEveryMs: number;
  metricsEveryMs: number;
  timeoutMs: number;
  attributes: Record<string, string>;
  headers: Record<string, string>;
  profile: boolean;
  profileHeaders: Record<string, string>;
  profilesEveryMs: number;
  urls: Record<Batch["signal"], string | undefined>;
}

/** Which recorder: the smallest, one that knows calls that can be suspended, or one that makes profiles, too. */
export type Kind = "plain" | "stacks" | "profile";

/** The one that an Observer begins with. */
export function kindOf({ profile, stacks }: Settings): Kind {
  return profile ? "profile" : stacks ? "stacks" : "plain";
}

const ENDPOINT = "http://localhost:4318";

/** Options with variables and defaults filled in. */
export function settle(options: ObserverOptions): Settings {
  const variable = (name: string) => variables[name] || undefined;
  const number = (name: string) => {
    const value = Number(variable(name) ?? NaN);
    return Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  const base = (options.endpoint ?? variable("OTEL_EXPORTER_OTLP_ENDPOINT") ?? ENDPOINT).replace(/\/+$/, "");
  const profiles = options.profileEndpoint ?? variable("WASPECT_PROFILE_ENDPOINT");
  const url = (signal: "traces" | "metrics") => {
    const own = variable(`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`);
    return absolute(options.endpoint === undefined && own ? own : `${base}/v1/${signal}`);
  };
  const attributes: Record<string, string> = {
    ...pairs(variable("OTEL_RESOURCE_ATTRIBUTES")),
    ...options.attributes,
  };
  const name = options.serviceName ?? variable("OTEL_SERVICE_NAME") ?? attributes["service.name"] ?? "unknown_service";
  return {
    ...options,
    sink: options.sink ?? (options.port && ((batch) => options.port!.postMessage({ waspect: batch }))),
    disabled: variable("OTEL_SDK_DISABLED") === "true",
    attributes: { ...attributes, "service.name": name },
    headers: { ...pairs(variable("OTEL_EXPORTER_OTLP_HEADERS")), ...options.headers },
    profile: options.profile ?? profiles !== undefined,
    profileHeaders: { ...pairs(variable("WASPECT_PROFILE_HEADERS")), ...options.profileHeaders },
    profilesEveryMs: options.profilesEveryMs ?? number("WASPECT_PROFILE_INTERVAL") ?? 60_000,
    urls: { traces: url("traces"), metrics: url("metrics"), profiles: profiles && absolute(profiles) },
    spansEveryMs: options.spansEveryMs ?? number("OTEL_BSP_SCHEDULE_DELAY") ?? 5_000,
    metricsEveryMs: options.metricsEveryMs ?? number("OTEL_METRIC_EXPORT_INTERVAL") ?? 60_000,
    timeoutMs: options.timeoutMs ?? Math.min(number("OTEL_EXPORTER_OTLP_TIMEOUT") ?? TIMEOUT_MS, TIMEOUT_MS),
  };
}

/** A hanging request keeps Node from exiting for as long. */
const TIMEOUT_MS = 4_000;

function absolute(url: string): string {
  return typeof URL === "function" ? new URL(url).href : url;
}

/** `name=value` between commas, percent-encoded; a bad pair is left out. */
function pairs(text = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of text.split(",")) {
    const at = pair.indexOf("=");
    try {
      if (at > 0) found[decodeURIComponent(pair.slice(0, at).trim())] = decodeURIComponent(pair.slice(at + 1).trim());
    } catch {
      // Not percent-encoded.
    }
  }
  return found;
}
