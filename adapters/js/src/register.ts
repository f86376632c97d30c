// `import "waspect/register"`: for code that cannot be changed. WebAssembly.* hands instrumented modules to one Observer, whose options
// come from the variables of OpenTelemetry, or from `globalThis.waspect` where it is set before.

import { inherited, reach } from "#threads";
import { unwrap } from "./instances.js";
import { native, type Func } from "./native.js";
import { Observer } from "./observer.js";
import type { ObserverOptions } from "./options.js";

/** The Observer of everything that is instantiated from now on. */
const options: ObserverOptions = { ...inherited(), ...(globalThis as { waspect?: ObserverOptions }).waspect };
export const observer = new Observer(options);
reach(observer, options);

const { Instance, Table } = WebAssembly;
const jspi = WebAssembly as { Suspending?: unknown; promising?: unknown };

if (native.Suspending !== undefined) {
  jspi.Suspending = new Proxy(native.Suspending, { construct: (_, [call]: [Func]) => observer.suspending(call) });
  jspi.promising = observer.promising.bind(observer);
}

WebAssembly.instantiate = observer.instantiate.bind(observer) as typeof WebAssembly.instantiate;
WebAssembly.instantiateStreaming = observer.instantiateStreaming.bind(observer);
WebAssembly.Instance = new Proxy(Instance, {
  construct: (_, [module, imports]: [WebAssembly.Module, WebAssembly.Imports?]) => observer.instance(module, imports),
});

// Tables take the engine's own functions only.
for (const [method, at] of [["set", 1], ["grow", 1]] as const) {
  const original = Table.prototype[method] as (...values: unknown[]) => unknown;
  Object.defineProperty(Table.prototype, method, {
    configurable: true,
    writable: true,
    value(this: WebAssembly.Table, ...values: unknown[]) {
      if (values.length > at) values[at] = unwrap(values[at]);
      return original.apply(this, values);
    },
  });
}
