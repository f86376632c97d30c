// Stacks that JSPI suspends are lanes (rules L1 and L2): each keeps what is open on it while others run.

import type { Recorder } from "./recorder.js";

/** A stack as its host sees it. */
export class Lane {
  /** Tokens of the scopes around calls that run, outermost first. */
  readonly open: number[] = [];
  /** The host's span, by its id, in which each of those began; behind them that of the implicit scope. */
  readonly spans: (string | undefined)[] = [];
  /** The scope that ends in a microtask; undefined when there is none. */
  implicit: number | undefined;

  /** `from` is the stack that gets control when this one returns or is suspended. */
  constructor(
    readonly id: number,
    public from?: Lane,
  ) {}

  /** The host's span in which the innermost scope began. */
  get span(): string | undefined {
    return this.spans[this.implicit === undefined ? this.open.length - 1 : this.open.length];
  }
}

/** The lanes of one recorder. */
export class Lanes {
  recorder!: Recorder;
  /** That of every call which cannot be suspended. */
  readonly main = new Lane(0);
  current = this.main;
  #last = 0;

  /** A new one, for a call that the current one makes. */
  fresh(): Lane {
    this.#last = (this.#last + 1) >>> 0 || 1;
    return new Lane(this.#last, this.current);
  }

  switch(lane: Lane): void {
    if (lane === this.current) return;
    this.current = lane;
    this.recorder.wasm.lane!(lane.id);
  }

  /**
   * The current lane waits for `promise`, which the engine is about to be given. Reactions run one right after the other, in the order in
   * which they were made: ours first, then that of the engine, which goes on with the stack.
   */
  suspend(promise: Promise<unknown>): void {
    const lane = this.current;
    if (lane.from === undefined) return;
    const resume = () => this.switch(lane);
    promise.then(resume, resume);
    this.switch(lane.from);
    lane.from = this.main;
  }
}
