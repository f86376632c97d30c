// `waspect/instrument`: the rewriter, bytes in and bytes out. The same bytes as those of the `waspect` program for the same options.

import { compile } from "#instrumenter";

/** What is instrumented, and how deeply. All have defaults, which are those of the `waspect` program. */
export interface InstrumentOptions {
  /** Depth: `calls` is timed calls; `counts` is one counter a function; `ring` is not for JavaScript's engines. */
  mode?: "calls" | "counts" | "ring";
  /** Globs on demangled names (`module.field` for imports): only what matches one. */
  include?: string[];
  /** Globs on demangled names: what matches one is left out, whatever else selects it. */
  exclude?: string[];
  /** Functions by index, besides those that `include` finds. */
  functions?: number[];
  /** Only exported functions, or only calls of imports. */
  only?: "exports" | "imports";
  /** Leaves out functions with smaller bodies. */
  bodyBytesMin?: number;
  /** Observe allocations and memory growth. */
  alloc?: boolean;
  /** Observe calls of imports. */
  imports?: boolean;
  /** End a call that an exception leaves at that moment, and not where it is caught. */
  exactUnwind?: boolean;
  /** Allocator functions that no name gives away. */
  allocators?: [role: AllocatorRole, index: number][];
  /** Where names go: into the module, or nowhere but into the result. */
  manifest?: "embed" | "sidecar";
  /** What becomes of debug information; split off, the module names it by this URL. */
  debug?: "keep" | "strip" | { split: { url: string } };
  /** Names of a stripped module's functions: a symbol map, or the build before it was stripped. */
  symbols?: Uint8Array;
  /** The module's source map, and what the output calls its own. Without it, the output names none. */
  sourceMap?: { bytes: Uint8Array; url: string };
}

export type AllocatorRole = "malloc" | "calloc" | "realloc" | "free" | "aligned_alloc" | "posix_memalign";

/** An instrumented module, and what goes with it. */
export interface Instrumented {
  bytes: Uint8Array<ArrayBuffer>;
  /** What the custom section `waspect` holds, wherever it is kept; empty where nothing is observed. */
  manifest: Uint8Array<ArrayBuffer>;
  debugModule: Uint8Array<ArrayBuffer> | undefined;
  sourceMap: Uint8Array<ArrayBuffer> | undefined;
  report: Report;
}

/** What was done. */
export interface Report {
  build: string;
  mode: string;
  functions: number;
  observedFunctions: number;
  imports: number;
  observedImports: number;
  warnings: string[];
}

/** Why a module was not instrumented. */
export class InstrumentError extends Error {
  override readonly name = "InstrumentError";

  /** `alreadyInstrumented`: it was, before. */
  constructor(
    message: string,
    readonly alreadyInstrumented = false,
  ) {
    super(message);
  }
}

/** Parts that cross, numbered as `instrumenter/wasm/src/exports.rs` has them. */
const GIVEN = { module: 0, options: 1, sourceMap: 2, symbols: 3 };
const MADE = { module: 0, manifest: 1, debugModule: 2, sourceMap: 3, report: 4 };

interface Exports {
  memory: WebAssembly.Memory;
  room(part: number, length: number): number;
  instrument(): number;
  source_map_url(): void;
  made(part: number): number;
  made_len(part: number): number;
}

/** Instruments a module. What it refuses, it refuses with an `InstrumentError` that says where and what to do about it. */
export async function instrument(module: Uint8Array, options: InstrumentOptions = {}): Promise<Instrumented> {
  const { symbols, sourceMap, ...rest } = options;
  const instrumenter = await Instrumenter.load();
  instrumenter.give(GIVEN.module, module);
  instrumenter.give(GIVEN.options, new TextEncoder().encode(JSON.stringify({ ...rest, sourceMapUrl: sourceMap?.url })));
  if (sourceMap !== undefined) instrumenter.give(GIVEN.sourceMap, sourceMap.bytes);
  if (symbols !== undefined) instrumenter.give(GIVEN.symbols, symbols);
  const status = instrumenter.run((exports) => exports.instrument());
  const report = instrumenter.text(MADE.report);
  if (status !== 0) throw new InstrumentError(report, status === 2);
  return {
    bytes: instrumenter.bytes(MADE.module)!,
    manifest: instrumenter.bytes(MADE.manifest) ?? new Uint8Array(),
    debugModule: instrumenter.bytes(MADE.debugModule),
    sourceMap: instrumenter.bytes(MADE.sourceMap),
    report: JSON.parse(report) as Report,
  };
}

/** What a module calls its source map. */
export async function sourceMapUrl(module: Uint8Array): Promise<string | undefined> {
  const instrumenter = await Instrumenter.load();
  instrumenter.give(GIVEN.module, module);
  instrumenter.run((exports) => exports.source_map_url());
  return instrumenter.text(MADE.report) || undefined;
}

/** An instance for one call: its memory grows with the module, and goes with it. */
class Instrumenter {
  static #compiled: Promise<WebAssembly.Module> | undefined;
  readonly #exports: Exports;

  private constructor(exports: Exports) {
    this.#exports = exports;
  }

  static async load(): Promise<Instrumenter> {
    const module = await (Instrumenter.#compiled ??= compile());
    const instance = await WebAssembly.instantiate(module, {});
    return new Instrumenter(instance.exports as unknown as Exports);
  }

  give(part: number, bytes: Uint8Array): void {
    const at = this.run((exports) => exports.room(part, bytes.length)) >>> 0;
    new Uint8Array(this.#exports.memory.buffer).set(bytes, at);
  }

  bytes(part: number): Uint8Array<ArrayBuffer> | undefined {
    const length = this.#exports.made_len(part) >>> 0;
    if (length === 0) return undefined;
    return new Uint8Array(this.#exports.memory.buffer, this.#exports.made(part) >>> 0, length).slice() as Uint8Array<ArrayBuffer>;
  }

  text(part: number): string {
    return new TextDecoder().decode(this.bytes(part));
  }

  /** A trap is a bug of ours, or the end of the memory: there are 4 GiB. */
  run<T>(call: (exports: Exports) => T): T {
    try {
      return call(this.#exports);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new InstrumentError(`the instrumenter failed (${why}); the native program says more: waspect instrument`);
    }
  }
}
