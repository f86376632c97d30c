// From what was thrown to the outcome of a scope (rule B4), in the words that every adapter uses.

import type { Outcome } from "./recorder.js";

/** Engines' messages, and the codes of the specification that they stand for. */
const CODES: [RegExp, string][] = [
  [/call stack|too much recursion|stack overflow/, "stack_overflow"],
  [/unreachable/, "unreachable"],
  [/divi(de|sion) by zero/, "integer_divide_by_zero"],
  [/divide result unrepresentable|integer overflow/, "integer_overflow"],
  [/float unrepresentable|invalid conversion|trunc operation/, "invalid_conversion_to_integer"],
  [/call to null|null table entry/, "uninitialized_element"],
  [/table (index|access)|table out of bounds|out of bounds (table|call_indirect)/, "table_out_of_bounds"],
  [/signature/, "indirect_call_type_mismatch"],
  [/memory access|index out of bounds/, "memory_out_of_bounds"],
  [/unaligned/, "unaligned_atomic"],
  [/null (pointer|reference)/, "null_reference"],
];

/** The outcome of a call that threw. */
export function outcomeOf(thrown: unknown): Outcome {
  const error = thrown as { name?: unknown; message?: unknown; stack?: unknown; status?: unknown; code?: unknown } | null;
  const [name, message, backtrace] = [text(error?.name), text(error?.message) || text(thrown), text(error?.stack)];
  if (name === "ExitStatus" && typeof error?.status === "number") return { kind: "exited", code: error.status };
  const overflow = thrown instanceof RangeError || name === "InternalError";
  if (thrown instanceof WebAssembly.RuntimeError || overflow) {
    const code = CODES.find(([pattern]) => pattern.test(message.toLowerCase()))?.[1];
    if (code !== undefined || !overflow) return { kind: "trapped", code: code ?? "trap", message, backtrace };
  }
  const uncaught = typeof WebAssembly.Exception === "function" && thrown instanceof WebAssembly.Exception;
  return { kind: "host_error", code: uncaught ? "uncaught_exception" : name, message, backtrace };
}

function text(value: unknown): string {
  try {
    return typeof value === "string" ? value : value === undefined || value === null ? "" : String(value);
  } catch {
    return "";
  }
}
