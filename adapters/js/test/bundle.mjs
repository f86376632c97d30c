// What a page loads: modules put together, as a bundler does it.

import { buildSync } from "esbuild";

/** Code for a page, from a module's text and what it imports as seen from `folder`. */
export function bundle(input, folder) {
  const options = { bundle: true, minify: true, format: "esm", platform: "browser", write: false };
  return Buffer.from(buildSync({ stdin: { contents: input, resolveDir: folder }, ...options }).outputFiles[0].contents);
}
