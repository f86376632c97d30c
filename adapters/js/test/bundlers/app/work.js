// What an app does with packages of npm whose glue wasm-bindgen made, and with a module of its own.

import brotliReady from "brotli-wasm";
import { initWasm, Resvg } from "@resvg/resvg-wasm";

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><circle cx="20" cy="15" r="9" fill="#a31"/></svg>`;

/** Pixels of a picture, and a text that was compressed and is whole again. */
export async function work(resvg) {
  const brotli = await brotliReady;
  const text = new TextDecoder().decode(brotli.decompress(brotli.compress(new TextEncoder().encode("waspect ".repeat(100)))));
  if (resvg === undefined) return { text };
  await initWasm(resvg);
  const image = new Resvg(SVG).render();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", image.asPng()));
  return { text, picture: Array.from(digest.slice(0, 8)).join() };
}

/** Tells the test. */
export async function tell(promise) {
  try {
    globalThis.result = await promise;
  } catch (error) {
    globalThis.result = { error: String(error?.stack ?? error) };
  }
  document.title = "done";
}
