// Messages of protocol buffers, as far as the page's tests send some.

const varint = (number) => {
  const bytes = [];
  let left = BigInt.asUintN(64, BigInt(number));
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
  return [...bytes, Number(left)];
};
const number = (field, value) => [...varint(field * 8), ...varint(value)];
const bytes = (field, content) => [...varint(field * 8 + 2), ...varint(content.length), ...content];
const text = (field, content) => bytes(field, [...new TextEncoder().encode(content)]);

/** A profile of one function a sample. */
export function pprof(names, values = names.map(() => 1_000_000)) {
  const texts = ["", "wall", "nanoseconds", ...names].flatMap((one) => text(6, one));
  const parts = names.flatMap((_, at) => [
    ...bytes(2, [...number(1, at + 1), ...number(2, values[at])]),
    ...bytes(4, [...number(1, at + 1), ...bytes(4, number(1, at + 1))]),
    ...bytes(5, [...number(1, at + 1), ...number(2, at + 3)]),
  ]);
  return new Uint8Array([...bytes(1, [...number(1, 1), ...number(2, 2)]), ...parts, ...texts]);
}

/** A manifest of a build, in sixteen digits, that names functions from 0 on. */
export function manifest(build, names, module) {
  const id = build.match(/../g).reverse().map((digits) => Number.parseInt(digits, 16));
  const functions = names.flatMap((name, index) => bytes(6, [...number(1, index), ...text(2, name)]));
  return new Uint8Array([...varint(2 * 8 + 1), ...id, ...text(4, module), ...number(5, names.length), ...functions]);
}
