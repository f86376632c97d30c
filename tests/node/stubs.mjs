// Imports that nobody knows: functions that log their calls, answer by rule, fail and re-enter now and then; the rest with the
// limits that the module wants.

import { show, within } from "./words.mjs";

const CALLS_MAX = 2_000;
const FAIL_EVERY = 23;
const REENTER_EVERY = 11;

/** The import object for descriptions that tests/src/node.rs made; the log goes into `world`. */
export function imports(items, world, mock) {
  const host = {};
  for (const [number, item] of items.entries()) (host[item.module] ??= {})[item.name] ??= make(item, number, world, mock);
  return host;
}

function make(item, number, world, mock) {
  switch (item.kind) {
    case "function":
      return (...parameters) => called(item, number, parameters, world, mock);
    case "memory":
      return new WebAssembly.Memory(item.type);
    case "table":
      return new WebAssembly.Table(item.type);
    case "global":
      return new WebAssembly.Global(item.type, value(answer(item.type.value, number)));
    case "tag":
      return new WebAssembly.Tag(item.type);
  }
}

function called(item, number, parameters, world, mock) {
  const call = world.log.push(`import ${number}(${parameters.map((one) => show(one, world)).join(", ")})`);
  if (call % FAIL_EVERY === 0 || call > CALLS_MAX) throw new Error(`the host fails call ${call}`);
  if (call % REENTER_EVERY === 0) {
    const func = world.names.map((name) => world.exports[name]).find((one) => typeof one === "function" && one.length === 0);
    if (func) world.log.push(`re-entered: ${within(mock, world, func)}`);
  }
  const results = item.results.map((type, at) => value(answer(type, call + at)));
  return results.length > 1 ? results : results[0];
}

/** What a stub answers: small more often than not. */
function answer(type, number) {
  const mixed = Math.imul(number + 1, 0x9e3779b1) >>> 0;
  return { [type]: String(mixed % 2 === 0 ? mixed & 15 : mixed | 0) };
}

/** A value from `{ type: text }`; references are null, or a host's object. */
export function value(described) {
  const [[type, text]] = Object.entries(described);
  switch (type) {
    case "i64":
      return BigInt(text);
    case "externref":
      return { stub: text };
    case "i32":
    case "f32":
    case "f64":
      return Number(text);
    default:
      return null;
  }
}
