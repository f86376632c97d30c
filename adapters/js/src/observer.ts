// The Observer: one a page or process. It makes instances of instrumented modules, and sends what they did.

import { compile, lasting } from "#recorder";
import { traceparent } from "./context.js";
import type { Health } from "./exporter.js";
import { Exporters } from "./exporters.js";
import { unwrap, wrap } from "./instances.js";
import { know, type Known } from "./modules.js";
import { native, type Func } from "./native.js";
import { isBatch, kindOf, settle, type ObserverOptions, type Settings } from "./options.js";
import { Recording, type Clock } from "./recording.js";
import type { Scopes } from "./scope.js";

/**
 * Observes instrumented modules. One that is not instrumented passes through untouched.
 *
 * ```js
 * const observer = new Observer({ serviceName: "shop", endpoint: "https://otel.example.com" });
 * const { instance } = await observer.instantiateStreaming(fetch("app.wasm"), imports);
 * instance.exports.run();
 * ```
 *
 * Modules whose calls can be suspended need a larger recorder. A page loads it when the first of them comes, and has two recorders then;
 * what one's module calls of the other's hangs under it all the same.
 */
export class Observer {
  /** Settled when recorder.wasm is there: from then on `instance` works, too. */
  readonly ready: Promise<void>;
  readonly #settings: Settings;
  readonly #exporters: Exporters;
  readonly #clock: Clock;
  readonly #recordings: Recording[] = [];
  #stacks: Promise<Recording> | undefined;

