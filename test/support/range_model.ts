/**
 * What a store that knows the order of its keys has to answer: a sorted array of them, and what any
 * range selects from it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import * as assert from "uvu/assert";
import type { Key, RangeOptions, ReadOperations } from "../../mod.ts";
import type { Random } from "./random.ts";

const encoder = new TextEncoder();
const KEY_BYTES_MAX = 2048;

/** Bytes of a key. */
export function bytesOf(key: Key): Uint8Array {
  return typeof key === "string" ? encoder.encode(key) : key;
}

/** The order of keys: as `memcmp`, written in another way than the library does it. */
export function compareKeys(one: Key, other: Key): number {
  return Buffer.compare(bytesOf(one), bytesOf(other));
}

function startsWith(key: Key, prefix: Key): boolean {
  const [bytes, head] = [bytesOf(key), bytesOf(prefix)];
  return Buffer.compare(bytes.subarray(0, head.length), head) === 0;
}

/** The keys of a sorted array that a range selects, in its order. */
export function select<Item>(
  sorted: readonly Item[],
  keyOf: (item: Item) => Key,
  { gt, gte, lt, lte, prefix, reverse = false, limit = Infinity }: RangeOptions,
): Item[] {
  const found = sorted.filter((item) => {
    const key = keyOf(item);
    return (gt === undefined || compareKeys(key, gt) > 0) &&
      (gte === undefined || compareKeys(key, gte) >= 0) &&
      (lt === undefined || compareKeys(key, lt) < 0) &&
      (lte === undefined || compareKeys(key, lte) <= 0) &&
      (prefix === undefined || startsWith(key, prefix));
  });
  if (reverse) found.reverse();
  return found.slice(0, limit);
}

/**
 * Keys that are hard to keep in order: with what ends of ranges, prefixes and slices of eight bytes
 * may get wrong.
 */
export function hardKeys(random: Random, count: number): Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  const add = (bytes: Uint8Array) => {
    if (bytes.length > 0 && bytes.length <= KEY_BYTES_MAX) {
      keys.set(Buffer.from(bytes).toString("hex"), bytes);
    }
  };
  const stems = [[], [0], [0xff], [0x61, 0x3a], [0x61, 0x3a, 0, 0, 0, 0, 0, 0, 0, 0], [
    ...Array(40).fill(0x70),
  ], [...Array(2040).fill(0x71)]];
  for (const length of [1, 2, 7, 8, 9, 16]) {
    add(new Uint8Array(length));
    add(new Uint8Array(length).fill(0xff));
  }
  while (keys.size < count) {
    const stem = random.pick(stems);
    const tail = Array.from(
      { length: random.below(random.pick([3, 9])) },
      () => random.pick([0, 0, 1, 0x61, 0x62, 0xfe, 0xff, random.below(256)]),
    );
    add(Uint8Array.from([...stem, ...tail]));
    // Keys of which one begins with the other.
    if (random.below(4) === 0) add(Uint8Array.from([...stem, ...tail, 0]));
  }
  return [...keys.values()];
}

/** A range between some of the keys, or beside them. */
export function randomRange(random: Random, keys: readonly Uint8Array[]): RangeOptions {
  const range: RangeOptions = {};
  const bound = (): Uint8Array => {
    const key = random.pick(keys);
    const cut = key.subarray(0, random.below(key.length + 1));
    return random.pick([key, key, cut, new Uint8Array(0)]);
  };
  for (const name of ["gt", "gte", "lt", "lte"] as const) {
    if (random.below(3) === 0) range[name] = bound();
  }
  if (random.below(3) === 0) range.prefix = bound();
  if (random.below(2) === 0) range.reverse = random.below(3) > 0;
  if (random.below(2) === 0) range.limit = random.pick([0, 1, 2, 10, 1000]);
  return range;
}

/**
 * Checks what a store, a namespace or a view gives for a range, in all of its forms, against a
 * sorted array.
 */
export async function checkRange<V, K extends Key>(
  store: ReadOperations<V, K>,
  sorted: readonly (readonly [Key, V])[],
  range: RangeOptions,
): Promise<void> {
  const expected = select(sorted, ([key]) => key, range).map(([key, value]) => {
    return [Buffer.from(bytesOf(key)).toString("hex"), value];
  });
  const context = describeRange(range);
  const hex = (key: Key) => Buffer.from(bytesOf(key)).toString("hex");
  const keys = expected.map(([key]) => key);
  const values = expected.map(([, value]) => value);
  const entriesOf = (entries: [Key, V][]) => entries.map(([key, value]) => [hex(key), value]);
  assert.equal(entriesOf([...store.entriesSync(range)]), expected, `entriesSync ${context}`);
  assert.equal([...store.keysSync(range)].map(hex), keys, `keysSync ${context}`);
  assert.equal(entriesOf(await listOf(store.entries(range))), expected, `entries ${context}`);
  assert.equal((await listOf(store.keys(range))).map(hex), keys, `keys ${context}`);
  assert.equal([...store.valuesSync(range)], values, `valuesSync ${context}`);
  assert.equal(await listOf(store.values(range)), values, `values ${context}`);
  assert.is(store.countKeysSync(range), expected.length, `countKeysSync ${context}`);
  assert.is(await store.countKeys(range), expected.length, `countKeys ${context}`);
  const { reverse: _, limit: _limit, ...within } = range;
  const all = select(sorted, ([key]) => key, within);
  const first = store.firstSync(within);
  const last = await store.last(within);
  assert.equal(first && [hex(first[0]), first[1]], all[0] && [hex(all[0][0]), all[0][1]]);
  const end = all.at(-1);
  assert.equal(last && [hex(last[0]), last[1]], end && [hex(end[0]), end[1]], `last ${context}`);
}

/** All that an iteration gives. */
export async function listOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

function describeRange(range: RangeOptions): string {
  return JSON.stringify(range, (_, value) => {
    if (!(value instanceof Uint8Array)) return value;
    const text = Buffer.from(value).toString("hex");
    return text.length > 60 ? `${text.slice(0, 30)}...${text.slice(-20)} (${value.length})` : text;
  });
}
