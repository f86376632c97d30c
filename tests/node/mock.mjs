// A strict recorder in JavaScript: it believes nothing, and writes down each rule of the ABI that a hook call breaks. It is for
// modules without exception handlers: nothing but the end of a scope closes a frame that has not closed itself.

const FAULTS_KEPT = 20;
const BASE = 64;
const ALL_ONES = 0xffffffffn;

export class Mock {
  /** `one` says what the module is: functions, memories, hooks. */
  constructor(one) {
    this.one = one;
    this.frames = [];
    this.faults = [];
    this.enters = new Map();
    this.calls = 0;
    this.base = undefined;
    this.first = undefined;
    this.token = 0;
    const known = {
      module: (abi, buildA, buildB, functions) => this.module(abi, functions),
      enter: (func) => this.open("call", func),
      exit: (token) => this.close("call", token),
      enter_or_resume: (func, point) => this.open(point === 0 ? "call" : "lap", func),
      exit_or_suspend: (token, way) => this.leave(token, way),
      begin: (func) => this.open("boundary", func),
      end: (token) => this.close("boundary", token),
      unwind: (token) => this.fault(`\`unwind\` with token ${token}: there is no handler (U1)`),
      alloc: (func) => this.sees("alloc", func),
      alloc64: (func) => this.sees("alloc64", func),
      grow: (func, memory, delta, result) => this.grow(func, memory, delta, result),
      grow64: (func, memory, delta, result) => this.grow(func, memory, delta, result),
    };
    // The table of hooks is Rust's: one that is not known here is a fault as soon as it is called.
    const unknown = (name) => () => this.fault(`hook \`${name}\` is new to this mock`);
    this.hooks = Object.fromEntries(one.hooks.map((name) => [name, known[name] ?? unknown(name)]));
  }

  scopeBegin() {
    if (this.frames.length === 0) this.first = undefined;
    this.frames.push({ kind: "scope" });
  }

  scopeEnd(returned) {
    const at = this.frames.findLastIndex((frame) => frame.kind === "scope");
    const open = this.frames.length - at - 1;
    if (returned && open > 0) this.fault(`the guest returned and left ${open} frames open`);
    this.frames.length = at;
  }

  /** The first hook call must speak of the function that was called. */
  checkFirst(index) {
    if (index === undefined || !this.one.defined.includes(index)) return;
    if (this.first !== index) this.fault(`func[${index}] is called, but the first hook call is of ${this.first}`);
  }

  /** Where counters and `enter` differ (rule C1). */
  disagreements(indices, counts) {
    const wrong = indices.filter((index, at) => BigInt(this.enters.get(index) ?? 0) !== counts[at]);
    return wrong.map((index) => `func[${index}] entered ${this.enters.get(index) ?? 0} times, its counter says otherwise (C1)`);
  }

  module(abi, functions) {
    this.calls += 1;
    if (this.base !== undefined) this.fault("`module` is called again (M2)");
    if (abi !== this.one.abi) this.fault(`\`module\` speaks of ABI ${abi} (M2)`);
    if (functions !== this.one.functions) this.fault(`\`module\` says ${functions} functions (M2)`);
    this.base = BASE;
    return BASE;
  }

  sees(hook, id) {
    this.calls += 1;
    const func = id - this.base;
    if (!(func >= 0 && func < this.one.functions)) this.fault(`\`${hook}\` with id ${id}, which no instance owns (M3)`);
    this.first ??= func;
    return func;
  }

  open(kind, id) {
    const func = this.sees(kind, id);
    if (kind === "call") this.enters.set(func, (this.enters.get(func) ?? 0) + 1);
    this.token += 1;
    this.frames.push({ kind, func, token: this.token });
    return this.token;
  }

  close(kind, token) {
    this.calls += 1;
    const frame = this.frames[this.frames.length - 1];
    if (frame?.kind === kind && frame.token === token) this.frames.pop();
    else this.fault(`the end of a ${kind}, token ${token}, finds ${JSON.stringify(frame)} (C4, T4, T5)`);
  }

  /** To the engine a call like any other; only what begins is counted (L3, L5). */
  leave(token, way) {
    const { kind, func } = this.frames[this.frames.length - 1] ?? {};
    this.close(kind === "lap" ? "lap" : "call", token);
    if (way === 2) this.enters.set(func, this.enters.get(func) - 1);
  }

  grow(id, memory, delta, result) {
    this.sees("grow", id);
    if (memory < 0 || memory >= this.one.memories) this.fault(`\`grow\` of memory ${memory} (G1)`);
    const pages = BigInt.asUintN(32, BigInt(result));
    if (pages !== ALL_ONES && pages > 65_536n) this.fault(`\`grow\` says that there were ${result} pages (G1)`);
  }

  fault(text) {
    if (this.faults.length < FAULTS_KEPT) this.faults.push(text);
  }
}
