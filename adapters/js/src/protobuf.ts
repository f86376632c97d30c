// Reading protocol buffers: enough for what the recorder writes.

/** Fields of a message, by number: numbers, or bytes. */
export class Fields {
  readonly #found = new Map<number, (bigint | Uint8Array)[]>();

  /** Bytes that are no message throw a RangeError. */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    const varint = () => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = view.getUint8(at++);
        value |= BigInt(byte & 127) << shift;
        if (byte < 128) return value;
      }
    };
    const one = (wire: number): bigint | Uint8Array => {
      if (wire === 0) return varint();
      if (wire === 1) return view.getBigUint64((at += 8) - 8, true);
      if (wire === 5) return BigInt(view.getUint32((at += 4) - 4, true));
      const length = Number(varint());
      if (wire !== 2 || at + length > bytes.length) throw new RangeError("these bytes are no message");
      return bytes.subarray(at, (at += length));
    };
    while (at < bytes.length) {
      const key = Number(varint());
      const [value, others] = [one(key & 7), this.#found.get(key >> 3)];
      if (others === undefined) this.#found.set(key >> 3, [value]);
      else others.push(value);
    }
  }

  has(field: number): boolean {
    return this.#found.has(field);
  }

  number(field: number): bigint {
    const [value] = this.#found.get(field) ?? [];
    return typeof value === "bigint" ? value : 0n;
  }

  bytes(field: number): Uint8Array {
    const [value] = this.#found.get(field) ?? [];
    return value instanceof Uint8Array ? value : new Uint8Array();
  }

  text(field: number): string {
    return new TextDecoder().decode(this.bytes(field));
  }

  messages(field: number): Fields[] {
    return (this.#found.get(field) ?? []).filter((value) => value instanceof Uint8Array).map((value) => new Fields(value));
  }
}
