// Boundaries: what the host knows of its calls into the guest (rules B).
//
// A wrapped export is a scope of its own, and ends as the call did. A call that comes another way (a function from a table, an
// export whose identity matters) is told by the recorder; its scope ends in the microtask that it queues: then the host's stack
// is empty, and whatever is still open is dead.

import { activeSpan } from "./context.js";
import { outcomeOf } from "./outcome.js";
import type { Recorder } from "./recorder.js";

export class Scopes {
  recorder!: Recorder;
  /** How many began. */
  begun = 0;
  readonly #unix: () => number;
  /** Tokens of the scopes around calls that run, outermost first. */
  readonly #open: number[] = [];
  /** The scope that ends in a microtask; undefined when there is none. */
  #implicit: number | undefined;

  constructor(unix: () => number) {
    this.#unix = unix;
  }

  /** Runs `call` within a scope. */
  run<T>(call: () => T): T {
    const place = this.#open.push(this.#begin()) - 1;
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
      this.#implicit = this.#begin();
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

  #begin(): number {
    this.begun += 1;
    return this.recorder.scopeBegin(this.#unix(), activeSpan());
  }

  /** Closes what is open above the innermost scope of a running call, or everything. */
  #bury(): void {
    const innermost = this.#open.length - 1;
    if (innermost >= 0) {
      this.recorder.scopeEnd(this.#open[innermost]!, { kind: "returned" });
      this.#open[innermost] = this.#begin();
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
