// pprof in, stacks out: as much of its protocol buffers as a flame graph needs. Pure. The collector has checked what it names.

// What it would leave out at the beginning of a text is part of a name.
const text = new TextDecoder("utf-8", { ignoreBOM: true });

// `{ types, samples, remarks, start_ms, length_ms }`; a type is `{ name, unit }`, a sample `{ stack, values }`, outermost function first.
export function decode(bytes) {
  const profile = { types: [], samples: [], locations: new Map(), functions: new Map(), texts: [], remarks: [], start_ns: 0, length_ns: 0, shown: 0 };
  fields(bytes, (number, value) => {
    switch (number) {
      case 1: return profile.types.push(numbers(value));
      case 2: return profile.samples.push(sample(value));
      case 4: return location(value, profile.locations);
      case 5: return names(value, profile.functions);
      case 6: return profile.texts.push(text.decode(value));
      case 9: return (profile.start_ns = value);
      case 10: return (profile.length_ns = value);
      case 13: return profile.remarks.push(...list(value));
      case 14: return (profile.shown = value);
    }
  });
  const at = (place) => profile.texts[place] ?? "";
  const stack = (ids) => ids.toReversed().flatMap((id) => (profile.locations.get(id) ?? []).map((of) => at(profile.functions.get(of))));
  return {
    types: profile.types.map(({ 1: name = 0, 2: unit = 0 }) => ({ name: at(name), unit: at(unit) })),
    samples: profile.samples.map(({ ids, values }) => ({ stack: stack(ids), values })),
    remarks: profile.remarks.map(at),
    shown: at(profile.shown),
    start_ms: profile.start_ns / 1e6,
    length_ms: profile.length_ns / 1e6,
  };
}

function sample(bytes) {
  const read = { ids: [], values: [] };
  fields(bytes, (number, value) => {
    if (number === 1) read.ids.push(...list(value));
    if (number === 2) read.values.push(...list(value));
  });
  return read;
}

// Inlined functions come innermost first; a stack here is outermost first.
function location(bytes, all) {
  let id;
  const functions = [];
  fields(bytes, (number, value) => {
    if (number === 1) id = value;
    if (number === 4) functions.unshift(numbers(value)[1] ?? 0);
  });
  all.set(id, functions);
}

function names(bytes, all) {
  const { 1: id, 2: name = 0 } = numbers(bytes);
  all.set(id, name);
}

// The numbers of a message by their field.
function numbers(bytes) {
  const read = {};
  fields(bytes, (number, value) => (read[number] = value));
  return read;
}

// Many numbers, packed or one.
function list(value) {
  if (typeof value === "number") return [value];
  const read = [];
  const from = { bytes: value, at: 0 };
  while (from.at < value.length) read.push(varint(from));
  return read;
}

function fields(bytes, each) {
  const from = { bytes, at: 0 };
  while (from.at < bytes.length) {
    const tag = varint(from);
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0: each(number, varint(from)); break;
      case 1: from.at += 8; break;
      case 2: {
        const length = varint(from);
        each(number, bytes.subarray(from.at, from.at + length));
        from.at += length;
        break;
      }
      case 5: from.at += 4; break;
      default: throw new Error("this is no profile");
    }
  }
}

// A number of 64 bits with its sign; beyond 2^53 it is rounded.
function varint(from) {
  let value = 0;
  for (let scale = 1; scale < 2 ** 49; scale *= 128) {
    const byte = from.bytes[from.at++];
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
  let wide = BigInt(value);
  for (let shift = 49n; shift < 70n; shift += 7n) {
    const byte = from.bytes[from.at++];
    wide |= BigInt(byte & 127) << shift;
    if (byte < 128) break;
  }
  return Number(BigInt.asIntN(64, wide));
}
