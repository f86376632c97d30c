// Workers (workerd): no code is compiled while they run, so the recorder is imported; nobody downloads it: never the smallest one, and for profiles the option `recorder` has another. Nothing
// outlives the request that began it, so there is no timer: the Worker's own code says when to send, `context.waitUntil(observer.flush())`.

import type { Kind } from "../options.js";
// @ts-expect-error: what bundlers for Workers make of it is a WebAssembly.Module.
import recorder from "../../recorder-stacks.wasm";

export const compile = (_kind: Kind): WebAssembly.Module => recorder as WebAssembly.Module;

export const variables: Record<string, string | undefined> = {};

export const lasting = false;

export function onExit(_last: () => void): void {}
