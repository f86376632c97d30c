// `waspect/hooks`, for bundlers and runtimes that link Wasm as ES modules: an instrumented module finds its hooks with no glue.

import { Observer } from "./observer.js";
import type { ObserverOptions } from "./options.js";

/** The Observer behind the hooks. */
export const observer = new Observer({ stacks: true, ...(globalThis as { waspect?: ObserverOptions }).waspect });

await observer.ready;

export const { module, enter, exit, enter_or_resume, exit_or_suspend, unwind, unwound, begin, end, alloc, alloc64, grow, grow64 } =
  observer.hooks;
