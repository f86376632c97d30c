// Arrays and objects of AssemblyScript's own, of sizes that are known here.

class Pair {
  constructor(public left: f64, public right: f64) {}
}

let givenCount: u64 = 0;
let givenTotal: u64 = 0;

/** What is kept alive from round to round. */
const kept: StaticArray<StaticArray<u8> | null> = new StaticArray<StaticArray<u8> | null>(16);

export function work(rounds: i32): void {
  for (let round = 0; round < rounds; round++) {
    const size = 1 + ((round * 37) % 500);
    kept[round % 16] = new StaticArray<u8>(size);
    const pair = new Pair(round, size);
    // Each is made by one call of the runtime, of so many bytes.
    givenCount += 2;
    givenTotal += size + offsetof<Pair>();
    if (pair.left < 0) unreachable();
  }
}

export function given(): u64 {
  return givenCount;
}

export function given_bytes(): u64 {
  return givenTotal;
}
