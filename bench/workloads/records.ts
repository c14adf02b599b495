/**
 * The keys and values of the workloads: 16-byte keys in no particular order, and objects as an
 * application stores them (strings, numbers, booleans, a nested object, arrays, and in large ones a
 * date and many numbers) whose msgpack encoding has exactly the wanted size.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Packr } from "msgpackr";
import { createRandom, type Random, randomBelow } from "./random.ts";

/**
 * What an application would store about a customer. The small one has no date, visits and orders.
 */
export interface Customer {
  id: number;
  name: string;
  score: number;
  ok: boolean;
  tags: string[];
  home: { city: string; zip: number };
  joined?: Date;
  visits?: number[];
  orders?: Order[];
  note: string;
}

export interface Order {
  at: number;
  article: string;
  price: number;
  quantity: number;
}

export type Entry = [key: string, value: Customer];

/** Value sizes of the workloads in bytes of msgpack. */
export const VALUE_BYTES_SMALL = 100;
export const VALUE_BYTES_LARGE = 1024;

/** Numbers in a large value. */
const VISIT_COUNT = 16;

/** Distinct values made per size: enough that none stays in the processor's first-level cache. */
const VALUE_COUNT = 1024;

const KEY_PREFIX = "user";
const KEY_DIGITS = 12;

/** Coprime to 10^12, so that different indexes give different keys, and far from each other. */
const KEY_MULTIPLIER = 387_420_489;

/** Above it the product of index and multiplier would pass 2^53. */
const KEY_INDEX_MAX = 20_000_000;

const NAMES = ["Ada Byron", "Grace Hopper", "Alan Turing", "Radia Perlman", "Tony Hoare"];
const CITIES = ["Oslo", "Porto", "Ljubljana", "Reykjavik", "Graz"];
const TAGS = ["new", "trial", "gold", "press", "beta"];
const ARTICLES = ["paper, A4", "ink, blue-black", "nib, fine", "binder, 30 mm", "envelope, C5"];
const NOTE = "Called about the delivery; asked to be called back after the holidays. ".repeat(20);

const packr = new Packr({ useRecords: false });

/** The key of the index-th item: 16 ASCII characters, in one piece of memory (not a rope). */
export function makeKey(index: number): string {
  if (!(index < KEY_INDEX_MAX)) {
    throw new RangeError(`key index: must be below ${KEY_INDEX_MAX}, got ${index}`);
  }
  const digits = String(index * KEY_MULTIPLIER % 10 ** KEY_DIGITS).padStart(KEY_DIGITS, "0");
  return Buffer.from(KEY_PREFIX + digits, "latin1").toString("latin1");
}

function pick(random: Random, choices: readonly string[]): string {
  return choices[randomBelow(random, choices.length)];
}

function makeOrder(random: Random): Order {
  return {
    at: 1_700_000_000_000 + randomBelow(random, 10 ** 10),
    article: pick(random, ARTICLES),
    price: randomBelow(random, 10_000) / 100,
    quantity: 1 + randomBelow(random, 20),
  };
}

function packedBytes(value: Customer): number {
  return packr.pack(value).length;
}

/**
 * Makes a value whose encoding is `valueBytes` long, by the length of its note. About half of a
 * large one is text, the other half is structure.
 */
function makeValue(random: Random, valueBytes: number): Customer {
  const value: Customer = {
    id: 100_000 + randomBelow(random, 900_000),
    name: pick(random, NAMES),
    score: randomBelow(random, 1000) / 10,
    ok: randomBelow(random, 2) === 0,
    tags: [pick(random, TAGS)],
    home: { city: pick(random, CITIES), zip: 10_000 + randomBelow(random, 50_000) },
    note: "",
  };
  if (valueBytes >= VALUE_BYTES_LARGE) {
    value.joined = new Date(1_500_000_000_000 + randomBelow(random, 10 ** 11));
    value.visits = Array.from({ length: VISIT_COUNT }, () => randomBelow(random, 10 ** 6));
    value.orders = [];
    while (packedBytes(value) < valueBytes / 2) value.orders.push(makeOrder(random));
  }
  value.note = NOTE.slice(0, valueBytes - packedBytes(value));
  // A note of 32 characters and more has a longer header.
  const excessBytes = packedBytes(value) - valueBytes;
  value.note = value.note.slice(0, value.note.length - Math.max(0, excessBytes));
  return value;
}

/** Makes the values of one size, and verifies their sizes. */
export function makeValues(seed: number, valueBytes: number): Customer[] {
  const random = createRandom(seed);
  return Array.from({ length: VALUE_COUNT }, () => {
    const value = makeValue(random, valueBytes);
    const bytes = packedBytes(value);
    if (Math.abs(bytes - valueBytes) > 1) {
      throw new Error(`value size: must be ${valueBytes} bytes of msgpack, got ${bytes}`);
    }
    return value;
  });
}
