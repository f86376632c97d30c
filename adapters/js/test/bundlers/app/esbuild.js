// By esbuild: a file's URL, and `new URL` in a package.

import { observer } from "waspect/register";
import resvg from "@resvg/resvg-wasm/index_bg.wasm";
import counter from "./counter.wasm";
import { tell, work } from "./work.js";

globalThis.observers = [observer];
tell(
  (async () => {
    const at = (url) => fetch(new URL(url, import.meta.url));
    const { instance } = await WebAssembly.instantiateStreaming(at(counter));
    return { ...(await work(at(resvg))), count: instance.exports.count(3) };
  })(),
);
