// Browsers and workers: the recorder is fetched from beside the package; bundlers know this form and take the files along.

export async function compile(stacks: boolean): Promise<WebAssembly.Module> {
  const [plain, full] = [new URL("../../recorder.wasm", import.meta.url), new URL("../../recorder-stacks.wasm", import.meta.url)];
  const response = await fetch(stacks ? full : plain);
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
