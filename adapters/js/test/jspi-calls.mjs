// Calls that JSPI suspends, in whatever has it: nothing of Node's is used here.

export const TEXT = `(module
  (import "host" "wait" (func $wait (param i32) (result i32)))
  (import "host" "note" (func $note (param i32)))
  (func $leaf (export "leaf"))
  (func (export "again") (call $leaf))
  (func (export "work") (param i32) (result i32)
    (call $leaf)
    (local.set 0 (call $wait (local.get 0)))
    (call $note (local.get 0))
    (call $leaf)
    (local.set 0 (call $wait (local.get 0)))
    (if (i32.eq (local.get 0) (i32.const 7)) (then unreachable))
    (call $leaf)
    (local.get 0)))`;

/** Promises that are kept when the test says so. */
export function waiting() {
  const calls = [];
  return { calls, wait: (value) => new Promise((resolve, reject) => calls.push({ value, resolve: () => resolve(value), reject })) };
}

/** Until everything that can go on has come to its next promise. */
export const settled = () => new Promise((resolve) => setTimeout(resolve));

/** What every interleaving must give: `suspending` and `promising` are the Observer's, or the engine's as `waspect/register` patched it. */
export async function interleave(start, { suspending, promising }, observer) {
  const { calls, wait } = waiting();
  const traces = [];
  const note = (value) => {
    traces.push([value, observer.traceparent()?.slice(3, 35)]);
    exports.again();
  };
  const exports = await start({ host: { wait: suspending(wait), note } });
  const work = promising(exports.work);
  const [one, two] = [work(1), work(2)];
  exports.leaf();
  // The second goes on first, then both in one turn.
  calls[1].resolve();
  await settled();
  exports.leaf();
  calls[2].resolve();
  calls[0].resolve();
  await settled();
  calls[3].resolve();
  const results = await Promise.all([one, two]);
  return { results, traces };
}

/** The tree of that, for each of both calls. */
export const BRANCH = ["work > leaf", "work > host.wait", "work > host.note", "host.note > again", "again > leaf", "work > leaf", "work > host.wait", "work > leaf"];
