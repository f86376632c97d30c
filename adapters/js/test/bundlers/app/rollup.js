// By Rollup: its plugin for Wasm, which reads files itself, and `new URL` in a package.

import { observer } from "waspect/register";
import counter from "./counter.wasm";
import { tell, work } from "./work.js";

globalThis.observers = [observer];
tell(
  (async () => {
    const { instance } = await counter({});
    return { ...(await work()), count: instance.exports.count(3) };
  })(),
);
