/**
 * Keys and values of all kinds, the same in every process: what one has written another can check.
 *
 * @module
 */
import * as assert from "uvu/assert";
import type { Key, Store } from "../../mod.ts";

/** The key with a number: most are strings, some of them not ASCII, some are bytes. */
export function datasetKey(i: number): Key {
  if (i % 10 === 3) return Uint8Array.of(0xff, i & 0xff, i >>> 8);
  return i % 10 === 7 ? `schlüssel 🦖 ${i}` : `key ${i}`;
}

/** The value with a number. */
export function datasetValue(i: number): unknown {
  switch (i % 7) {
    case 0:
      return { id: i, name: `name ${i}`, tags: ["a", "b"], address: { city: "x", zip: i } };
    case 1:
      return { [`field ${i % 200}`]: i, shared: true };
    case 2:
      return new Map<unknown, unknown>([[i, new Set([`s${i}`])], ["date", new Date(i)]]);
    case 3:
      return Uint8Array.from({ length: i % 300 }, (_, j) => i + j);
    case 4:
      return [i, -i, i / 3, BigInt(i) ** 9n, null, undefined];
    case 5:
      return `text ${i} ${"é".repeat(i % 50)}`;
    default:
      return i;
  }
}

/** Writes the dataset. */
export async function writeDataset(store: Store<unknown, Key>, count: number): Promise<void> {
  for (let i = 0; i < count; i++) void store.put(datasetKey(i), datasetValue(i));
  await store.flush();
}

/** Checks that a store holds the dataset, and nothing else. */
export async function checkDataset(store: Store<unknown, Key>, count: number): Promise<void> {
  assert.is(store.count, count);
  for (let i = 0; i < count; i++) {
    assert.equal(store.getSync(datasetKey(i)), datasetValue(i), `value ${i}`);
  }
  const kinds = { string: 0, object: 0 };
  for await (const key of store.keys()) kinds[typeof key as "string" | "object"] += 1;
  assert.is(
    kinds.object,
    Array.from({ length: count }, (_, i) => i).filter((i) => i % 10 === 3).length,
  );
  assert.is(kinds.string + kinds.object, count);
}
