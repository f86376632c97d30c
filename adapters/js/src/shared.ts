// A module with a memory of its own, made one that imports a shared memory: the same code, and another thread can look.

const IMPORTS = 2;
const MEMORIES = 5;

/** The module with `waspect/host` `memory` as its memory, and the least number of pages that it needs. */
export function withSharedMemory(module: Uint8Array, pagesMax: number): { bytes: Uint8Array<ArrayBuffer>; pages: number } {
  const out: number[] = [...module.subarray(0, 8)];
  let [at, pages] = [8, 0];
  const sections: [number, Uint8Array][] = [];
  while (at < module.length) {
    const id = module[at]!;
    const [length, content] = varint(module, at + 1);
    sections.push([id, module.subarray(content, content + length)]);
    at = content + length;
  }
  for (const [id, content] of sections) if (id === MEMORIES) [pages] = varint(content, 2);
  for (const [id, content] of sections) {
    if (id === MEMORIES) continue;
    let bytes = content;
    if (id === IMPORTS) {
      const [count, rest] = varint(content, 0);
      const text = (name: string) => [name.length, ...Array.from(name, (char) => char.charCodeAt(0))];
      const memory = [...text("waspect/host"), ...text("memory"), 2, 3, ...leb(pages), ...leb(pagesMax)];
      bytes = Uint8Array.from([...leb(count + 1), ...content.subarray(rest), ...memory]);
    }
    out.push(id, ...leb(bytes.length));
    for (const byte of bytes) out.push(byte);
  }
  return { bytes: Uint8Array.from(out), pages };
}

/** A number at a place, and where it ends. */
function varint(bytes: Uint8Array, at: number): [number, number] {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++]!;
    value += (byte & 127) * scale;
    if (byte < 128) return [value, at];
  }
}

function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(Math.floor(value / 128))];
}
