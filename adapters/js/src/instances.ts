// Instances: their imports and exports as the host sees them, their counters, and their end.

import { HOOKS, type Known } from "./modules.js";
import type { Recorder } from "./recorder.js";
import type { Scopes } from "./scope.js";

type Func = (...values: unknown[]) => unknown;
type Counters = { get(func: number): bigint; set(func: number, value: bigint): void };

const GATE = 1n << 63n;

/** Exports that the rewriter added (rule M6): not the host's. */
const COUNTER_GET = "waspect_counter_get";
const COUNTER_SET = "waspect_counter_set";

/** What belongs to one instance. Everything of it that the host holds leads here, so its end is the end of the instance. */
class Owner {
  constructor(
    readonly counters: Counters | undefined,
    readonly memories: WebAssembly.Memory[],
  ) {}
}

interface Living {
  base: number;
  owner: WeakRef<Owner>;
  memoryBytes: number;
  /** Functions whose gate is closed: their calls are only in their counters. */
  closed: Set<number>;
}

/** Wrapped exports and what they wrap; both ways, so that a function that is exported twice stays one. */
const wrappers = new WeakMap<Func, Func>();
const originals = new WeakMap<object, Func>();

/** What a wrapped export wraps; anything else as it is. For tables and imports, which take none but the engine's own. */
export function unwrap<T>(value: T): T {
  return typeof value === "function" ? ((originals.get(value) ?? value) as T) : value;
}

/** Notes that one function stands for another, and makes it look like that one. */
export function wrap<F extends (...values: never[]) => unknown>(original: F, wrapper: F): F {
  Object.defineProperty(wrapper, "name", { value: original.name, configurable: true });
  Object.defineProperty(wrapper, "length", { value: original.length, configurable: true });
  wrappers.set(original as never, wrapper as never);
  originals.set(wrapper, original as never);
  return wrapper;
}

export class Instances {
  readonly recorder: Recorder;
  /** Build id (rule M5) of all that was instantiated; empty: there are several. */
  build: string | undefined;
  readonly #scopes: Scopes;
  readonly #living = new Map<number, Living>();
  readonly #registry = new FinalizationRegistry<number>((base) => this.#end(base));

  constructor(scopes: Scopes, recorder: Recorder) {
    this.#scopes = scopes;
    this.recorder = recorder;
  }

  get size(): number {
    return this.#living.size;
  }

  /** The imports of an instance to be: the host's, and the hooks. `bases` gets what the recorder calls it. */
  imports(module: WebAssembly.Module, host: WebAssembly.Imports | undefined, bases: number[]): WebAssembly.Imports {
    const { wasm } = this.recorder;
    const announce = (...numbers: number[]) => {
      const base = wasm.module!(...numbers);
      const build = numbers.slice(1, 3).map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
      this.build = (this.build ?? build) === build ? build : "";
      bases.push(base >>> 0);
      return base;
    };
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      if (from === HOOKS) {
        imports[from] ??= { ...wasm, module: announce };
        continue;
      }
      const given = host?.[from];
      // What is missing is for the engine to complain of.
      if (given === undefined || given === null) continue;
      const value = given[name] as WebAssembly.ImportValue;
      (imports[from] ??= Object.create(null) as Record<string, WebAssembly.ImportValue>)[name] =
        kind === "function" ? unwrap(value) : value;
    }
    return imports;
  }

  /** The instance as the host sees it: calls of its exports are scopes, what was added is hidden. */
  adopt(instance: WebAssembly.Instance, known: Known, bases: number[]): WebAssembly.Instance {
    const { [COUNTER_GET]: get, [COUNTER_SET]: set, ...visible } = instance.exports;
    const counters = typeof get === "function" && typeof set === "function" ? ({ get, set } as unknown as Counters) : undefined;
    const memories = Object.values(visible).filter((one): one is WebAssembly.Memory => one instanceof WebAssembly.Memory);
    const owner = new Owner(counters, memories);
    const exports = Object.create(null) as Record<string, WebAssembly.ExportValue>;
    for (const [name, value] of Object.entries(visible)) {
      exports[name] = typeof value === "function" && Number(value.name) >= known.addedFrom ? this.#wrap(value as Func) : value;
    }
    const seen = Object.create(Object.getPrototypeOf(instance) as object, {
      exports: { value: Object.freeze(exports), enumerable: true, configurable: true },
    }) as WebAssembly.Instance;
    for (const held of [seen, exports, ...Object.values(visible)]) if (!owners.has(held)) owners.set(held, owner);
    for (const base of bases.filter((base) => base < 0x8000_0000)) {
      this.#living.set(base, { base, owner: new WeakRef(owner), memoryBytes: 0, closed: new Set() });
      this.#registry.register(owner, base);
    }
    return seen;
  }

  /** Tells the recorder what only the instances know: sizes of memories, and calls of functions whose gates are closed. */
  read(): void {
    for (const living of this.#living.values()) {
      const owner = living.owner.deref();
      if (owner === undefined) continue;
      living.memoryBytes = owner.memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
      if (living.memoryBytes > 0) this.recorder.wasm.memory_size!(living.base, living.memoryBytes);
      for (const func of living.closed) {
        const calls = BigInt.asUintN(63, owner.counters?.get(func) ?? 0n);
        this.recorder.wasm.counts!(living.base, func, Number(calls >> 32n), Number(calls & 0xffff_ffffn));
      }
    }
  }

  /** Obeys the governor. */
  gate(): void {
    for (const { base, func, open } of this.recorder.gateChanges()) {
      const living = this.#living.get(base);
      const counters = living?.owner.deref()?.counters;
      if (living === undefined || counters === undefined) continue;
      const calls = BigInt.asUintN(63, counters.get(func));
      counters.set(func, BigInt.asIntN(64, open ? calls | GATE : calls));
      if (open) living.closed.delete(func);
      else living.closed.add(func);
    }
  }

  #end(base: number): void {
    const living = this.#living.get(base);
    if (living === undefined) return;
    this.#living.delete(base);
    this.recorder.wasm.instance_end!(base, living.memoryBytes);
  }

  #wrap(original: Func): Func {
    const known = wrappers.get(original);
    if (known !== undefined) return known;
    const scopes = this.#scopes;
    const wrapper = function (this: unknown, ...values: unknown[]) {
      return scopes.run(() => original.apply(this, values));
    };
    return wrap(original, wrapper);
  }
}

/**
 * Whoever holds one of these holds the owner: the instance, and each of its exports, for bundlers keep nothing else. A reference in a wrapper's
 * code would do for none but wrapped ones, and minifiers drop it.
 */
const owners = new WeakMap<object, Owner>();
