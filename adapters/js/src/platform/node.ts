// Node, Deno, Bun: the recorder is a file beside the package, and compiled when it is first needed. Nobody downloads it: never the smallest one.

import { readFileSync } from "node:fs";
import type { Kind } from "../options.js";

export function compile(kind: Kind): WebAssembly.Module {
  return new WebAssembly.Module(read(kind));
}

/** The bytes of a recorder. */
export function read(kind: Kind): Uint8Array<ArrayBuffer> {
  return readFileSync(new URL(`../../recorder-${kind === "profile" ? kind : "stacks"}.wasm`, import.meta.url));
}

export const variables: Record<string, string | undefined> = process.env;

/** What a call begins goes on when it is over. */
export const lasting = true;

/** Calls `last` when nothing is left to do; what it begins keeps the process alive until it is done. */
export function onExit(last: () => void): void {
  process.on("beforeExit", last);
}
