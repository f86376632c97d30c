// Browsers and workers: the recorder is fetched from beside the package; bundlers know this form and take the files along.

import type { Kind } from "../options.js";

export async function compile(kind: Kind): Promise<WebAssembly.Module> {
  const urls = {
    plain: new URL("../../recorder.wasm", import.meta.url),
    stacks: new URL("../../recorder-stacks.wasm", import.meta.url),
    profile: new URL("../../recorder-profile.wasm", import.meta.url),
  };
  const response = await fetch(urls[kind]);
  return WebAssembly.compile(await response.arrayBuffer());
}

export const variables: Record<string, string | undefined> = {};

/** What a call begins goes on when it is over. */
export const lasting = true;

/** Calls `last` when the page may be gone after: hidden, frozen, left. */
export function onExit(last: () => void): void {
  const document = (globalThis as { document?: EventTarget & { visibilityState?: string } }).document;
  document?.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && last());
  if (document) globalThis.addEventListener("pagehide", last);
}
