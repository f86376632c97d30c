// The accessors of counters and gates (rule C1) of the instances that are made from now on, which the adapter hides: import it before `waspect`.

const { Instance } = WebAssembly;

/** One for each instance that has them, the newest last. */
export const accessors = [];

WebAssembly.Instance = new Proxy(Instance, {
  construct(engine, given, target) {
    const instance = Reflect.construct(engine, given, target);
    const { waspect_counter_get: get, waspect_counter_set: set } = instance.exports;
    if (get !== undefined) accessors.push({ get, set });
    return instance;
  },
});
