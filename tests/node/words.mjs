// Values and endings in words: what is the same before and after has the same words.

/** How a call ends, in words. */
export function within(mock, world, call) {
  mock?.scopeBegin();
  let outcome;
  try {
    outcome = `returned ${show(call(), world)}`;
  } catch (error) {
    // The message of a link error counts imports, and hooks are imports too.
    outcome = error instanceof WebAssembly.LinkError ? "LinkError" : `${error?.constructor?.name}: ${error?.message}`;
  }
  mock?.scopeEnd(outcome.startsWith("returned"));
  return outcome;
}

/** A value in words: equal words, equal values, as far as they can be told apart across two instances. */
export function show(value, world) {
  if (Array.isArray(value)) return value.map((one) => show(one, world)).join(", ");
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `function ${world.names.find((name) => world.exports[name] === value) ?? ""}`;
  if (typeof value === "object" && value !== null) return `object ${value.stub ?? ""}`;
  return Object.is(value, -0) ? "-0" : String(value);
}
