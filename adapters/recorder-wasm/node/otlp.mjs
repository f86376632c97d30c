// Enough of protocol buffers to write a manifest and to read back what recorder.wasm exported.

/** The fields of a message: number -> list of numbers (varint), bytes, or { bits } (fixed 64). */
export function fields(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    let value;
    if ((key & 7) === 0) value = varint();
    else if ((key & 7) === 1) (value = { int: view.getBigInt64(at, true), double: view.getFloat64(at, true) }), (at += 8);
    else if ((key & 7) === 5) (value = view.getUint32(at, true)), (at += 4);
    else {
      const length = Number(varint());
      value = bytes.subarray(at, (at += length));
    }
    const list = found.get(key >> 3) ?? [];
    list.push(value);
    found.set(key >> 3, list);
  }
  return { one: (number) => found.get(number)?.[0], all: (number) => found.get(number) ?? [] };
}

export const text = (bytes) => (bytes ? Buffer.from(bytes).toString() : "");
const zigzag = (value) => Number((value >> 1n) ^ -(value & 1n));

function value(bytes) {
  const any = fields(bytes);
  if (any.one(1) !== undefined) return text(any.one(1));
  if (any.one(2) !== undefined) return any.one(2) === 1n;
  if (any.one(3) !== undefined) return Number(BigInt.asIntN(64, any.one(3)));
  if (any.one(5) !== undefined) return fields(any.one(5)).all(1).map(value);
  return "";
}

export function attributes(list) {
  return Object.fromEntries(list.map(fields).map((entry) => [text(entry.one(1)), value(entry.one(2))]));
}

/** Spans or metrics of a request: both nest the same way. */
export function items(request) {
  const resources = fields(request).all(1).map(fields);
  return resources.flatMap((resource) => resource.all(2).map(fields)).flatMap((scope) => scope.all(2).map(fields));
}

/** A metric's points by what identifies them; times in nanoseconds. */
export function points(metric) {
  const data = fields(metric.one(5) ?? metric.one(7) ?? metric.one(10));
  const histogram = metric.one(10) !== undefined;
  return Object.fromEntries(data.all(1).map(fields).map((point) => {
    const all = attributes(point.all(histogram ? 1 : 7));
    const names = ["error.type", "waspect.drop.reason", "code.function.name", "wasm.module.name"];
    const key = names.map((name) => all[name]).find((name) => name !== undefined) ?? "";
    if (!histogram) return [key, point.one(6) ? Number(point.one(6).int) : Math.round(point.one(4).double * 1e9)];
    const positive = fields(point.one(8));
    const first = positive.one(1) === undefined ? 0 : zigzag(positive.one(1));
    const counts = [...(positive.one(2) ?? [])];
    const buckets = Object.fromEntries(counts.map((count, at) => [first + at, count]).filter(([, count]) => count > 0));
    const scale = point.one(6) === undefined ? 0 : zigzag(point.one(6));
    return [key, { count: Number(point.one(4).int), zero: Number(point.one(7).int), scale, buckets }];
  }));
}

/** Writes a message: pairs of field number and a number, bigint (fixed 64), text, or bytes. */
export function message(...pairs) {
  const out = [];
  const varint = (number) => {
    for (; number > 127; number = Math.floor(number / 128)) out.push((number % 128) + 128);
    out.push(number);
  };
  for (const [number, content] of pairs) {
    if (typeof content === "number") varint(number * 8), varint(content);
    else if (typeof content === "bigint") varint(number * 8 + 1), out.push(...new Uint8Array(new BigUint64Array([content]).buffer));
    else {
      const bytes = Buffer.from(content);
      varint(number * 8 + 2), varint(bytes.length), out.push(...bytes);
    }
  }
  return Buffer.from(out);
}