  constructor(options: ObserverOptions = {}) {
    this.#settings = settle(options);
    this.#clock = options.clock ?? CLOCK;
    this.#exporters = new Exporters(this.#settings);
    const module: WebAssembly.Module | Promise<WebAssembly.Module> = options.recorder ?? compile(kindOf(this.#settings));
    if ("then" in module) {
      this.ready = (module as Promise<WebAssembly.Module>).then((module) => void this.#record(module));
      // Whoever waits for it is told; a page that does not must not be troubled.
      this.ready.catch(() => {});
    } else {
      this.#record(module as WebAssembly.Module);
      this.ready = Promise.resolve();
    }
  }

  /** As `WebAssembly.instantiateStreaming`. */
  async instantiateStreaming(
    source: Response | PromiseLike<Response>,
    imports?: WebAssembly.Imports,
  ): Promise<WebAssembly.WebAssemblyInstantiatedSource> {
    const module = await native.compileStreaming(source);
    return { module, instance: await this.#instantiate(module, imports) };
  }

  /** As `WebAssembly.instantiate`. */
  async instantiate(source: BufferSource, imports?: WebAssembly.Imports): Promise<WebAssembly.WebAssemblyInstantiatedSource>;
  async instantiate(source: WebAssembly.Module, imports?: WebAssembly.Imports): Promise<WebAssembly.Instance>;
  async instantiate(source: BufferSource | WebAssembly.Module, imports?: WebAssembly.Imports) {
    if (source instanceof WebAssembly.Module) return this.#instantiate(source, imports);
    const module = await native.compile(source);
    return { module, instance: await this.#instantiate(module, imports) };
  }

  /** As `new WebAssembly.Instance`. Before `ready` it throws for an instrumented module. */
  instance(module: WebAssembly.Module, imports?: WebAssembly.Imports): WebAssembly.Instance {
    const known = know(module);
    if (known === null) return new native.Instance(module, imports);
    if (this.#recordings.length === 0) {
      throw new Error("recorder.wasm is not loaded yet: `await observer.ready` before this instance is made");
    }
    const recording = this.#found(known, imports);
    if (recording === undefined) {
      throw new Error("calls of this module can be suspended: `await observer.instantiate(module)`, or set the option `stacks`");
    }
    return recording.instance(module, known, imports);
  }

  /** For Emscripten: `Module.instantiateWasm = observer.emscripten(url)`. */
  emscripten(url: string | URL) {
    return (imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void) => {
      this.instantiateStreaming(fetch(url), imports).then(
        ({ instance, module }) => receive(instance, module),
        // Emscripten waits for an instance and has no way to hear that there will be none.
        (error: unknown) => console.error(`waspect: no instance of ${url}:`, error),
      );
      return {};
    };
  }

  /** As `new WebAssembly.Suspending`: the calls that wait for what `call` promises are told apart from those that run meanwhile. */
  suspending(call: Func): object {
    const lanes = () => this.#recordings.find(({ recorder }) => recorder.hasStacks)?.scopes.lanes;
    return new native.Suspending!(function (this: unknown, ...values: never[]) {
      const result = Reflect.apply(call, this, values) as unknown;
      if (typeof (result as PromiseLike<unknown> | undefined)?.then !== "function") return result;
      // The engine's own kind, so that it is this one whose reactions the engine adds to.
      const promise = Promise.resolve(result);
      lanes()?.suspend(promise);
      return promise;
    });
  }

  /** As `WebAssembly.promising`: each call has a stack of its own, and its spans are below it however often it waits. */
  promising(call: Func): (...values: unknown[]) => Promise<unknown> {
    const [original, recordings] = [native.promising!(unwrap(call)), this.#recordings];
    const wrapper = function (this: unknown, ...values: unknown[]) {
      const run = () => Reflect.apply(original, this, values) as Promise<unknown>;
      const recording = recordings.find(({ recorder }) => recorder.hasStacks);
      return recording === undefined ? run() : recording.scopes.promise(run);
    };
    return wrap(original as Func, wrapper) as typeof wrapper;
  }

  /** Runs `call` as one call from the host: for functions from tables, and for errors that would be told by nobody else. */
  scope<T>(call: () => T): T {
    return this.#recordings.reduceRight((call, { scopes }) => () => scopes.run(call), call)();
  }

  /** W3C `traceparent` of the innermost call that is open: for what an import does on its behalf. */
  traceparent(): string | undefined {
    const context = this.#innermost()?.context();
    return context && traceparent(context);
  }

  /** The hooks, as `waspect/hooks` exports them. */
  get hooks(): Record<string, (...numbers: number[]) => number> {
    const [recording] = this.#recordings;
    if (recording === undefined) throw new Error("recorder.wasm is not loaded yet: `await observer.ready` first");
    return recording.recorder.wasm;
  }

  /** pprof of everything so far: wall time, calls, bytes allocated and live, by stack. Wants the option `profile`. */
  profile(): Uint8Array<ArrayBuffer> {
    const recording = this.#recordings.find(({ recorder }) => recorder.hasProfile);
    if (recording === undefined) {
      throw new Error("there is no profile: set the option `profile`, and `await observer.ready`");
    }
    return recording.profile();
  }

  /** Sends what there is; settled when that was tried. Never rejects. */
  async flush(): Promise<Health> {
    const flush = () => this.#recordings.forEach((recording) => recording.flush());
    if (lasting) {
      flush();
      await this.#exporters.drained();
    } else {
      await this.#exporters.hurry(flush);
    }
    return this.#exporters.health;
  }

  /** Sends what an Observer of another thread hands over, which has the other end as its option `port`: a channel's end, or a worker. */
  receive(port: EventTarget): void {
    port.addEventListener("message", (event) => {
      if (this.take((event as MessageEvent).data)) event.stopImmediatePropagation();
    });
    (port as { start?: () => void }).start?.();
  }

  /** Takes a message of a port; false when it is not one of ours. */
  take(message: unknown): boolean {
    const batch = (message as { waspect?: unknown } | null)?.waspect;
    if (isBatch(batch)) this.#exporters.send(batch);
    return batch !== undefined;
  }

  /** Takes what is in the memory of a recorder whose thread is gone. */
  inherit(memory: WebAssembly.Memory): void {
    this.#recordings[0]?.inherit(memory, this.#clock);
  }

  /** What became of spans and data points so far. */
  health(): Health {
    return this.#exporters.health;
  }

  #record(module: WebAssembly.Module): Recording {
    const recording = new Recording(module, this.#settings, this.#exporters, this.#clock, () => this.#innermost());
    this.#recordings.push(recording);
    return recording;
  }

  /** The scopes whose guest runs innermost. */
  #innermost(): Scopes | undefined {
    const running = this.#recordings.map(({ scopes }) => scopes).filter((scopes) => scopes.running);
    return running.sort((a, b) => b.lastBegan - a.lastBegan)[0];
  }

  async #instantiate(module: WebAssembly.Module, imports?: WebAssembly.Imports): Promise<WebAssembly.Instance> {
    const known = know(module);
    if (known === null) return native.instantiate(module, imports);
    await this.ready;
    return (await this.#recording(known, imports)).instantiate(module, known, imports);
  }

  /** The first recording that does for a module. */
  #found(known: Known, imports?: WebAssembly.Imports): Recording | undefined {
    return this.#recordings.find((one) => one.recorder.hasStacks || !suspends(known, imports));
  }

  /** The recording for a module: the first that does, or one more. */
  async #recording(known: Known, imports?: WebAssembly.Imports): Promise<Recording> {
    return this.#found(known, imports) ?? (this.#stacks ??= Promise.resolve(compile("stacks")).then((module) => this.#record(module)));
  }
}

/** An AudioWorklet has the calendar alone. */
const CLOCK: Clock =
  typeof performance === "object"
    ? { now: () => performance.now(), unix: () => performance.timeOrigin + performance.now() }
    : { now: () => Date.now(), unix: () => Date.now() };

/** Whether calls of an instance can be suspended: by the guest, or because it gets imports that wait. */
function suspends({ suspends }: Known, imports: WebAssembly.Imports = {}): boolean {
  const { Suspending } = native;
  const waits = (value: unknown) => Suspending !== undefined && value instanceof Suspending;
  return suspends || Object.values(imports).some((module) => Object.values(module ?? {}).some(waits));
}
