// What happens once in a while: gates follow the governor, batches are made and sent.

import { onExit } from "#recorder";
import { KEEPALIVE_BYTES_MAX, type Exporter } from "./exporter.js";
import type { Instances } from "./instances.js";
import type { Settings } from "./options.js";
import type { Recorder } from "./recorder.js";
import type { Scopes } from "./scope.js";

const TICK_MS = 1_000;

/** Longest request for spans, so that it is small enough to outlive a page. */
const SPANS_BYTES_MAX = KEEPALIVE_BYTES_MAX / 2;

export class Pump {
  #timer: ReturnType<typeof setInterval> | undefined;
  #spansAt: number;
  #metricsAt: number;
  /** How many scopes had begun when the host said that it may be gone. */
  #leftAt = 0;

  constructor(
    readonly settings: Settings,
    readonly recorder: Recorder,
    readonly scopes: Scopes,
    readonly instances: Instances,
    readonly exporter: Exporter,
    readonly clock: { now(): number; unix(): number },
  ) {
    this.#spansAt = this.#metricsAt = clock.now();
  }

  /** Begins with the first instance: a page without one is left alone. */
  start(): void {
    if (this.#timer !== undefined || this.settings.disabled) return;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    (this.#timer as { unref?: () => void }).unref?.();
    onExit(() => this.#leave());
  }

  /** Makes batches of all there is. */
  flush(): void {
    this.#merge();
    this.#spans();
    this.#metrics();
  }

  #tick(): void {
    this.scopes.idle();
    this.#merge();
    this.instances.gate();
    const now = this.clock.now();
    if (now - this.#spansAt >= this.settings.spansEveryMs) this.#spans();
    if (now - this.#metricsAt >= this.settings.metricsEveryMs) this.#metrics();
  }

  /** The page may be gone after this, or the process: once for what is new. Sending it makes a process ask again. */
  #leave(): void {
    if (this.scopes.begun === this.#leftAt) return;
    this.#leftAt = this.scopes.begun;
    if (typeof document === "object") this.exporter.hurry(() => this.flush());
    else this.flush();
  }

  #merge(): void {
    this.instances.read();
    this.recorder.wasm.tick!();
  }

  #spans(): void {
    this.#spansAt = this.clock.now();
    for (let batch = this.recorder.traces(SPANS_BYTES_MAX); batch; batch = this.recorder.traces(SPANS_BYTES_MAX)) {
      this.exporter.send(batch);
    }
  }

  #metrics(): void {
    this.#metricsAt = this.clock.now();
    const batch = this.recorder.metrics(this.clock.unix());
    if (batch !== undefined) this.exporter.send(batch);
  }
}
