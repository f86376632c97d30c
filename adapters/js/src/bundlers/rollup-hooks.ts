// Rollup and Vite: imports of modules lead to instrumented copies.
//
// A copy's own imports (wasm-bindgen's glue beside it, say) are those of the original, and are looked for from there.

import { readFileSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import type { Plugin, PluginContext } from "rollup";
import type { Plugin as VitePlugin } from "vite";
import type { Files } from "./files.js";
import { moveUrls } from "./urls.js";

/** Where copies lie, below a project's root. */
const CACHE = "node_modules/.cache/waspect";

/** Rollup has no notion of `new URL`: the file is emitted, and the URL leads there. */
export function rollup(files: Files): Partial<Plugin> {
  const cache = join(process.cwd(), CACHE);
  return {
    resolveId(source, importer) {
      return redirect(this, files, cache, source, importer);
    },
    transform(code, id) {
      return moveUrls(code, fileOf(id), async (path) => {
        // Those that are left alone, too: the recorder's, for one.
        const copy = (await files.copy(path, cache, (message) => this.warn(message))) ?? path;
        this.addWatchFile(path);
        return `import.meta.ROLLUP_FILE_URL_${this.emitFile({ type: "asset", name: basename(path), source: readFileSync(copy) })}`;
      });
    },
    async watchChange(id) {
      await files.refresh(id);
    },
  };
}

/** Vite knows `new URL`, and takes along what it names: the copy. */
export function vite(files: Files): Partial<VitePlugin> {
  let cache = join(process.cwd(), CACHE);
  return {
    // Vite moves packages together while an app is developed, and loses the files beside them: recorder.wasm, for one.
    config: () => ({ optimizeDeps: { exclude: ["waspect"] } }),
    configResolved({ root }) {
      cache = join(root, CACHE);
    },
    resolveId(source, importer) {
      return redirect(this as unknown as PluginContext, files, cache, source, importer);
    },
    transform(code, id) {
      return moveUrls(code, fileOf(id), async (path) => {
        const copy = await files.copy(path, cache, (message) => this.warn(message));
        return copy && JSON.stringify(toward(dirname(fileOf(id)), copy));
      });
    },
    async hotUpdate({ file }) {
      if (await files.refresh(file)) this.environment.hot.send({ type: "full-reload" });
    },
  };
}

/** The instrumented copy of what `source` is resolved to; null where that is no module, or one to be left alone. */
async function redirect(context: PluginContext, files: Files, cache: string, source: string, importer: string | undefined) {
  const original = importer === undefined ? undefined : files.original(fileOf(importer));
  if (original !== undefined && source.startsWith(".")) return context.resolve(source, original, { skipSelf: true });
  if (!fileOf(source).endsWith(".wasm")) return null;
  const resolved = await context.resolve(source, importer, { skipSelf: true });
  const path = resolved && !resolved.external ? fileOf(resolved.id) : "";
  if (!isAbsolute(path)) return null;
  const copy = await files.copy(path, cache, (message) => context.warn(message));
  if (copy === undefined) return null;
  context.addWatchFile(path);
  return copy + resolved!.id.slice(path.length);
}

/** An id without its query. */
function fileOf(id: string): string {
  return id.replace(/[?#].*$/s, "");
}

function toward(from: string, to: string): string {
  const path = relative(from, to).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`;
}
