// Where batches go. Profiles have a way of their own: none waits for an endpoint of the others that is down.

import { Exporter, type Health } from "./exporter.js";
import type { Batch, Settings } from "./options.js";

export class Exporters {
  readonly #health: Health = { made: 0, exported: 0, dropped: 0, unconfirmed: 0 };
  readonly #otlp: Exporter;
  readonly #profiles: Exporter;

  constructor(settings: Settings) {
    this.#otlp = new Exporter(settings, this.#health);
    this.#profiles = new Exporter(settings, this.#health);
  }

  send(batch: Batch): void {
    (batch.signal === "profiles" ? this.#profiles : this.#otlp).send(batch);
  }

  /** Whether a profile is on its way, or waits. */
  get profiling(): boolean {
    return this.#profiles.working;
  }

  /** As `Exporter.hurry`; spans go first. */
  async hurry(last: () => void): Promise<void> {
    let first: Promise<void> | undefined;
    await this.#profiles.hurry(() => (first = this.#otlp.hurry(last)));
    await first;
  }

  async drained(): Promise<void> {
    await Promise.all([this.#otlp.drained(), this.#profiles.drained()]);
  }

  get health(): Health {
    return { ...this.#health, unconfirmed: this.#health.made - this.#health.exported - this.#health.dropped };
  }
}
