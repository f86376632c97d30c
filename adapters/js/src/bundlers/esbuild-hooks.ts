// esbuild: modules by whatever loader the build has for `.wasm`; `new URL`, which esbuild leaves alone, becomes an import of a file.

import { readFileSync } from "node:fs";
import { extname } from "node:path";
import type { Loader, PluginBuild } from "esbuild";
import type { Files, Observable } from "./files.js";
import { moveUrls } from "./urls.js";

/** Where imports of ours live. */
const URLS = "waspect-url";

export function esbuild(build: PluginBuild, files: Files): void {
  const loaded = (path: string, made: Observable | undefined, loader: Loader) => ({
    contents: made?.bytes ?? readFileSync(path),
    loader,
    warnings: made?.warnings.map((text) => ({ text })) ?? [],
    watchFiles: [path],
  });
  build.onLoad({ filter: /\.wasm$/ }, async ({ path }) => {
    const loader = build.initialOptions.loader?.[".wasm"];
    // Without one, esbuild says so itself.
    return loader && loaded(path, await files.observable(path), loader);
  });
  build.onResolve({ filter: new RegExp(`^${URLS}:`) }, ({ path }) => ({ path: path.slice(URLS.length + 1), namespace: URLS }));
  build.onLoad({ filter: /./, namespace: URLS }, async ({ path }) => loaded(path, await files.observable(path), "file"));
  build.onLoad({ filter: /\.[cm]?[jt]sx?$/ }, async ({ path }) => {
    const code = readFileSync(path, "utf8");
    const modules: string[] = [];
    const name = async (path: string) => `__waspect_url_${modules.push(path) - 1}`;
    const head = () => modules.map((path, at) => `import __waspect_url_${at} from ${JSON.stringify(`${URLS}:${path}`)};`).join("");
    const moved = await moveUrls(code, path, name, head);
    if (moved === undefined) return undefined;
    return { contents: `${moved.code}\n//# sourceMappingURL=${moved.map.toUrl()}`, loader: loaderOf(build, path), watchFiles: [path] };
  });
}

function loaderOf(build: PluginBuild, path: string): Loader {
  const extension = extname(path);
  return build.initialOptions.loader?.[extension] ?? (extension.replace(/^\.[cm]?/, "") as Loader);
}
