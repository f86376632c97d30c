// What happens once in a while: gates follow the governor, batches are made and sent.

import { lasting, onExit } from "#recorder";
import { KEEPALIVE_BYTES_MAX } from "./exporter.js";
import type { Exporters } from "./exporters.js";
import type { Instances } from "./instances.js";
import type { Settings } from "./options.js";
import type { Recorder } from "./recorder.js";
import type { Scopes } from "./scope.js";

const TICK_MS = 1_000;
const OVERDUE_MS = 2 * TICK_MS;

/** Longest request for spans, so that it is small enough to outlive a page. */
const SPANS_BYTES_MAX = KEEPALIVE_BYTES_MAX / 2;

export class Pump {
  #started = false;
  /** When it is overdue: nothing has ticked since. */
  #dueAt = Infinity;
  #spansAt: number;
  #metricsAt: number;
  #profilesAt: number;
  /** When the next profile begins, in microseconds since 1970. */
  #profileFrom = 0;
  /** How many scopes had begun when the host said that it may be gone, unless metrics were told after that. */
  #leftAt = -1;

  constructor(
    readonly settings: Settings,
    readonly recorder: Recorder,
    readonly scopes: Scopes,
    readonly instances: Instances,
    readonly exporters: Exporters,
    readonly clock: { now(): number; unix(): number },
  ) {
    this.#spansAt = this.#metricsAt = this.#profilesAt = clock.now();
    this.#profileFrom = this.#microseconds();
  }

  /** Begins with the first instance: a page without one is left alone. */
  start(): void {
    if (this.#started || this.settings.disabled || !lasting) return;
    this.#started = true;
    this.#dueAt = this.clock.now() + OVERDUE_MS;
    onExit(() => this.#leave());
    // An AudioWorklet has none.
    if (typeof setInterval !== "function") return;
    const timer = setInterval(() => {
      this.scopes.idle();
      this.#tick();
    }, TICK_MS);
    (timer as { unref?: () => void }).unref?.();
  }

  /** The time, which someone asks for; ticks when no timer did. Hooks ask before they touch anything, so nothing is in the middle. */
  seize(now: number): number {
    if (now >= this.#dueAt && !this.recorder.writing) this.#tick();
    return now;
  }

  /** Makes batches of all there is. */
  flush(leaving = false): void {
    this.#merge();
    this.instances.gate();
    this.#spans();
    this.#metrics(leaving);
    this.#profiles();
  }

  /** pprof of everything so far. */
  profile(): Uint8Array<ArrayBuffer> {
    this.#merge();
    return this.recorder.profile();
  }

  #tick(): void {
    const now = this.clock.now();
    this.#dueAt = now + OVERDUE_MS;
    this.#merge();
    this.instances.gate();
    if (now - this.#spansAt >= this.settings.spansEveryMs) this.#spans();
    // A page that is hidden, and does nothing, may be gone without another word.
    if (now - this.#metricsAt >= this.settings.metricsEveryMs && this.scopes.begun !== this.#leftAt) this.#metrics();
    // While one is on its way, what is done gathers for the next.
    if (now - this.#profilesAt >= this.settings.profilesEveryMs && !this.exporters.profiling) this.#profiles();
  }

  /** The page may be gone after this, or the process: once for what is new. Sending it makes a process ask again. */
  #leave(): void {
    if (this.scopes.begun === this.#leftAt) return;
    if (typeof document === "object") void this.exporters.hurry(() => this.flush(true));
    else this.flush(true);
  }

  /** Sends all that is in a recorder whose thread is gone. */
  take(recorder: Recorder): void {
    recorder.wasm.tick!();
    this.#spans(recorder);
    this.#metrics(true, recorder);
    this.#profiles(recorder);
  }

  #merge(): void {
    this.instances.read();
    this.recorder.wasm.tick!();
  }

  #spans(recorder = this.recorder): void {
    this.#spansAt = this.clock.now();
    for (let batch = recorder.traces(SPANS_BYTES_MAX); batch; batch = recorder.traces(SPANS_BYTES_MAX)) {
      this.exporters.send(batch);
    }
  }

  #metrics(leaving = false, recorder = this.recorder): void {
    this.#metricsAt = this.clock.now();
    if (recorder === this.recorder) this.#leftAt = leaving ? this.scopes.begun : -1;
    const batch = recorder.metrics(this.clock.unix(), leaving);
    if (batch !== undefined) this.exporters.send(batch);
  }

  #profiles(recorder = this.recorder): void {
    this.#profilesAt = this.clock.now();
    const { profile, sink, urls } = this.settings;
    if (!profile || !recorder.hasProfile || (sink ?? urls.profiles) === undefined) return;
    const [from, to] = [this.#profileFrom, this.#microseconds()];
    if (recorder === this.recorder) this.#profileFrom = to;
    const batch = recorder.profileSince(from, to, this.instances.build);
    if (batch !== undefined) this.exporters.send(batch);
  }

  /** Since 1970. The calendar may be put back meanwhile: nothing ends before it began. */
  #microseconds(): number {
    return Math.max(this.#profileFrom, Math.floor(this.clock.unix() * 1_000));
  }
}
