// `waspect/webpack`.

import { unplugin } from "./plugin.js";

export type { PluginOptions } from "./plugin.js";
export default unplugin.webpack;
