// What `waspect/register` is to find when `first.mjs` imports it.

export const batches = [];
globalThis.waspect = { serviceName: "real", overheadBudget: Infinity, sink: (batch) => batches.push(batch) };
