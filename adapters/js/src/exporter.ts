// Batches to an endpoint: a bounded queue, one request at a time, back-off, deadlines.
//
// Nothing here ever throws into the host, rejects unseen, or makes anyone wait. Every batch ends as exported, dropped or, when the
// page is gone before an answer came, unconfirmed: made is their sum.

import type { Batch, Settings } from "./options.js";

/** Spans, data points and profiles by what became of them. */
export interface Health {
  made: number;
  exported: number;
  dropped: number;
  unconfirmed: number;
}

const QUEUE_BYTES_MAX = 4 << 20;
const ATTEMPTS_MAX = 5;
const BACK_OFF_MS = 500;
const GZIP_BYTES_MIN = 1_024;
/** Browsers let requests of this size in all outlive their page. */
export const KEEPALIVE_BYTES_MAX = 60 << 10;
/** Bytes in such requests: of every Exporter of the page. */
let keptAlive = 0;

export class Exporter {
  readonly #settings: Settings;
  #queue: Batch[] = [];
  #queueBytes = 0;
  #working: Promise<void> | undefined;
  #leaving = false;
  #compressing: Batch | undefined;
  readonly #health: Health;

  /** `health` is added to: several may have one. */
  constructor(settings: Settings, health: Health) {
    this.#settings = settings;
    this.#health = health;
  }

  /** Something waits, or is on its way. */
  get working(): boolean {
    return this.#working !== undefined;
  }

  /** Takes a batch; drops it, counted, when too much waits, or there is nowhere to send it. */
  send(batch: Batch): void {
    this.#health.made += batch.items;
    if (this.#settings.sink !== undefined && this.#delivered(batch, this.#settings.sink)) return;
    if (this.#settings.urls[batch.signal] === undefined || this.#queueBytes + batch.bytes.length > QUEUE_BYTES_MAX) {
      this.#health.dropped += batch.items;
    } else {
      this.#queue.push(batch);
      this.#queueBytes += batch.bytes.length;
      if (!this.#leaving) this.#work();
    }
  }

  /**
   * What began this may be gone after it, a page or a Worker's request: what `last` makes and what waits goes now, in requests that
   * outlive the page. Settled when all were answered, or not.
   */
  async hurry(last: () => void): Promise<void> {
    this.#leaving = true;
    last();
    this.#leaving = false;
    // Not even begun: it would be compressed first, for which there is no time.
    if (this.#compressing !== undefined) void this.#attempt(this.#compressing, true);
    await Promise.all(
      this.#queue.splice(0).map(async (batch) => {
        this.#queueBytes -= batch.bytes.length;
        this.#settle(batch, (await this.#attempt(batch, true)) === "exported");
      }),
    );
  }

  /** When everything that waits has been tried. */
  async drained(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  /** Whether the sink took it, and be it to lose it. */
  #delivered(batch: Batch, sink: (batch: Batch) => void | boolean): boolean {
    try {
      if (sink(batch) === false) return false;
      this.#health.exported += batch.items;
    } catch {
      this.#health.dropped += batch.items;
    }
    return true;
  }

  #work(): void {
    this.#working ??= this.#sendAll().finally(() => (this.#working = undefined));
  }

  async #sendAll(): Promise<void> {
    for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
      this.#queueBytes -= batch.bytes.length;
      this.#settle(batch, await this.#insist(batch));
    }
  }

  #settle(batch: Batch, exported: boolean): void {
    this.#health[exported ? "exported" : "dropped"] += batch.items;
  }

  async #insist(batch: Batch): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#attempt(batch, false);
      if (answer !== "retry") return answer === "exported";
      // While others wait, one that nobody takes is not worth it.
      if (attempt >= ATTEMPTS_MAX) return false;
      await this.#pause(BACK_OFF_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
    }
  }

  /** A pause that neither keeps a process alive nor outlasts it. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      (timer as { unref?: () => void }).unref?.();
    });
  }

  async #attempt(batch: Batch, leaving: boolean): Promise<"exported" | "refused" | "retry"> {
    const { headers, profileHeaders, timeoutMs } = this.#settings;
    const small = batch.bytes.length;
    const keepalive = keptAlive + small <= KEEPALIVE_BYTES_MAX;
    if (keepalive) keptAlive += small;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    (timer as { unref?: () => void }).unref?.();
    try {
      const gzip = !leaving && batch.bytes.length >= GZIP_BYTES_MIN && typeof CompressionStream === "function";
      const response = await fetch(this.#url(batch), {
        method: "POST",
        keepalive,
        signal: abort.signal,
        headers: { ...(batch.signal === "profiles" ? profileHeaders : headers), "content-type": "application/x-protobuf", ...(gzip ? { "content-encoding": "gzip" } : {}) },
        body: gzip ? await this.#compress(batch) : batch.bytes,
      });
      await response.arrayBuffer();
      if (response.ok) return "exported";
      return [429, 502, 503, 504].includes(response.status) ? "retry" : "refused";
    } catch {
      return "retry";
    } finally {
      clearTimeout(timer);
      if (keepalive) keptAlive -= small;
    }
  }

  /** What is told of a batch is in the URL: a header of our own would be refused by every endpoint that was not told of it (CORS). */
  #url({ signal, id, from, to, build }: Batch): string {
    const { urls, attributes } = this.#settings;
    const url = urls[signal]!;
    let about = url.includes("?") ? "&" : "?";
    if (signal === "profiles") {
      const text = encodeURIComponent;
      about += `service=${text(attributes["service.name"]!)}${build ? `&build=${text(build)}` : ""}&start=${from}&end=${to}&`;
    }
    return `${url}${about}waspect.batch=${id}`;
  }

  async #compress(batch: Batch): Promise<ArrayBuffer> {
    this.#compressing = batch;
    try {
      const stream = new Blob([batch.bytes]).stream().pipeThrough(new CompressionStream("gzip"));
      return await new Response(stream).arrayBuffer();
    } finally {
      this.#compressing = undefined;
    }
  }
}
