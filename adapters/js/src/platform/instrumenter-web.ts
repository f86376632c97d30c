// Browsers and workers: instrumenter.wasm is fetched from beside the package; bundlers know this form and take the file along.

export async function compile(): Promise<WebAssembly.Module> {
  const response = await fetch(new URL("../../instrumenter.wasm", import.meta.url));
  return WebAssembly.compile(await response.arrayBuffer());
}
