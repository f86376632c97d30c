// The options of `waspect instrument`, under the names that the native program has for them.

import { parseArgs } from "node:util";
import type { AllocatorRole, InstrumentOptions } from "../instrument.js";
import { Usage } from "./usage.js";

/** A command line, read. */
export interface Arguments {
  input: string;
  output: string;
  json: boolean;
  symbols: string | undefined;
  debugOut: string | undefined;
  options: InstrumentOptions;
}

export const HELP = `Usage: waspect instrument [OPTIONS] -o OUT IN

Writes an instrumented copy of a module. \`-\` is standard input or output.

  -o, --output OUT        file to write, never the input
      --manifest PLACE    embed (into the module) or sidecar (beside it, as OUT.waspect) [embed]
      --mode MODE         calls (timed calls), counts (one counter a function), ring (not for JavaScript) [calls]
      --include GLOB      only functions whose demangled name matches (repeatable; imports are \`module.field\`)
      --exclude GLOB      leaves out functions whose demangled name matches (repeatable); wins over --include
      --function INDEX    functions by index (repeatable or separated by commas), besides those that --include finds
      --only WHAT         exports or imports
      --min-body BYTES    leaves out functions with smaller bodies
      --no-alloc          does not observe allocations and memory growth
      --no-imports        does not observe calls of imports
      --exact-unwind      ends a call that an exception leaves at that moment
      --alloc ROLE=INDEX  allocator functions that no name gives away, such as malloc=12,free=13
      --symbols FILE      names of a stripped module's functions: a symbol map, or its build before it was stripped
      --strip-debug       drops DWARF and source map instead of rewriting them
      --debug-out FILE    puts the rewritten DWARF into a module of its own
      --json              prints what was done as JSON
`;

const text = { type: "string" } as const;
const texts = { type: "string", multiple: true } as const;
const flag = { type: "boolean" } as const;

const OPTIONS = {
  output: { type: "string", short: "o" },
  help: { type: "boolean", short: "h" },
  manifest: text,
  mode: text,
  include: texts,
  exclude: texts,
  function: texts,
  only: text,
  "min-body": text,
  "no-alloc": flag,
  "no-imports": flag,
  "exact-unwind": flag,
  alloc: texts,
  symbols: text,
  "strip-debug": flag,
  "debug-out": text,
  json: flag,
} as const;

/** Reads a command line; undefined when it asks for help. */
export function read(words: string[]): Arguments | undefined {
  const { values, positionals } = parse(words);
  if (values.help) return undefined;
  const [input, ...more] = positionals;
  if (input === undefined || more.length > 0) throw new Usage("expected one module to read; see `waspect instrument --help`");
  if (values.output === undefined) throw new Usage("expected --output FILE; see `waspect instrument --help`");
  if (values["strip-debug"] && values["debug-out"] !== undefined) throw new Usage("--strip-debug and --debug-out exclude each other");
  const split = (list: string[] | undefined) => list?.flatMap((item) => item.split(","));
  return {
    input,
    output: values.output,
    json: values.json ?? false,
    symbols: values.symbols,
    debugOut: values["debug-out"],
    options: {
      mode: oneOf("mode", values.mode, ["calls", "counts", "ring"]),
      manifest: oneOf("manifest", values.manifest, ["embed", "sidecar"]),
      only: oneOf("only", values.only, ["exports", "imports"]),
      include: values.include,
      exclude: values.exclude,
      functions: split(values.function)?.map((item) => whole("function", item)),
      bodyBytesMin: values["min-body"] === undefined ? undefined : whole("min-body", values["min-body"]),
      alloc: !values["no-alloc"],
      imports: !values["no-imports"],
      exactUnwind: values["exact-unwind"] ?? false,
      allocators: split(values.alloc)?.map(allocator),
      debug: values["strip-debug"] ? "strip" : "keep",
    },
  };
}

function parse(words: string[]) {
  try {
    return parseArgs({ args: words, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new Usage(error instanceof Error ? error.message : String(error));
  }
}

function oneOf<T extends string>(name: string, value: string | undefined, values: T[]): T | undefined {
  if (value === undefined || values.includes(value as T)) return value as T | undefined;
  throw new Usage(`--${name} ${value}: expected ${values.join(" or ")}`);
}

function whole(name: string, value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  throw new Usage(`--${name} ${value}: expected a whole number`);
}

function allocator(item: string): [AllocatorRole, number] {
  const [role = "", index = ""] = item.split("=");
  const known = oneOf("alloc", role, ["malloc", "calloc", "realloc", "free", "aligned_alloc", "posix_memalign"]);
  return [known!, whole("alloc", index)];
}
