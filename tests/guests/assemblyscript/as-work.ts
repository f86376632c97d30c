// Classes, strings, a map, recursion, and garbage for AssemblyScript's collector. It prints through WASI itself.

// @ts-ignore: decorators are AssemblyScript's
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, parts: usize, length: usize, written: usize): i32;

// @ts-ignore: decorators are AssemblyScript's
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: i32): void;

class Account {
  history: i32[] = [];

  constructor(public name: string, public balance: i32) {}

  move(amount: i32): void {
    this.balance += amount;
    this.history.push(amount);
  }
}

/** Calls itself: exported, so that a host can call it with a size of its own. */
export function fibonacci(n: i32): i32 {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

export function trade(rounds: i32): i32 {
  const accounts = new Map<string, Account>();
  for (let round = 0; round < rounds; round++) {
    const name = "account " + (round % 7).toString();
    if (!accounts.has(name)) accounts.set(name, new Account(name, 100));
    accounts.get(name).move(round % 2 ? -round : round);
  }
  let sum = 0;
  const names = accounts.keys();
  for (let i = 0; i < names.length; i++) sum += accounts.get(names[i]).balance;
  return sum;
}

export function _start(): void {
  print("fibonacci(15) = " + fibonacci(15).toString());
  print("balance after 1000 trades: " + trade(1000).toString());
}

function print(line: string): void {
  const bytes = String.UTF8.encode(line + "\n");
  const part = new StaticArray<usize>(2);
  part[0] = changetype<usize>(bytes);
  part[1] = bytes.byteLength;
  const written = new StaticArray<usize>(1);
  fd_write(1, changetype<usize>(part), 1, changetype<usize>(written));
}

/** What a failed assertion calls; the stock one wants an import of its own. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  print("abort: " + (message ? message : "") + " at line " + line.toString());
  proc_exit(255);
}
