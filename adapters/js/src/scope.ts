// Boundaries: what the host knows of its calls into the guest (rules B).
//
// A wrapped export is a scope of its own, and ends as the call did. A call that comes another way (a function from a table, an
// export whose identity matters) is told by the recorder; its scope ends in the microtask that it queues: then the host's stack
// is empty, and whatever is still open is dead.

import { activeSpan, type SpanContext } from "./context.js";
import { outcomeOf } from "./outcome.js";
import type { Recorder } from "./recorder.js";

/** How many scopes began, of all recorders: which of two is the inner one. */
let began = 0;

export class Scopes {
  recorder!: Recorder;
  /** How many began. */
  begun = 0;
  /** When the last one did. */
  lastBegan = 0;
  readonly #unix: () => number;
  readonly #innermost: () => Scopes | undefined;
  /** Tokens of the scopes around calls that run, outermost first. */
  readonly #open: number[] = [];
  /** The host's span, by its id, in which each of those began. */
  readonly #spans: (string | undefined)[] = [];
  /** The scope that ends in a microtask; undefined when there is none. */
  #implicit: number | undefined;

  /** `innermost` finds the scopes of the recorder whose guest runs innermost. */
  constructor(unix: () => number, innermost: () => Scopes | undefined) {
    this.#unix = unix;
    this.#innermost = innermost;
  }

  /** Whether a guest runs, as far as is known. */
  get running(): boolean {
    return this.recorder.wasm.depth!() > 0;
  }

  /** Runs `call` within a scope. */
  run<T>(call: () => T): T {
    const place = this.#open.push(this.#begin(this.#open.length)) - 1;
    try {
      const result = call();
      this.recorder.scopeEnd(this.#open[place]!, { kind: "returned" });
      return result;
    } catch (thrown) {
      this.recorder.scopeEnd(this.#open[place]!, outcomeOf(thrown));
      throw thrown;
    } finally {
      this.#open.length = place;
    }
  }

  /** The host seems to call in over so many open frames. */
  boundary(frames: number): void {
    if (frames > 0) {
      // A callback of a guest that is still running, through a table; or a new call after a trap that someone caught.
      if (isWasmBelow()) return;
      this.#bury();
      if (this.#open.length > 0) return;
    }
    if (this.#implicit === undefined) {
      this.#implicit = this.#begin(this.#open.length);
      queueMicrotask(() => this.#endImplicit());
    }
  }

  /** Nothing runs: called from a task of its own. Frames that are open all the same are dead. */
  idle(): void {
    if (this.#open.length === 0 && this.recorder.wasm.depth!() > 0) {
      this.#implicit = undefined;
      this.recorder.wasm.close_lane!();
    }
  }

  #begin(place: number): number {
    const active = activeSpan();
    const parent = this.#parent(active);
    this.begun += 1;
    this.lastBegan = began += 1;
    this.#spans[place] = active?.spanId;
    return this.recorder.scopeBegin(this.#unix(), parent);
  }

  /** The parent of what begins: the host's span, unless a guest runs within it. Then that guest's call, which its own recorder knows. */
  #parent(active: SpanContext | undefined): SpanContext | undefined {
    const around = this.#innermost();
    if (around === undefined || around.#spans[around.#open.length - 1] !== active?.spanId) return active;
    return around === this ? undefined : around.recorder.context();
  }

  /** Closes what is open above the innermost scope of a running call, or everything. */
  #bury(): void {
    const innermost = this.#open.length - 1;
    if (innermost >= 0) {
      this.recorder.scopeEnd(this.#open[innermost]!, { kind: "returned" });
      this.#open[innermost] = this.#begin(innermost);
    } else {
      this.#implicit = undefined;
      this.recorder.wasm.close_lane!();
    }
  }

  #endImplicit(): void {
    if (this.#implicit === undefined) return;
    this.recorder.scopeEnd(this.#implicit, { kind: "returned" });
    this.#implicit = undefined;
  }
}

const WASM = /wasm:\/\/|wasm-function\[|<anonymous>:wasm/;

/** Whether Wasm runs below the JavaScript that called the Wasm that called us: the host's stack, read from the top. */
function isWasmBelow(): boolean {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = Infinity;
  const lines = (new Error().stack ?? "").split("\n");
  Error.stackTraceLimit = limit;
  const isWasm = (line: string) => WASM.test(line);
  const hooks = lines.findIndex(isWasm);
  const caller = lines.findIndex((line, at) => at > hooks && line.trim() !== "" && !isWasm(line));
  return hooks >= 0 && caller >= 0 && lines.slice(caller).some(isWasm);
}
