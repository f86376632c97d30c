// recorder.wasm for a test host: a scripted clock, and every export under a friendlier face.

import { readFile } from "node:fs/promises";

export const OPTIONS = {
  min_duration_ns: 0, per_root_max: 1, open_root_ns: 2, depth_max: 3, leak_age_ns: 4,
  overhead_budget: 5, hook_pair_ns: 6, clock_resolution_ns: 7, sampling_ratio: 8, delta: 9, spans: 10,
};

const OUTCOMES = { returned: 0, trapped: 1, exited: 2, host_error: 3, fuel: 4, epoch: 5, cancelled: 6, dropped: 7 };

/** Instantiates recorder.wasm; `clock.ns` is what it reads as the time, or what `clock.now` gives in milliseconds. */
export async function load(path, clock) {
  const { instance } = await WebAssembly.instantiate(await readFile(path), {
    "waspect/host": { now: clock.now ?? (() => clock.ns / 1e6), boundary() {} },
  });
  const wasm = instance.exports;
  // The address first: making room may grow the memory, which detaches the buffer that was there before.
  const at = (address, length) => new Uint8Array(wasm.memory.buffer, address, length);
  const write = (bytes) => at(wasm.buffer(bytes.length), bytes.length).set(bytes);
  const read = (length) => at(wasm.output(), length).slice();
  return {
    hooks: wasm,
    wasm,
    read,
    configure(options, entropy, service, wallNs) {
      for (const [name, value] of Object.entries(options)) wasm.option(OPTIONS[name], value);
      write(Buffer.concat([entropy, Buffer.from(`service.name\0${service}`)]));
      wasm.configure(wallNs / 1e6);
    },
    addManifest(bytes) {
      write(bytes);
      return wasm.add_manifest() === 1;
    },
    scopeBegin(wallNs, parent) {
      if (parent) write(Buffer.concat([parent.traceId, parent.spanId, Buffer.from([parent.flags])]));
      return wasm.scope_begin(wallNs / 1e6, parent ? 1 : 0) >>> 0;
    },
    scopeEnd(token, kind, { code = 0, text = [] } = {}) {
      write(Buffer.from(text.join("\0")));
      wasm.scope_end(token, OUTCOMES[kind], code);
    },
    traces: () => read(wasm.take_traces(0xffff_ffff)),
    metrics: (wallNs) => read(wasm.metrics(wallNs / 1e6)),
  };
}
