// An app of packages of npm, built by each bundler with the plugin and nothing else that is special, opened in Chromium: it does what it
// did, and what its modules did arrives at an endpoint.

import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "./chromium.mjs";
import { close, endpoint as endpointFor, files, listen } from "./servers.mjs";
import { decode, NOTHING, wasm } from "./support.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const app = fileURLToPath(new URL("bundlers/app", import.meta.url));
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src *";

const counter = (step) => wasm(`(module (func $step (param i32) (result i32) (i32.add (local.get 0) (i32.const ${step})))
  (func (export "count") (param i32) (result i32) (call $step (call $step (local.get 0)))))`, ...NOTHING);

const received = [];
let browser, endpoint, toEndpoint;

before(async () => {
  const installed = (name) => join(app, "node_modules", name);
  for (const name of ["brotli-wasm", "@resvg/resvg-wasm"]) cpSync(join(process.env.PACKAGES, name), installed(name), { recursive: true });
  // As npm would install it.
  const { files } = JSON.parse(readFileSync(join(root, "package.json")));
  for (const name of ["package.json", ...files]) cpSync(join(root, name), join(installed("waspect"), name), { recursive: true });
  writeFileSync(join(app, "counter.wasm"), counter(1));
  endpoint = endpointFor(received);
  toEndpoint = await listen(endpoint);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await close(endpoint);
});

const BUILDS = {
  async vite(outDir, plugins) {
    const { build } = await import("vite");
    await build({ root: app, logLevel: "warn", plugins, build: { outDir, emptyOutDir: true, target: "esnext" } });
  },
  async rollup(dir, plugins) {
    const [{ rollup }, resolve, wasm] = await Promise.all(["rollup", "@rollup/plugin-node-resolve", "@rollup/plugin-wasm"].map((name) => import(name)));
    const onwarn = ({ plugin, message }) => assert.equal(plugin, "waspect", message);
    const all = [...plugins, resolve.default({ browser: true }), wasm.default({ maxFileSize: 0, targetEnv: "browser" })];
    const bundle = await rollup({ input: join(app, "rollup.js"), plugins: all, onwarn });
    await bundle.write({ dir, format: "es", entryFileNames: "app.js" });
  },
  async webpack(path, plugins) {
    const { default: webpack } = await import("webpack");
    const stats = await new Promise((resolve, reject) =>
      webpack(
        {
          mode: "production",
          context: app,
          entry: "./webpack.js",
          output: { path, filename: "app.js", module: true },
          experiments: { asyncWebAssembly: true, outputModule: true },
          plugins,
        },
        (error, stats) => (error ? reject(error) : resolve(stats)),
      ),
    );
    assert(!stats.hasErrors(), stats.toString({ all: false, errors: true }));
  },
  async esbuild(outdir, plugins) {
    const { build } = await import("esbuild");
    const options = { bundle: true, format: "esm", platform: "browser", loader: { ".wasm": "file" }, logLevel: "error", sourcemap: true };
    await build({ ...options, entryPoints: [{ in: join(app, "esbuild.js"), out: "app" }], outdir, plugins });
  },
};

/** What the app does when nobody observes it. Only Vite and webpack take along what `new URL` names without a plugin. */
let expected;

test("the app, not observed", async () => {
  const folder = join(app, "../built/plain");
  await BUILDS.vite(folder, []);
  expected = await visitBuilt(folder);
  assert.equal(expected.error, undefined, expected.error);
  assert.deepEqual([expected.text, expected.count], ["waspect ".repeat(100), 5]);
  assert.equal(decode(received.splice(0)).points["wasm.function.calls"], undefined);
});

for (const [name, build] of Object.entries(BUILDS)) {
  test(`${name}: packages by wasm-bindgen, assets and URLs`, async () => {
    const { default: waspect } = await import(`waspect/${name}`);
    const folder = join(app, "../built", name);
    await build(folder, [waspect()]);
    check(name, await visitBuilt(folder));
  });
}

test("vite, while it is developed", async () => {
  const [{ createServer }, { default: waspect }] = await Promise.all([import("vite"), import("waspect/vite")]);
  // Vite moves packages together, and loses files beside them: that of brotli-wasm must say so itself.
  const server = await createServer({ root: app, logLevel: "warn", plugins: [waspect()], optimizeDeps: { exclude: ["brotli-wasm"] } });
  try {
    await server.listen();
    const [url] = server.resolvedUrls.local;
    const changed = async (page) => {
      writeFileSync(join(app, "counter.wasm"), counter(2));
      await page.waitForFunction(() => globalThis.result?.count === 7, undefined, { timeout: 20_000 });
      writeFileSync(join(app, "counter.wasm"), counter(1));
    };
    check("vite dev", await visit(url, changed));
  } finally {
    await server.close();
  }
});

function check(name, result) {
  assert.deepEqual({ ...expected, ...result }, expected);
  const { spans, points } = decode(received.splice(0));
  const calls = points["wasm.function.calls"] ?? {};
  console.log(`${name}: ${Object.keys(result)}, ${Object.values(calls).reduce((sum, count) => sum + count, 0)} calls, ${spans.length} spans`);
  // Calls from the host are always spans. Which of more than a thousand functions have a series of their own is a matter of time.
  const roots = new Set(spans.filter((span) => span.parent === null).map((span) => span.name));
  for (const func of ["count", "compress", "decompress"]) assert(roots.has(func), [...roots].join());
}

async function visitBuilt(folder) {
  const index = join(folder, "index.html");
  const html = existsSync(index) ? readFileSync(index) : `<!doctype html><script type="module" src="/app.js"></script>`;
  const server = files(folder, POLICY, { "/": ["text/html", html] });
  try {
    return await visit(`http://localhost:${await listen(server)}/`);
  } finally {
    await close(server);
  }
}

/** What the app does in a page; what was observed is sent before it goes, or something else happens to it. */
async function visit(url, then = async () => {}) {
  const page = await browser.newPage();
  try {
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.addInitScript((options) => (globalThis.waspect = options), { endpoint: `http://localhost:${toEndpoint}`, minDurationMs: 0 });
    await page.goto(url);
    await page.waitForFunction(() => document.title === "done", undefined, { timeout: 20_000 });
    const result = await page.evaluate(async () => {
      for (const observer of globalThis.observers) await observer.flush();
      return globalThis.result;
    });
    await then(page);
    assert.deepEqual(errors, []);
    return result;
  } finally {
    await page.close();
  }
}
