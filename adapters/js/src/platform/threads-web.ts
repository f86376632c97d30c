// Threads of pages: each has scripts of its own, which import what they need.

import type { Observer } from "../observer.js";
import type { ObserverOptions } from "../options.js";

/** What this thread was given by the one that started it. */
export function inherited(): ObserverOptions {
  return {};
}

/** Sees to the threads that this one starts. */
export function reach(_observer: Observer, _options: ObserverOptions): void {}
