// `waspect/rollup`.

import { unplugin } from "./plugin.js";

export type { PluginOptions } from "./plugin.js";
export default unplugin.rollup;
