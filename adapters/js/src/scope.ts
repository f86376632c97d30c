// Boundaries: what the host knows of its calls into the guest (rules B).
//
// A wrapped export is a scope of its own, and ends as the call did. A call that comes another way (a function from a table, an
// export whose identity matters) is told by the recorder; its scope ends in the microtask that it queues: then the host's stack
// is empty, and whatever is still open is dead.

import { activeSpan, type SpanContext } from "./context.js";
import { Lanes, type Lane } from "./lanes.js";
import { outcomeOf } from "./outcome.js";
import type { Outcome, Recorder } from "./recorder.js";

/** How many scopes began, of all recorders: which of two is the inner one. */
let began = 0;

export class Scopes {
  readonly lanes = new Lanes();
  /** How many began. */
  begun = 0;
  /** When the last one did. */
  lastBegan = 0;
  #recorder!: Recorder;
  readonly #unix: () => number;
  readonly #innermost: () => Scopes | undefined;

  /** `innermost` finds the scopes of the recorder whose guest runs innermost. */
  constructor(unix: () => number, innermost: () => Scopes | undefined) {
    this.#unix = unix;
    this.#innermost = innermost;
  }

  set recorder(recorder: Recorder) {
    this.#recorder = this.lanes.recorder = recorder;
  }

  /** Whether a guest runs, as far as is known. */
  get running(): boolean {
    this.#arrive();
    return this.#recorder.wasm.depth!() > 0;
  }

  /** The context of the innermost call. */
  context(): SpanContext | undefined {
    return this.#recorder.context();
  }

  /** Runs `call` within a scope. */
  run<T>(call: () => T): T {
    const { lane, open } = this.#arrive();
    // A call through a table came to its end in this tick, maybe to a bad one.
    if (open.length === 0 && this.#recorder.wasm.depth!() > 0 && !isWasmOnStack()) this.#close(lane);
    const place = open.push(this.#begin(lane, open.length)) - 1;
    try {
      const result = call();
      this.#end(lane, open[place]!, { kind: "returned" });
      return result;
    } catch (thrown) {
      this.#recorder.recover();
      this.#end(lane, open[place]!, outcomeOf(thrown));
      throw thrown;
    } finally {
      open.length = place;
    }
  }

  /** Runs `call`, which begins on a stack of its own and may be suspended there, within a scope that ends when its promise is settled. */
  promise<T>(call: () => Promise<T>): Promise<T> {
    const caller = this.#arrive().lane;
    const active = activeSpan();
    const parent = this.#parent(active) ?? (this.running ? this.context() : undefined);
    const lane = this.lanes.fresh();
    this.lanes.switch(lane);
    const scope = lane.open[0] = this.#begin(lane, 0, { active, parent });
    const end = (outcome: Outcome) => {
      this.#end(lane, lane.open[0]!, outcome);
      this.lanes.switch(this.lanes.main);
    };
    try {
      const promise = call();
      promise.then(() => end({ kind: "returned" }), (thrown: unknown) => {
        this.#recorder.recover();
        end(outcomeOf(thrown));
      });
      return promise;
    } catch (thrown) {
      this.#end(lane, scope, outcomeOf(thrown));
      throw thrown;
    } finally {
      this.lanes.switch(caller);
    }
  }

  /** The host seems to call in over so many open frames. */
  boundary(frames: number): void {
    const { lane, open } = this.#arrive();
    if (frames > 0) {
      // A callback of a guest that is still running, through a table; or a new call after a trap that someone caught.
      if (isWasmBelow()) return;
      this.#bury(lane);
      if (open.length > 0) return;
    }
    if (lane.implicit === undefined) {
      lane.implicit = this.#begin(lane, open.length);
      queueMicrotask(() => this.#endImplicit(lane));
    }
  }

  /** Nothing runs: called from a task of its own. Frames that are open all the same are dead. */
  idle(): void {
    const { main } = this.lanes;
    this.#recorder.recover();
    this.lanes.switch(main);
    if (main.open.length === 0 && this.#recorder.wasm.depth!() > 0) this.#close(main);
  }

  /** Someone is here who may run within the guest of the current lane; or after it, for nobody says when a stack that was resumed is left. */
  #arrive(): { lane: Lane; open: number[] } {
    const { current, main } = this.lanes;
    if (current !== main && !isWasmOnStack()) this.lanes.switch(main);
    const lane = this.lanes.current;
    return { lane, open: lane.open };
  }

  #begin(lane: Lane, place: number, { active, parent } = this.#around()): number {
    this.begun += 1;
    this.lastBegan = began += 1;
    lane.spans[place] = active?.spanId;
    return this.#recorder.scopeBegin(this.#unix(), parent);
  }

  /** A scope of this lane ends, whatever lane is the current one. */
  #end(lane: Lane, scope: number, outcome: Outcome): void {
    this.lanes.switch(lane);
    this.#recorder.scopeEnd(scope, outcome);
  }

  #around(): { active: SpanContext | undefined; parent: SpanContext | undefined } {
    const active = activeSpan();
    return { active, parent: this.#parent(active) };
  }

  /** The parent of what begins: the host's span, unless a guest runs within it. Then that guest's call, which its own recorder knows. */
  #parent(active: SpanContext | undefined): SpanContext | undefined {
    const around = this.#innermost();
    if (around === undefined || around.lanes.current.span !== active?.spanId) return active;
    return around === this ? undefined : around.context();
  }

  /** Closes what is open above the innermost scope of a running call, or everything. */
  #bury(lane: Lane): void {
    const innermost = lane.open.length - 1;
    if (innermost < 0) return this.#close(lane);
    this.#recorder.scopeEnd(lane.open[innermost]!, { kind: "returned" });
    lane.open[innermost] = this.#begin(lane, innermost);
  }

  #close(lane: Lane): void {
    lane.implicit = undefined;
    this.#recorder.wasm.close_lane!();
  }

  #endImplicit(lane: Lane): void {
    if (lane.implicit === undefined) return;
    this.#recorder.recover();
    this.#end(lane, lane.implicit, { kind: "returned" });
    lane.implicit = undefined;
  }
}

const WASM = /wasm:\/\/|wasm-function\[|<anonymous>:wasm/;

/** Whether Wasm runs below the JavaScript that called the Wasm that called us: the host's stack, read from the top. */
function isWasmBelow(): boolean {
  const lines = stack();
  const isWasm = (line: string) => WASM.test(line);
  const hooks = lines.findIndex(isWasm);
  const caller = lines.findIndex((line, at) => at > hooks && line.trim() !== "" && !isWasm(line));
  return hooks >= 0 && caller >= 0 && lines.slice(caller).some(isWasm);
}

/** Whether Wasm runs below this JavaScript. */
function isWasmOnStack(): boolean {
  return stack().some((line) => WASM.test(line));
}

function stack(): string[] {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = Infinity;
  const lines = (new Error().stack ?? "").split("\n");
  Error.stackTraceLimit = limit;
  return lines;
}
