// Threads of Node: whoever imports `waspect/register` reaches the workers that it starts, and the workers that those start.
//
// A worker begins with `waspect/register`, gets the options, and hands its batches over to the first thread, which sends them: a worker
// that waits in Wasm would not. What it has recorded by the time it ends, or is ended, is in its recorder's memory; that memory is
// shared, and whoever started the worker takes the rest out of it.

import { syncBuiltinESMExports } from "node:module";
import threads, { BroadcastChannel, getEnvironmentData, receiveMessageOnPort, setEnvironmentData } from "node:worker_threads";
import type { WorkerOptions } from "node:worker_threads";
import { hex, random } from "../encode.js";
import type { Observer } from "../observer.js";
import { kindOf, settle, type ObserverOptions } from "../options.js";
import { withSharedMemory } from "../shared.js";
import { read } from "./node.js";

/** What a worker is given. */
interface Inheritance {
  /** Where batches go. */
  channel: string;
  /** Its recorder's memory. Byte 0, which the recorder never uses, says how far it has come. */
  memory: WebAssembly.Memory;
  /** When the first thread's time began, in milliseconds since 1970: all threads tell time from there. */
  origin: number;
  options: ObserverOptions;
}

const KEY = "waspect";
const PAGES_MAX = 16_384;

/** Values of byte 0: the recorder has begun; the rest was taken, nothing may be handed over any more. */
const BEGUN = 1;
const TAKEN = 2;

const runs = { here: process.versions.bun === undefined && process.versions.deno === undefined };
const compiled = (options: ObserverOptions) => withSharedMemory(read(kindOf(settle(options))), PAGES_MAX);
const mine = runs.here ? (getEnvironmentData(KEY) as Inheritance | undefined) : undefined;
const origin = mine?.origin ?? performance.timeOrigin;
const clock = {
  now: () => performance.timeOrigin - origin + performance.now(),
  unix: () => performance.timeOrigin + performance.now(),
};

/** What this thread was given by the one that started it. */
export function inherited(): ObserverOptions {
  if (mine === undefined) return {};
  const channel = new BroadcastChannel(mine.channel);
  channel.unref();
  const state = new Uint8Array(mine.memory.buffer);
  state[0] = BEGUN;
  const port = { postMessage: (message: unknown) => void (state[0] === BEGUN && channel.postMessage(message)) };
  return { ...mine.options, port, clock, memory: mine.memory, recorder: new WebAssembly.Module(compiled(mine.options).bytes) };
}

/** Sees to the threads that this one starts. */
export function reach(observer: Observer, options: ObserverOptions): void {
  if (!runs.here) return;
  const channel = mine?.channel ?? `waspect-${hex(random())}`;
  const received = mine === undefined ? new BroadcastChannel(channel) : undefined;
  received?.unref();
  if (received !== undefined) observer.receive(received as unknown as EventTarget);
  const { bytes: _, pages } = compiled(options);
  const alive = new Set<WebAssembly.Memory>();

  const take = (memory: WebAssembly.Memory) => {
    const state = new Uint8Array(memory.buffer);
    if (alive.delete(memory) && state[0] === BEGUN) {
      state[0] = TAKEN;
      observer.inherit(memory);
    }
  };
  const takeAll = () => {
    for (let one; received && (one = receiveMessageOnPort(received as never)); ) observer.take((one as { message: unknown }).message);
    for (const memory of alive) take(memory);
  };
  process.on("beforeExit", takeAll);
  process.on("exit", takeAll);

  threads.Worker = new Proxy(threads.Worker, {
    construct(worker, [file, given = {}]: [string | URL, WorkerOptions?], target) {
      const memory = new WebAssembly.Memory({ initial: pages, maximum: PAGES_MAX, shared: true });
      setEnvironmentData(KEY, { channel, memory, origin, options: plain(options) } satisfies Inheritance as never);
      try {
        const begun = { ...given, execArgv: [...(given.execArgv ?? process.execArgv), "--import", REGISTER] };
        const made = Reflect.construct(worker, [file, begun], target) as threads.Worker;
        alive.add(memory);
        made.once("exit", () => take(memory));
        return made;
      } finally {
        setEnvironmentData(KEY, mine as never);
      }
    },
  });
  syncBuiltinESMExports();
}

const REGISTER = new URL("../register.js", import.meta.url).href;

/** The options that can be told to another thread. */
function plain(options: ObserverOptions): ObserverOptions {
  const told = Object.entries(options).filter(([, value]) => ["string", "number", "boolean"].includes(typeof value));
  return { ...Object.fromEntries(told), ...(options.attributes ? { attributes: options.attributes } : {}) };
}
