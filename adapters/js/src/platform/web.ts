// Browsers and workers: recorder.wasm is fetched from beside the package; bundlers know this form and take the file along.

export async function compile(): Promise<WebAssembly.Module> {
  const response = await fetch(new URL("../../recorder.wasm", import.meta.url));
  return WebAssembly.compile(await response.arrayBuffer());
}

export const variables: Record<string, string | undefined> = {};

/** Calls `last` when the page may be gone after: hidden, frozen, left. */
export function onExit(last: () => void): void {
  const document = (globalThis as { document?: EventTarget & { visibilityState?: string } }).document;
  document?.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && last());
  if (document) globalThis.addEventListener("pagehide", last);
}
