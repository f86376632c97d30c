// `new URL("x.wasm", import.meta.url)`: how code names a module beside it.

import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import MagicString from "magic-string";

const URLS = /\bnew\s+URL\s*\(\s*(?<literal>(["'`])(?<path>[^"'`$?#\n]+\.wasm)(?<rest>[?#][^"'`$\n]*)?\2)\s*,\s*import\.meta\.url\s*,?\s*\)/dg;

/** Code whose URLs lead elsewhere, or undefined where none does. */
export interface Moved {
  code: string;
  map: ReturnType<MagicString["generateMap"]>;
}

/**
 * Replaces the first argument of every such URL by what `to` gives for the module's absolute path: an expression, or undefined for as it
 * was. `head` goes before the code.
 */
export async function moveUrls(
  code: string,
  id: string,
  to: (path: string) => Promise<string | undefined>,
  head: () => string = () => "",
): Promise<Moved | undefined> {
  if (!code.includes(".wasm")) return undefined;
  const text = new MagicString(code);
  for (const match of code.matchAll(URLS)) {
    const path = resolve(dirname(id), match.groups!.path!);
    // Within a comment, or of a file that is made later.
    const expression = existsSync(path) ? await to(path) : undefined;
    const [start, end] = match.indices!.groups!.literal!;
    if (expression !== undefined) text.overwrite(start, end, expression);
  }
  if (!text.hasChanged()) return undefined;
  text.prepend(head());
  return { code: text.toString(), map: text.generateMap({ source: id, hires: "boundary", includeContent: true }) };
}
