// A recorder with what belongs to it. One serves all modules, as a rule: see `Observer`.

import { random } from "./encode.js";
import type { Exporter } from "./exporter.js";
import { Instances } from "./instances.js";
import type { Known } from "./modules.js";
import type { Settings } from "./options.js";
import { Pump } from "./pump.js";
import { Recorder } from "./recorder.js";
import { Scopes } from "./scope.js";

/** A monotonic clock in milliseconds, and the calendar in milliseconds since 1970. */
export interface Clock {
  now(): number;
  unix(): number;
}

export class Recording {
  readonly recorder: Recorder;
  readonly scopes: Scopes;
  readonly #instances: Instances;
  readonly #pump: Pump;
  readonly #manifests = new WeakSet<Known>();

  constructor(module: WebAssembly.Module, settings: Settings, exporter: Exporter, clock: Clock, innermost: () => Scopes | undefined) {
    this.scopes = new Scopes(() => clock.unix(), innermost);
    this.recorder = new Recorder(module, { now: () => clock.now(), boundary: (frames) => this.scopes.boundary(frames) });
    this.recorder.configure(settings, settings.entropy ?? random(), clock.unix());
    this.scopes.recorder = this.recorder;
    this.#instances = new Instances(this.scopes, this.recorder);
    this.#pump = new Pump(settings, this.recorder, this.scopes, this.#instances, exporter, clock);
  }

  /** As `new WebAssembly.Instance`. */
  instance(module: WebAssembly.Module, known: Known, host: WebAssembly.Imports | undefined): WebAssembly.Instance {
    const bases = this.#begin(known);
    const imports = this.#instances.imports(module, host, bases);
    return this.#instances.adopt(this.scopes.run(() => new native.Instance(module, imports)), known, bases);
  }

  /** As `WebAssembly.instantiate`. */
  async instantiate(module: WebAssembly.Module, known: Known, host: WebAssembly.Imports | undefined): Promise<WebAssembly.Instance> {
    const bases = this.#begin(known);
    const instance = await native.instantiate(module, this.#instances.imports(module, host, bases));
    return this.#instances.adopt(instance, known, bases);
  }

  flush(): void {
    this.#pump.flush();
  }

  #begin(known: Known): number[] {
    if (known.manifest !== undefined && !this.#manifests.has(known)) {
      this.#manifests.add(known);
      this.recorder.addManifest(known.manifest);
    }
    this.#pump.start();
    return [];
  }
}

/** The engine's own, whatever `waspect/register` puts in their place. */
export const native = {
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
