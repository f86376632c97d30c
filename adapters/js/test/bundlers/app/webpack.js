// By webpack: a module that is linked as an ES module, whose hooks are found as `waspect/hooks`, and `new URL`, here and in a package.

import { observer } from "waspect/register";
import { observer as linked } from "waspect/hooks";
import { count } from "./counter.wasm";
import { tell, work } from "./work.js";

globalThis.observers = [observer, linked];
tell(
  (async () => ({ ...(await work(fetch(new URL("@resvg/resvg-wasm/index_bg.wasm", import.meta.url)))), count: count(3) }))(),
);
