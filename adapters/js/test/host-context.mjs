// A context manager for OpenTelemetry's API, as its SDK for Node has one: what is active follows promises.

import { AsyncLocalStorage } from "node:async_hooks";
import { ROOT_CONTEXT, context } from "@opentelemetry/api";

const storage = new AsyncLocalStorage();

context.setGlobalContextManager({
  active: () => storage.getStore() ?? ROOT_CONTEXT,
  with: (active, call, self, ...values) => storage.run(active, () => call.apply(self, values)),
  bind: (_, target) => target,
  enable() { return this; },
  disable() { return this; },
});
