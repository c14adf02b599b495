/**
 * Reads and writes of values that are garbage at once or soon, and how much memory the process has
 * at most meanwhile.
 *
 * @module
 */
import process from "node:process";
import type { Store } from "../../mod.ts";

/** Characters of a value: much memory for little work. */
const VALUE_CHARS = 10_000;
/** Keys of the load. */
const KEY_COUNT = 100;
/** Values that are kept: long enough to grow old, so that only a full collection frees them. */
const KEPT_COUNT = 5000;
/** Operations between two looks at the process. */
const LOOK_EVERY = 256;

/** What a load uses. */
export const LoadKind = {
  /** Values are read and dropped. */
  READS: "reads",
  /** The last values are kept, until they are replaced by others. */
  KEPT: "kept",
  WRITES: "writes",
} as const;

/** One of {@linkcode LoadKind}. */
export type LoadKind = typeof LoadKind[keyof typeof LoadKind];

/** Stores what loads read. */
export function fillLoad(store: Store<string>): void {
  for (let i = 0; i < KEY_COUNT; i++) store.putSync(keyOf(i), valueOf(i));
}

/** Runs operations; returns the most memory that the process had, in bytes. */
export function runLoad(store: Store<string>, kind: LoadKind, operationCount: number): number {
  const kept: (string | undefined)[] = [];
  let peak = 0;
  for (let i = 0; i < operationCount; i++) {
    const key = keyOf(i % KEY_COUNT);
    if (kind === LoadKind.WRITES) store.putSync(key, valueOf(i));
    else if (kind === LoadKind.READS) check(store.getSync(key), i);
    else check(kept[i % KEPT_COUNT] = store.getSync(key), i);
    if (i % LOOK_EVERY === 0) peak = Math.max(peak, process.memoryUsage.rss());
  }
  return Math.max(peak, process.memoryUsage.rss());
}

function keyOf(index: number): string {
  return `load ${index}`;
}

function valueOf(index: number): string {
  return `${index % KEY_COUNT} `.padEnd(VALUE_CHARS, "x");
}

function check(value: string | undefined, index: number): void {
  if (value?.length === VALUE_CHARS && value.startsWith(`${index % KEY_COUNT} `)) return;
  throw new Error(`the value of key ${index % KEY_COUNT} is another one`);
}
