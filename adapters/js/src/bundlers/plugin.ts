// The plugin for bundlers: `.wasm` that an app imports, or names by `new URL`, is instrumented on its way.
//
// webpack and esbuild let a plugin give a file's bytes. Rollup and Vite do not: their plugins for Wasm read files themselves, so they are
// led to an instrumented copy.

import { createUnplugin, type UnpluginInstance } from "unplugin";
import { esbuild } from "./esbuild-hooks.js";
import { Files, type PluginOptions } from "./files.js";
import { rollup, vite } from "./rollup-hooks.js";
import { webpack } from "./webpack-hooks.js";

export type { PluginOptions };

export const unplugin: UnpluginInstance<PluginOptions | undefined> = createUnplugin((options: PluginOptions | undefined) => {
  const files = new Files(options ?? {});
  return {
    name: "waspect",
    enforce: "pre",
    rollup: rollup(files),
    vite: vite(files),
    webpack: (compiler) => webpack(compiler, files),
    esbuild: { setup: (build) => esbuild(build, files) },
  };
});
