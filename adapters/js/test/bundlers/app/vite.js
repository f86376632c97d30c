// By Vite: an asset's URL, Vite's own way to instantiate, and `new URL` in a package.

import { observer } from "waspect/register";
import resvg from "@resvg/resvg-wasm/index_bg.wasm?url";
import init from "./counter.wasm?init";
import { tell, work } from "./work.js";

globalThis.observers = [observer];
tell(
  (async () => {
    const { exports } = await init();
    return { ...(await work(fetch(resvg))), count: exports.count(3) };
  })(),
);
