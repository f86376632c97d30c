// WebAssembly as the engine has it, whatever `waspect/register` puts in its place.

export const native = {
  Instance: WebAssembly.Instance,
  compile: WebAssembly.compile.bind(WebAssembly),
  instantiate: WebAssembly.instantiate.bind(WebAssembly) as (
    module: WebAssembly.Module,
    imports?: WebAssembly.Imports,
  ) => Promise<WebAssembly.Instance>,
  async compileStreaming(source: Response | PromiseLike<Response>): Promise<WebAssembly.Module> {
    const response = await source;
    if (engineStreams && response.headers.get("content-type") === "application/wasm") return engineStreams(response);
    return native.compile(await response.arrayBuffer());
  },
};

const engineStreams = WebAssembly.compileStreaming?.bind(WebAssembly);
