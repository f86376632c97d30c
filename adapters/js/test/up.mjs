// `waspect up` with a state of its own, on ports that were free.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** The environment in which it runs, and `waspect run` finds it. `home`: a folder for its state. */
export function environment(home, others = {}) {
  const env = { ...process.env, XDG_STATE_HOME: home };
  for (const place of ["RECEIVERS__OTLP__PROTOCOLS__GRPC", "RECEIVERS__OTLP__PROTOCOLS__HTTP", "QUERY", "REMOTE_STORAGE"]) {
    env[`WASPECT_COLLECT__${place}__ENDPOINT`] = "127.0.0.1:0";
  }
  return { ...env, ...others };
}

/** Starts it: the URLs of OTLP over HTTP and of queries, once it takes both. */
export async function up(env) {
  const child = spawn(process.env.WASPECT, ["up"], { env, stdio: ["ignore", "pipe", "inherit"] });
  const urls = [];
  for await (const line of createInterface({ input: child.stdout })) {
    urls.push(...(line.match(/http:\/\/[^ /]+/g) ?? []));
    if (line === "Ctrl-C ends it.") break;
  }
  return {
    urls,
    async close() {
      child.kill();
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}
