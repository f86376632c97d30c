// `node --import` for programs that are observed from outside: at their end, what was told goes into the file TOLD. Threads have a
// recorder each; only the program's first is asked.

import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const batches = [];
globalThis.waspect = { serviceName: "real", overheadBudget: Infinity, sink: (batch) => batches.push(batch) };
const { observer } = await import("waspect/register");

if (isMainThread) {
  process.on("exit", () => {
    const depth = observer.hooks.depth();
    void observer.flush();
    const told = batches.map(({ signal, bytes }) => ({ signal, bytes: Buffer.from(bytes).toString("base64") }));
    writeFileSync(process.env.TOLD, JSON.stringify({ depth, told, health: observer.health() }));
  });
}
