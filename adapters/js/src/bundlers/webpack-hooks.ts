// webpack: a loader before all others, for assets, `new URL` and modules that are linked as ES modules alike.

import { fileURLToPath } from "node:url";
import type { Compiler } from "webpack";
import type { Files } from "./files.js";

export function webpack(compiler: Compiler, files: Files): void {
  const loader = fileURLToPath(new URL("webpack-loader.js", import.meta.url));
  compiler.options.module.rules.unshift({ test: /\.wasm$/, enforce: "pre", use: [{ loader, options: { files } }] });
}
