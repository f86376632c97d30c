// The loader: a module's bytes in, the observable module's out.

import type { LoaderContext } from "webpack";
import type { Files } from "./files.js";

/** Bytes, not text. */
export const raw = true;

export default function load(this: LoaderContext<{ files: Files }>, source: Uint8Array): void {
  const done = this.async();
  this.getOptions()
    .files.observable(this.resourcePath)
    .then(
      (made) => {
        made?.warnings.forEach((warning) => this.emitWarning(new Error(warning)));
        done(null, made === undefined ? (source as Buffer) : Buffer.from(made.bytes));
      },
      (error: unknown) => done(error as Error),
    );
}
