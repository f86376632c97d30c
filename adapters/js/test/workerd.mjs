// Workers, in workerd: a script and the modules that it imports, served on a port that was free.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const { RUNTIMES } = process.env;
const root = fileURLToPath(new URL("..", import.meta.url));

/** Starts a Worker; its URL. `modules`: path -> bytes of a module, imported by that path. It may call other servers here. */
export async function start(script, modules) {
  const folder = mkdtempSync(join(tmpdir(), "waspect-workerd-"));
  for (const [name, bytes] of Object.entries(modules)) writeFileSync(join(folder, name), bytes);
  writeFileSync(join(folder, "worker.js"), bundle(script));
  writeFileSync(join(folder, "recorder-stacks.wasm"), readFileSync(join(root, "recorder-stacks.wasm")));
  const wasm = ["recorder-stacks.wasm", ...Object.keys(modules)].map((name) => `(name = "${name}", wasm = embed "${name}")`);
  writeFileSync(join(folder, "config.capnp"), `
    using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [(name = "main", worker = .worker), (name = "network", network = (allow = ["local"]))],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
    );
    const worker :Workerd.Worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js"), ${wasm.join(", ")}],
      compatibilityDate = "2026-10-01",
      globalOutbound = "network"
    );`);
  const program = join(RUNTIMES, "@cloudflare/workerd-linux-64/bin/workerd");
  const child = spawn(program, ["serve", "config.capnp", "--control-fd=3"], { cwd: folder, stdio: ["ignore", "inherit", "inherit", "pipe"] });
  const { port } = await listening(child);
  return {
    url: `http://127.0.0.1:${port}/`,
    async close() {
      child.kill();
      await once(child, "exit");
      rmSync(folder, { recursive: true });
    },
  };
}

/** What it says first, where it listens; or its end. */
async function listening(child) {
  for await (const line of createInterface(child.stdio[3])) return JSON.parse(line);
  throw new Error("workerd did not start");
}

/** As bundlers for Workers do it: modules of Wasm are imported when it runs, whatever folder they were named from. */
function bundle(input) {
  const plain = { format: "esm", target: "es2022", bundle: true, write: false, conditions: ["workerd", "worker", "browser"] };
  const { outputFiles } = buildSync({ stdin: { contents: input, resolveDir: join(root, "test") }, external: ["*.wasm"], ...plain });
  return outputFiles[0].text.replace(/(from\s*")[^"]*\/([^"/]+\.wasm")/g, "$1$2");
}

/** A script that is driven: in a new Worker each time, since none compiles a module while it runs. */
export function open(from) {
  return {
    async drive(modules, about) {
      const names = modules.map((_, at) => `module${at}`);
      const script = `
        import { drive } from "${from}";
        ${names.map((name) => `import ${name} from "${name}.wasm";`).join("\n")}
        export default { fetch: async (request) => Response.json(await drive([${names}], await request.json())) };`;
      const worker = await start(script, Object.fromEntries(modules.map((bytes, at) => [`${names[at]}.wasm`, Uint8Array.from(bytes)])));
      try {
        const response = await fetch(worker.url, { method: "POST", body: JSON.stringify(about) });
        if (!response.ok) throw new Error(await response.text());
        return await response.json();
      } finally {
        await worker.close();
      }
    },
    close() {},
  };
}
