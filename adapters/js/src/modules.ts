// Modules: which are instrumented, and what their manifest says that an adapter must know.

/** Where hooks are imported from (rule M1). */
export const HOOKS = "waspect/hooks";

const SECTION = "waspect";

/** What is known of a compiled module. */
export interface Known {
  /** The manifest's bytes; none where it is kept beside the module. */
  manifest: Uint8Array | undefined;
  /** From this index on, functions were added by the rewriter: a thunk, which nobody but the host calls. */
  addedFrom: number;
  /** Its calls can be suspended: goroutines, Asyncify (rule L3). */
  suspends: boolean;
}

/** Hooks of functions that can be suspended. */
const SUSPENDING = ["enter_or_resume", "exit_or_suspend"];

const known = new WeakMap<WebAssembly.Module, Known | null>();

/** What is known of a module; null when it is not instrumented. */
export function know(module: WebAssembly.Module): Known | null {
  let found = known.get(module);
  if (found === undefined) known.set(module, (found = read(module)));
  return found;
}

function read(module: WebAssembly.Module): Known | null {
  const hooks = WebAssembly.Module.imports(module).filter((one) => one.module === HOOKS && one.kind === "function");
  if (hooks.length === 0) return null;
  const [section] = WebAssembly.Module.customSections(module, SECTION);
  const manifest = section && new Uint8Array(section);
  const functions = manifest && functionCount(manifest);
  return {
    manifest,
    addedFrom: functions === undefined ? Infinity : functions + hooks.length,
    suspends: hooks.some(({ name }) => SUSPENDING.includes(name)),
  };
}

/** Field 5 of the manifest, a message of protocol buffers; undefined where it is damaged or absent. */
function functionCount(bytes: Uint8Array): number | undefined {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    return NaN;
  };
  while (at < bytes.length) {
    const key = varint();
    if (key === ((5 << 3) | 0)) return varint();
    if ((key & 7) === 0) varint();
    else if ((key & 7) === 1) at += 8;
    else if ((key & 7) === 2) {
      const length = varint();
      at += length;
    } else if ((key & 7) === 5) at += 4;
    else return undefined;
    if (Number.isNaN(at)) return undefined;
  }
  return undefined;
}
