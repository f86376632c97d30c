// `waspect instrument`: reads a module, writes an observable copy, says what was done.

import { readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { instrument, sourceMapUrl, type Instrumented, type InstrumentOptions } from "../instrument.js";
import { HELP, read, type Arguments } from "./arguments.js";
import { Usage } from "./usage.js";

const STDIO = "-";

/** What this module writes beside the output. */
const SIDECAR = ".waspect";

/** Runs the command. The module is written last: one whose names or lines are missing is worse than those without a module. */
export async function instrumentCommand(words: string[]): Promise<void> {
  const given = read(words);
  if (given === undefined) return void process.stdout.write(HELP);
  check(given);
  const module = readModule(given.input);
  const [options, warnings] = await complete(given, module);
  const made = await instrument(module, options);
  made.report.warnings.unshift(...warnings);
  const mapPath = join(dirname(given.output), options.sourceMap?.url ?? "");
  if (given.options.manifest === "sidecar") write(given.output + SIDECAR, made.manifest);
  if (given.debugOut !== undefined && made.debugModule) write(given.debugOut, made.debugModule);
  if (made.sourceMap) write(mapPath, made.sourceMap);
  write(given.output, made.bytes);
  const text = given.json ? toJson(given, module, made) : toText(given, module, made);
  (given.output === STDIO ? process.stderr : process.stdout).write(text);
}

function check({ input, output, debugOut, options }: Arguments): void {
  for (const file of [output, options.manifest === "sidecar" ? output + SIDECAR : undefined, debugOut]) {
    if (file !== undefined && same(input, file)) throw new Usage(`\`${file}\` is the input: the output needs a file of its own`);
  }
  if (debugOut !== undefined && same(debugOut, output)) throw new Usage("--debug-out and --output name the same file");
  if (options.manifest === "sidecar" && output === STDIO) {
    throw new Usage("--manifest sidecar writes a second file beside the output: give --output a path");
  }
}

/** The rewriter's options: those of the command line, with the files that they name, and the source map that the module names. */
async function complete(given: Arguments, module: Uint8Array): Promise<[InstrumentOptions, string[]]> {
  const options = { ...given.options };
  if (given.debugOut !== undefined) options.debug = { split: { url: beside(given.debugOut, given.output) } };
  if (given.symbols !== undefined) options.symbols = readFileSync(given.symbols);
  const url = options.debug === "strip" ? undefined : await sourceMapUrl(module);
  if (url === undefined) return [options, []];
  if (given.input === STDIO || given.output === STDIO) return [options, [`source map \`${url}\`: it is a file beside the module: give paths, not \`-\``]];
  if (url.includes(":")) return [options, [`source map \`${url}\`: it is no file beside the module`]];
  try {
    options.sourceMap = { bytes: readFileSync(join(dirname(given.input), url)), url: `${basename(given.output)}.map` };
    return [options, []];
  } catch (error) {
    return [options, [`source map \`${url}\`: ${(error as Error).message}`]];
  }
}

/** What the output calls a file: its name when they are neighbours, else the path as it is. */
function beside(file: string, output: string): string {
  return dirname(file) === dirname(output) ? basename(file) : file;
}

function readModule(path: string): Uint8Array {
  const bytes = readFileSync(path === STDIO ? 0 : path);
  const magic = bytes.subarray(0, 4).toString("latin1");
  if (magic !== "\0asm") throw new Error(`\`${path}\` is not a WebAssembly module; text has to be made binary first`);
  return bytes;
}

/** Whole or not at all: to a file beside it, then renamed. */
function write(path: string, bytes: Uint8Array): void {
  if (path === STDIO) return writeFileSync(1, bytes);
  const unfinished = join(dirname(path), `.waspect-${process.pid}-${basename(path)}`);
  try {
    writeFileSync(unfinished, bytes);
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

function same(a: string, b: string): boolean {
  const real = (path: string) => {
    try {
      return path === STDIO ? undefined : realpathSync(path);
    } catch {
      return undefined;
    }
  };
  return real(a) !== undefined && real(a) === real(b);
}

function toText({ input, output }: Arguments, module: Uint8Array, { bytes, report }: Instrumented): string {
  const percent = (bytes.length / module.length - 1) * 100;
  const growth = `${percent < 0 ? "" : "+"}${percent.toFixed(1)}%`;
  const lines = [
    `${input} -> ${output === STDIO ? "standard output" : output}`,
    `mode        ${report.mode}`,
    `functions   ${report.observedFunctions} of ${report.functions}`,
    `host calls  ${report.observedImports} of ${report.imports}`,
    `size        ${module.length} bytes before, ${bytes.length} after (${growth})`,
    ...report.warnings.map((warning) => `warning: ${harmless(warning)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function toJson({ input, output }: Arguments, module: Uint8Array, { bytes, report }: Instrumented): string {
  return `${JSON.stringify({ input, output, bytes_before: module.length, bytes_after: bytes.length, ...report }, null, 2)}\n`;
}

/** Names are the module's: what a terminal would obey is spelled out. */
function harmless(text: string): string {
  return text.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
