// Modules on disk, instrumented once a build. What must stay as it is stays: ours, and what is instrumented already.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { instrument, InstrumentError, type InstrumentOptions } from "../instrument.js";

/** What a plugin is told: the rewriter's options, and which files they are for. */
export interface PluginOptions extends Omit<InstrumentOptions, "debug" | "manifest" | "sourceMap" | "symbols"> {
  /** Which modules are instrumented, by absolute path; all of them by default. */
  files?: (path: string) => boolean;
  /** What becomes of debug information; kept by default, in the module. */
  debug?: "keep" | "strip";
}

/** Modules of this package: to observe the recorder would never end. */
const OURS = ["recorder.wasm", "recorder-stacks.wasm", "recorder-profile.wasm", "instrumenter.wasm"].map((name) => new URL(`../../${name}`, import.meta.url));

/** An instrumented module, or the bytes as they were. */
export interface Observable {
  bytes: Uint8Array;
  warnings: string[];
}

export class Files {
  readonly #options: InstrumentOptions;
  readonly #wanted: (path: string) => boolean;
  /** Where copies lie: originals by copy, and copies by original. */
  readonly #originals = new Map<string, string>();
  readonly #copies = new Map<string, string>();

  constructor({ files, ...options }: PluginOptions) {
    this.#options = options;
    this.#wanted = files ?? (() => true);
  }

  /** The module at `path`, instrumented; undefined where it is to be left alone. The error names it. */
  async observable(path: string): Promise<Observable | undefined> {
    if (!this.#wanted(path)) return undefined;
    const bytes = readFileSync(path);
    if (OURS.some((ours) => bytes.equals(readFileSync(ours)))) return undefined;
    try {
      const made = await instrument(bytes, this.#options);
      return { bytes: made.bytes, warnings: made.report.warnings.map((warning) => `${path}: ${warning}`) };
    } catch (error) {
      if (error instanceof InstrumentError && error.alreadyInstrumented) return undefined;
      throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /**
   * An instrumented copy in `cache`, for bundlers whose plugins read files themselves. Its path differs with contents and options, so
   * that nothing that is kept for longer than a build can be out of date. Undefined where the file is to be left alone.
   */
  async copy(path: string, cache: string, warn: (message: string) => void): Promise<string | undefined> {
    const known = this.#copies.get(path);
    if (known !== undefined) return known;
    const made = await this.observable(path);
    if (made === undefined) return undefined;
    made.warnings.forEach(warn);
    const hash = createHash("sha256").update(path).update(made.bytes).digest("hex").slice(0, 16);
    const copy = join(cache, hash, basename(path));
    write(copy, made.bytes);
    this.#originals.set(copy, path);
    this.#copies.set(path, copy);
    return copy;
  }

  /** What a copy was made from. */
  original(copy: string): string | undefined {
    return this.#originals.get(copy);
  }

  /** The file changed: its copy, which others know by path, does too. True when there is one. */
  async refresh(path: string): Promise<boolean> {
    const copy = this.#copies.get(path);
    const made = copy === undefined ? undefined : await this.observable(path);
    if (copy === undefined || made === undefined) return false;
    write(copy, made.bytes);
    return true;
  }
}

/** Whole or not at all: another build may read it. */
function write(path: string, bytes: Uint8Array): void {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, bytes);
  renameSync(`${path}.${process.pid}`, path);
}
