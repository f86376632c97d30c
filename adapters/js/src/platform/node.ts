// Node, Deno, Bun: the recorder is a file beside the package, and compiled when it is first needed. Nobody downloads it: always the larger one.

import { readFileSync } from "node:fs";

export function compile(_stacks: boolean): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(new URL("../../recorder-stacks.wasm", import.meta.url)));
}

export const variables: Record<string, string | undefined> = process.env;

/** What a call begins goes on when it is over. */
export const lasting = true;

/** Calls `last` when nothing is left to do; what it begins keeps the process alive until it is done. */
export function onExit(last: () => void): void {
  process.on("beforeExit", last);
}
