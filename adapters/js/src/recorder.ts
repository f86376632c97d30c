// recorder.wasm under a friendlier face: bytes in, bytes out. What its exports mean stands in spec/adapting.md.

import { hex, random, unhex, utf8 } from "./encode.js";
import { native } from "./native.js";
import type { Batch, Settings } from "./options.js";
import type { SpanContext } from "./context.js";

type Numbers = (...numbers: number[]) => number;

/** Numbers of options and outcomes, as `adapters/recorder-wasm/src/host.rs` has them. */
const OPTION = { minDurationNs: 0, perRoot: 1, overheadBudget: 5, clockResolutionNs: 7, samplingRatio: 8, delta: 9 };
const OUTCOME = { returned: 0, trapped: 1, exited: 2, host_error: 3 };

/** How a call from the host ended. */
export type Outcome =
  | { kind: "returned" }
  | { kind: "exited"; code: number }
  | { kind: "trapped" | "host_error"; code: string; message: string; backtrace: string };

/** A gate to close or open. */
export interface GateChange {
  base: number;
  func: number;
  open: boolean;
}

export class Recorder {
  /** Its exports: the hooks, among others. */
  readonly wasm: Record<string, Numbers>;
  readonly #memory: WebAssembly.Memory;
  readonly #stack: WebAssembly.Global;
  readonly #stackTop: number;
  #writing = false;
  #seeded = false;

  /** `memory` is for a module that imports one. */
  constructor(module: WebAssembly.Module, host: { now(): number; boundary(frames: number): void; memory?: WebAssembly.Memory }) {
    const { exports } = new native.Instance(module, { "waspect/host": { ...host } });
    this.wasm = exports as unknown as Record<string, Numbers>;
    this.#memory = exports.memory as WebAssembly.Memory;
    this.#stack = exports.__stack_pointer as WebAssembly.Global;
    this.#stackTop = this.#stack.value as number;
  }

  /** Gives back what hooks that died have kept of the recorder's own stack. Nothing of it may run: never call this from `now` or `boundary`. */
  recover(): void {
    this.#stack.value = this.#stackTop;
  }

  /** Something waits in the buffer for the call that reads it: no other may come between. */
  get writing(): boolean {
    return this.#writing;
  }

  /** Goes on where another recorder stopped, whose memory this was. */
  restore(memory: WebAssembly.Memory): void {
    const bytes = new Uint8Array(memory.buffer);
    const missing = bytes.length - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(missing >> 16);
    new Uint8Array(this.#memory.buffer).set(bytes);
  }

  /** Whether calls can be suspended: recorder-stacks.wasm. */
  get hasStacks(): boolean {
    return "lane" in this.wasm;
  }

  configure(settings: Settings, unixMs: number): void {
    const option = (option: number, value?: number) => value !== undefined && this.#call("option", option, value);
    option(OPTION.minDurationNs, settings.minDurationMs === undefined ? undefined : settings.minDurationMs * 1e6);
    option(OPTION.perRoot, settings.spansPerRoot);
    option(OPTION.samplingRatio, settings.sampleRatio);
    option(OPTION.overheadBudget, settings.overheadBudget);
    // Nothing tells one page from another: what is alive in them adds up, and each takes back its own before it may be gone.
    option(OPTION.delta, typeof document === "object" ? 2 : 1);
    const texts = Object.entries(settings.attributes).flat().map((text) => text.replaceAll("\0", ""));
    const entropy = settings.entropy ?? randomness();
    this.#seeded = entropy !== undefined;
    this.#write(entropy ?? new Uint8Array(16), utf8(texts.join("\0")));
    this.#call("configure", unixMs);
  }

  addManifest(bytes: Uint8Array): boolean {
    this.#write(bytes);
    return this.#call("add_manifest") === 1;
  }

  scopeBegin(unixMs: number, parent?: SpanContext): number {
    if (!this.#seeded) this.#seed();
    if (parent === undefined) return this.#call("scope_begin", unixMs, 0);
    const state = utf8(parent.traceState?.serialize() ?? "");
    this.#write(unhex(parent.traceId), unhex(parent.spanId), Uint8Array.of(parent.traceFlags), state);
    return this.#call("scope_begin", unixMs, 1);
  }

  scopeEnd(scope: number, outcome: Outcome): void {
    if ("message" in outcome) {
      const texts = [outcome.code, outcome.message, outcome.backtrace].map((text) => text.replaceAll("\0", ""));
      this.#write(utf8(texts.join("\0")));
    }
    this.#call("scope_end", scope, OUTCOME[outcome.kind], outcome.kind === "exited" ? outcome.code : 0);
  }

  /** The context of the innermost open frame. */
  context(): SpanContext | undefined {
    const bytes = this.#read(this.#call("context"));
    const text = hex(bytes);
    return text ? { traceId: text.slice(0, 32), spanId: text.slice(32, 48), traceFlags: bytes[24]! } : undefined;
  }

  gateChanges(): GateChange[] {
    const bytes = this.#read(this.#call("gate_changes"));
    const words = new Uint32Array(bytes.buffer);
    return Array.from({ length: words.length / 3 }, (_, at) => {
      const [base = 0, func = 0, open] = words.subarray(3 * at);
      return { base, func, open: open === 1 };
    });
  }

  /** Spans since the last time, in about so many bytes; the rest waits. */
  traces(bytesMax: number): Batch | undefined {
    return this.#batch("traces", this.#call("take_traces", bytesMax));
  }

  /** Metrics since the last time; `leaving`: the page may be gone after them. */
  metrics(unixMs: number, leaving: boolean): Batch | undefined {
    if (leaving) this.#call("leave");
    return this.#batch("metrics", this.#call("metrics", unixMs));
  }

  /** Whether calls are told apart by their callers: recorder-profile.wasm. */
  get hasProfile(): boolean {
    return "profile" in this.wasm;
  }

  /** pprof of everything so far. */
  profile(): Uint8Array<ArrayBuffer> {
    return this.#read(this.#call("profile", 0));
  }

  /** pprof of what was done since the last one of these; `from` and `to`: microseconds since 1970. */
  profileSince(from: number, to: number, build?: string): Batch | undefined {
    const batch = this.#batch("profiles", this.#call("profile", 1));
    return batch && { ...batch, from, to, build };
  }

  #seed(): void {
    const entropy = randomness();
    if (entropy === undefined) return;
    this.#seeded = true;
    this.#write(entropy);
    this.#call("seed");
  }

  #batch(signal: Batch["signal"], length: number): Batch | undefined {
    const [bytes, items] = [this.#read(length), this.#call("items")];
    return items > 0 ? { signal, bytes, items, id: hex(random()) } : undefined;
  }

  #call(name: string, ...numbers: number[]): number {
    const result = this.wasm[name]!(...numbers) >>> 0;
    this.#writing = false;
    return result;
  }

  /** The address first: making room may grow the memory, which detaches the buffer that was there before. */
  #write(...parts: Uint8Array[]): void {
    let at = this.#call("buffer", parts.reduce((sum, part) => sum + part.length, 0));
    const memory = new Uint8Array(this.#memory.buffer);
    for (const part of parts) {
      memory.set(part, at);
      at += part.length;
    }
    this.#writing = true;
  }

  #read(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer, this.#call("output"), length).slice() as Uint8Array<ArrayBuffer>;
  }
}

/** 16 random bytes; Workers have none before their first request. */
function randomness(): Uint8Array | undefined {
  try {
    return random();
  } catch {
    return undefined;
  }
}
