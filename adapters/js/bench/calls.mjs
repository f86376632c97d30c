// What a call costs in a runtime: drives measure.mjs there, and prints what it gives as JSON.
//
//   node bench/calls.mjs RUNTIME    with WASPECT, MODULES and RUNTIMES as for the tests

import process from "node:process";
import { driver } from "../test/drivers.mjs";
import { NOTHING, original, real, wasm } from "../test/support.mjs";

const [runtime] = process.argv.slice(2);

const FIB = `
(module
  (func $fib (param i32) (result i32)
    (if (i32.lt_s (local.get 0) (i32.const 2)) (then (return (i32.const 1))))
    (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))
  (func (export "run") (result i32) (call $fib (i32.const 22))))`;
/** Of `fib`, with that of `run`: twice the result, less one. */
const CALLS = 28_657 * 2;

/** Hooks that do nothing, in Wasm: what the calls of hooks cost by themselves. */
const EMPTY = `
(module
  (func (export "module") (param i32 i32 i32 i32) (result i32) (i32.const 0))
  (func (export "enter") (param i32) (result i32) (i32.const 1))
  (func (export "exit") (param i32))
  (func (export "begin") (param i32) (result i32) (i32.const 1))
  (func (export "end") (param i32)))`;

const modules = [wasm(FIB, ...NOTHING), wasm(FIB, "--mode", "counts"), wasm(FIB), wasm(EMPTY, ...NOTHING), original("sqljs"), real("sqljs")];
const { drive, close } = await driver(runtime, "../bench/measure.mjs");
const result = await drive(modules.map((bytes) => Array.from(bytes)), { calls: CALLS });
await close?.();
console.log(JSON.stringify(result));
process.exit(0);
