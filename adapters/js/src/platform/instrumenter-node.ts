// Node, Deno, Bun: instrumenter.wasm is a file beside the package.

import { readFileSync } from "node:fs";

export async function compile(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(readFileSync(new URL("../../instrumenter.wasm", import.meta.url)));
}
