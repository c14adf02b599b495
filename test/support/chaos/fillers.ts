/**
 * Keys that fill the pool, so that there is always something to clean. Anybody writes them; their
 * values tell their keys.
 *
 * @module
 */
import type { Store } from "../../../mod.ts";
import type { Random } from "../random.ts";
import type { Workload } from "./chaos_settings.ts";
import { outcomeOf } from "./outcomes.ts";

const PREFIX = "filler/";
const BURST = 24;

/** Writes, deletes and reads some fillers at once. */
export async function churn(
  store: Store<unknown>,
  random: Random,
  { fillerKeys, fillerBytes, evicts }: Workload,
): Promise<void> {
  const work: Promise<unknown>[] = [];
  for (let i = 0; i < BURST; i++) {
    const key = random.below(fillerKeys);
    const kind = random.below(10);
    if (kind === 0) work.push(store.delete(PREFIX + key));
    else if (kind < 3) work.push(store.get(PREFIX + key).then((value) => checkFiller(key, value)));
    else work.push(store.put(PREFIX + key, fillerOf(key, fillerBytes)));
  }
  for (const outcome of await Promise.allSettled(work)) {
    if (outcome.status === "rejected") outcomeOf(outcome.reason, evicts);
  }
}

/** Fills the pool as far as it goes, for the beginning. */
export async function fill(
  store: Store<unknown>,
  { fillerKeys, fillerBytes, evicts }: Workload,
): Promise<void> {
  for (let key = 0; key < fillerKeys;) {
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < BURST && key < fillerKeys; i++, key++) {
      work.push(store.put(PREFIX + key, fillerOf(key, fillerBytes)));
    }
    for (const outcome of await Promise.allSettled(work)) {
      if (outcome.status === "rejected") outcomeOf(outcome.reason, evicts);
    }
  }
}

/**
 * Iterates over the fillers; throws if one is there twice, holds what is not its own, or is not in
 * its place in an ordered store.
 */
export async function iterate(store: Store<unknown>, { isOrdered }: Workload): Promise<void> {
  const seen = new Set<string>();
  let last = "";
  for await (const [key, value] of store.entries({ prefix: PREFIX })) {
    const name = key as string;
    if (seen.has(name)) throw new Error(`${name} must be seen once in an iteration`);
    seen.add(name);
    if (isOrdered && name < last) throw new Error(`${name} must not come behind ${last}`);
    last = name;
    checkFiller(Number(name.slice(PREFIX.length)), value);
  }
}

function fillerOf(key: number, bytes: number): Uint8Array {
  const filler = new Uint8Array(bytes).fill(key);
  new DataView(filler.buffer).setUint32(0, key);
  return filler;
}

function checkFiller(key: number, value: unknown): void {
  if (value === undefined) return;
  const filler = value as Uint8Array;
  const isRight = value instanceof Uint8Array &&
    new DataView(filler.buffer, filler.byteOffset).getUint32(0) === key &&
    filler.subarray(4).every((byte) => byte === (key & 0xff));
  if (!isRight) throw new Error(`torn filler ${key}`);
}
