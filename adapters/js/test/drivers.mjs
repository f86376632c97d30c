// Where a script is driven: in whatever runs this file, in a page of a browser, or in a Worker.

import { BROWSERS } from "./browsers.mjs";

/** `drive` of a script of this folder or beside it, in the runtime of that name; and `close`, where something must be. */
export async function driver(runtime, script) {
  if (runtime in BROWSERS) return (await import("./page.mjs")).open(runtime, script);
  if (runtime === "workerd") return (await import("./workerd.mjs")).open(script);
  return import(script);
}
