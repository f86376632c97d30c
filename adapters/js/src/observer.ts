// The Observer: one a page or process. It makes instances of instrumented modules, and sends what they did.

import { compile } from "#recorder";
import { Exporter, type Health } from "./exporter.js";
import { Instances } from "./instances.js";
import { know, type Known } from "./modules.js";
import { settle, type ObserverOptions, type Settings } from "./options.js";
import { Pump } from "./pump.js";
import { Recorder } from "./recorder.js";
import { Scopes } from "./scope.js";

/**
 * Observes instrumented modules. One that is not instrumented passes through untouched.
 *
 * ```js
 * const observer = new Observer({ serviceName: "shop", endpoint: "https://otel.example.com" });
 * const { instance } = await observer.instantiateStreaming(fetch("app.wasm"), imports);
 * instance.exports.run();
 * ```
 */
export class Observer {
  /** Settled when recorder.wasm is there: from then on `instance` works, too. */
  readonly ready: Promise<void>;
  readonly #settings: Settings;
  readonly #scopes: Scopes;
  readonly #instances: Instances;
  readonly #exporter: Exporter;
  readonly #clock: { now(): number; unix(): number };
  readonly #manifests = new WeakSet<Known>();
  #recorder: Recorder | undefined;
  #pump: Pump | undefined;

  constructor(options: ObserverOptions = {}) {
    this.#settings = settle(options);
    this.#clock = options.clock ?? { now: () => performance.now(), unix: () => performance.timeOrigin + performance.now() };
    this.#scopes = new Scopes(() => this.#clock.unix());
    this.#instances = new Instances(this.#scopes);
    this.#exporter = new Exporter(this.#settings);
    const module: WebAssembly.Module | Promise<WebAssembly.Module> = options.recorder ?? compile();
    if ("then" in module) {
      this.ready = (module as Promise<WebAssembly.Module>).then((module) => this.#begin(module));
      // Whoever waits for it is told; a page that does not must not be troubled.
      this.ready.catch(() => {});
    } else {
      this.#begin(module as WebAssembly.Module);
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
    if (this.#recorder === undefined) {
      throw new Error("recorder.wasm is not loaded yet: `await observer.ready` before this instance is made");
    }
    this.#learn(known);
    const bases: number[] = [];
    const all = this.#instances.imports(module, imports, bases);
    return this.#adopt(this.#scopes.run(() => new native.Instance(module, all)), known, bases);
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

  /** Runs `call` as one call from the host: for functions from tables, and for errors that would be told by nobody else. */
  scope<T>(call: () => T): T {
    return this.#recorder === undefined ? call() : this.#scopes.run(call);
  }

  /** W3C `traceparent` of the innermost call that is open: for what an import does on its behalf. */
  traceparent(): string | undefined {
    return this.#recorder?.traceparent();
  }

  /** The hooks, as `waspect/hooks` exports them. */
  get hooks(): Record<string, (...numbers: number[]) => number> {
    if (this.#recorder === undefined) throw new Error("recorder.wasm is not loaded yet: `await observer.ready` first");
    return this.#recorder.wasm;
  }

  /** Sends what there is; settled when that was tried. Never rejects. */
  async flush(): Promise<Health> {
    this.#pump?.flush();
    await this.#exporter.drained();
    return this.#exporter.health;
  }

  /** What became of spans and data points so far. */
  health(): Health {
    return this.#exporter.health;
  }

  #begin(module: WebAssembly.Module): void {
    const recorder = new Recorder(module, {
      now: this.#clock.now,
      boundary: (frames) => this.#scopes.boundary(frames),
    });
    recorder.configure(this.#settings, this.#settings.entropy ?? crypto.getRandomValues(new Uint8Array(16)), this.#clock.unix());
    this.#scopes.recorder = this.#instances.recorder = recorder;
    this.#recorder = recorder;
    this.#pump = new Pump(this.#settings, recorder, this.#scopes, this.#instances, this.#exporter, this.#clock);
  }

  async #instantiate(module: WebAssembly.Module, imports?: WebAssembly.Imports): Promise<WebAssembly.Instance> {
    const known = know(module);
    if (known === null) return native.instantiate(module, imports);
    await this.ready;
    this.#learn(known);
    const bases: number[] = [];
    const instance = await native.instantiate(module, this.#instances.imports(module, imports, bases));
    return this.#adopt(instance, known, bases);
  }

  #adopt(instance: WebAssembly.Instance, known: Known, bases: number[]): WebAssembly.Instance {
    this.#pump!.start();
    return this.#instances.adopt(instance, known, bases);
  }

  #learn(known: Known): void {
    if (known.manifest === undefined || this.#manifests.has(known)) return;
    this.#manifests.add(known);
    this.#recorder!.addManifest(known.manifest);
  }
}

/** The engine's own, whatever `waspect/register` puts in their place. */
const native = {
  Instance: WebAssembly.Instance,
  compile: WebAssembly.compile.bind(WebAssembly),
  instantiate: WebAssembly.instantiate.bind(WebAssembly) as (
    module: WebAssembly.Module,
    imports?: WebAssembly.Imports,
  ) => Promise<WebAssembly.Instance>,
  async compileStreaming(source: Response | PromiseLike<Response>): Promise<WebAssembly.Module> {
    const response = await source;
    if (engineStreams && response.headers.get("content-type") === "application/wasm") return engineStreams(response);
    return native.compile(await response.arrayBuffer());
  },
};

const engineStreams = WebAssembly.compileStreaming?.bind(WebAssembly);
