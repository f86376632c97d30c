// WebAssembly as the engine has it, whatever `waspect/register` puts in its place.

/** JavaScript Promise Integration, where the engine has it. */
interface Jspi {
  Suspending?: new (call: Func) => object;
  promising?: (call: Func) => (...values: unknown[]) => Promise<unknown>;
}

export type Func = (...values: never[]) => unknown;

const { Suspending, promising } = WebAssembly as Jspi;
const jspi: Jspi = { Suspending, promising };

export const native = {
  Instance: WebAssembly.Instance,
  ...jspi,
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
