// waspect: instrumented WebAssembly modules, observed as OpenTelemetry.

export { Observer } from "./observer.js";
export type { Batch, ObserverOptions } from "./options.js";
export type { Health } from "./exporter.js";
