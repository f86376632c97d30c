// A recorder with what belongs to it. One serves all modules, as a rule: see `Observer`.

import type { Exporters } from "./exporters.js";
import { Instances } from "./instances.js";
import type { Known } from "./modules.js";
import { native } from "./native.js";
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
  readonly #pump: Pump | undefined;
  readonly #module: WebAssembly.Module;
  readonly #manifests = new WeakSet<Known>();

  constructor(module: WebAssembly.Module, settings: Settings, exporters: Exporters, clock: Clock, innermost: () => Scopes | undefined) {
    this.#module = module;
    this.scopes = new Scopes(() => clock.unix(), innermost);
    // Who hands batches over may never come to a timer: each look at the clock is an occasion.
    const now = settings.port === undefined ? () => clock.now() : () => this.#pump?.seize(clock.now()) ?? clock.now();
    const memory = settings.memory && { memory: settings.memory };
    this.recorder = new Recorder(module, { now, boundary: (frames) => this.scopes.boundary(frames), ...memory });
    this.recorder.configure(settings, clock.unix());
    this.scopes.recorder = this.recorder;
    this.#instances = new Instances(this.scopes, this.recorder);
    this.#pump = new Pump(settings, this.recorder, this.scopes, this.#instances, exporters, clock);
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

  /** Takes what is in the memory of a recorder whose thread is gone. It may have been in the middle of something. */
  inherit(memory: WebAssembly.Memory, clock: Clock): void {
    try {
      const recorder = new Recorder(this.#module, { now: () => clock.now(), boundary() {} });
      recorder.restore(memory);
      recorder.wasm.close_lane!();
      this.#pump!.take(recorder);
    } catch {
      // What it had is as lost as a thread that was never heard of.
    }
  }

  flush(): void {
    this.#pump!.flush();
  }

  profile(): Uint8Array<ArrayBuffer> {
    return this.#pump!.profile();
  }

  #begin(known: Known): number[] {
    if (known.manifest !== undefined && !this.#manifests.has(known)) {
      this.#manifests.add(known);
      this.recorder.addManifest(known.manifest);
    }
    this.#pump!.start();
    return [];
  }
}
