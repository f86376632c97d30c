// What programs import first that are observed from outside: at their end, what was told goes into the file TOLD, of all threads. Nothing
// is awaited: the program's other imports would not wait.

import { writeFileSync } from "node:fs";
import { batches } from "./first-options.mjs";
import { observer } from "waspect/register";

process.on("exit", () => {
  const depth = observer.hooks.depth();
  void observer.flush();
  const told = batches.map(({ signal, bytes }) => ({ signal, bytes: Buffer.from(bytes).toString("base64") }));
  writeFileSync(process.env.TOLD, JSON.stringify({ depth, told, health: observer.health() }));
});
