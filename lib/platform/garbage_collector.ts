/**
 * Asking the runtime to collect garbage, where that is needed and possible.
 *
 * JavaScriptCore, so Bun, counts the bytes of every shared buffer as if they were this thread's own
 * garbage in waiting: the next collection is due when as much again has been allocated, and more.
 * V8, so Node and Deno, does not count them, and offers no way to ask without a flag.
 *
 * @module
 */
import { process } from "./process.ts";

/** What a runtime offers. */
export interface GarbageCollector {
  /** Bytes of the blocks that this thread's heap consists of; takes some 50 µs. */
  heapBytes(): number;
  /** Bytes of memory that the process has, shared or not; takes some 10 µs. */
  residentBytes(): number;
  /** Asks for a collection of what has died young, which happens beside this thread, soon. */
  request(): void;
  /** Collects everything before it returns. */
  collect(): void;
}

interface BunGlobal {
  gc(force: boolean): void;
}

/** This runtime's; undefined where collecting is the runtime's business alone. */
export const garbageCollector: GarbageCollector | undefined = collectorOf(
  (globalThis as { Bun?: BunGlobal }).Bun,
);

function collectorOf(bun: BunGlobal | undefined): GarbageCollector | undefined {
  return bun && {
    heapBytes: () => process.memoryUsage().heapTotal,
    residentBytes: () => process.memoryUsage.rss(),
    request: () => bun.gc(false),
    collect: () => bun.gc(true),
  };
}
