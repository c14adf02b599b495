/**
 * What the order of the keys costs and gives: ranges and whole passes beside LMDB's, new keys
 * beside those of a store without an order, and the memory of the index.
 *
 * What is compared takes turns of less than a millisecond, so that many of them are not
 * interrupted, and the fifth that was the fastest counts.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open, type Store } from "../../mod.ts";
import { RangeFloor } from "./floor.ts";

/** How much is measured. */
export interface RangesPlan {
  readonly keyCount: number;
  /** What the values of ranges are. */
  readonly values: keyof typeof VALUES;
  /** Whether puts are measured, too: with many keys that takes most of the time. */
  readonly withPuts: boolean;
  /** Rounds in which each of the things takes its turn. */
  readonly roundCount: number;
  /** Ranges of a turn. */
  readonly rangeCount: number;
  /** Called with what is done next: with many keys each of these takes a while. */
  readonly onPhase?: (phase: string) => void;
}

/** Microseconds for each thing. */
export type RangesFigures = Readonly<Record<string, number>>;

/** Passes over all keys. */
const PASSES = 5;
/** Puts that LMDB, or a store, is given before they are waited for. */
const PUTS_AT_ONCE = 50_000;

/** Values by their numbers; what is no object both stores keep without the names of properties. */
export const VALUES = {
  small: (number: number) => ({ number, name: `name ${number}` }),
  object: (number: number) => ({
    id: number,
    name: `name ${number}`,
    mail: `user${number}@example.org`,
    city: "Amsterdam",
    points: number * 7 % 10_000,
    active: number % 2 === 0,
    since: 1_700_000_000 + number,
    level: number % 50,
  }),
  text: (number: number) => `value ${number} `.padEnd(100, "x"),
  bytes: (number: number) => textEncoder.encode(`value ${number} `.padEnd(100, "x")),
} as const;

type Value = ReturnType<typeof VALUES[keyof typeof VALUES]>;

const textEncoder = new TextEncoder();

/** How LMDB encodes values. */
type Encoding = "msgpack" | "string" | "binary";

/** What ranges are taken of. */
interface Subject {
  range(from: string, count: number): number;
  keys(from: string, count: number): number;
  all(): number;
  last(): unknown;
}

function keyOf(number: number): string {
  return `user:${String(number).padStart(8, "0")}`;
}

/** A permutation of the numbers below a count. */
function scattered(count: number): number[] {
  const numbers = Array.from({ length: count }, (_, i) => i);
  let state = 12345;
  for (let i = count - 1; i > 0; i--) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const other = state % (i + 1);
    [numbers[i], numbers[other]] = [numbers[other]!, numbers[i]!];
  }
  return numbers;
}

/** Times of short turns, and what they come to where other processes are not in the way. */
class Turns {
  readonly #samples = new Map<string, number[]>();

  time(name: string, count: number, run: () => void): void {
    const start = performance.now();
    run();
    const samples = this.#samples.get(name) ?? [];
    samples.push((performance.now() - start) * 1000 / count);
    this.#samples.set(name, samples);
  }

  /** The fifth of the times that is the shortest ends there; the first fifth warms up. */
  figures(): RangesFigures {
    const figures: Record<string, number> = {};
    for (const [name, samples] of this.#samples) {
      const sorted = samples.slice(Math.floor(samples.length / 5)).sort((a, b) => a - b);
      figures[name] = sorted[Math.floor(sorted.length / 5)]!;
    }
    return figures;
  }
}

function subjectOf(store: Store<Value>): Subject {
  const drain = (items: Iterable<unknown>) => {
    let count = 0;
    for (const _ of items) count += 1;
    return count;
  };
  return {
    range: (gte, limit) => drain(store.entriesSync({ gte, limit })),
    keys: (gte, limit) => drain(store.keysSync({ gte, limit })),
    all: () => drain(store.entriesSync()),
    last: () => store.lastSync(),
  };
}

/**
 * Opens LMDB, and fills it.
 *
 * @param encoding how it encodes values
 * @param keepsNames whether it keeps the names of properties apart from the values, as Dinomo does
 */
async function openLmdb(
  numbers: readonly number[],
  valueOf: (number: number) => Value,
  encoding: Encoding,
  keepsNames: boolean,
): Promise<[Subject, () => Promise<void>]> {
  const lmdb = await import("lmdb");
  const path = mkdtempSync(join(tmpdir(), "dinomo-ranges-"));
  const names = keepsNames ? { sharedStructuresKey: Symbol.for("names") } : {};
  const database = lmdb.open<Value, string>({ path, noSync: true, encoding, ...names });
  let last: Promise<boolean> | undefined;
  for (const [i, number] of numbers.entries()) {
    last = database.put(keyOf(number), valueOf(number));
    if (i % PUTS_AT_ONCE === 0) await last;
  }
  await last;
  const drain = (items: Iterable<unknown>) => {
    let count = 0;
    for (const _ of items) count += 1;
    return count;
  };
  const subject: Subject = {
    range: (start, limit) => drain(database.getRange({ start, limit })),
    keys: (start, limit) => drain(database.getKeys({ start, limit })),
    all: () => drain(database.getRange()),
    last: () => [...database.getRange({ reverse: true, limit: 1 })][0],
  };
  const close = async () => {
    await database.close();
    rmSync(path, { recursive: true, force: true });
  };
  return [subject, close];
}

/** Opens and fills what ranges are taken of. */
async function openSubjects(
  { values, onPhase = () => {} }: RangesPlan,
  numbers: readonly number[],
  capacity: number,
): Promise<[readonly (readonly [string, Subject])[], () => Promise<void>]> {
  const valueOf: (number: number) => Value = VALUES[values];
  onPhase("filling the store");
  const codec = values === "bytes" ? "binary" : "msgpack";
  const store = await open<Value>({ capacity, ordered: true, codec });
  for (let at = 0; at < numbers.length; at += PUTS_AT_ONCE) {
    const some = numbers.slice(at, at + PUTS_AT_ONCE);
    store.putManySync(some.map((number) => [keyOf(number), valueOf(number)]));
  }
  const subjects: [string, Subject][] = [["dinomo", subjectOf(store)]];
  const closing = [() => store.close()];
  const addLmdb = async (name: string, encoding: Encoding, keepsNames: boolean) => {
    onPhase(`filling ${name}`);
    const [subject, close] = await openLmdb(numbers, valueOf, encoding, keepsNames);
    subjects.push([name, subject]);
    closing.push(close);
  };
  const encoding = values === "bytes" ? "binary" : values === "text" ? "string" : "msgpack";
  await addLmdb("lmdb", encoding, false);
  if (encoding === "msgpack") await addLmdb("lmdb with sharedStructuresKey", encoding, true);
  const close = async () => {
    for (const one of closing) await one();
  };
  return [subjects, close];
}

/** Measures everything of a plan. */
export async function measureRanges(plan: RangesPlan): Promise<RangesFigures> {
  const { keyCount, roundCount, rangeCount, values, onPhase = () => {} } = plan;
  const turns = new Turns();
  const capacity = Math.max(64 * 2 ** 20, keyCount * 400);
  const numbers = scattered(keyCount);
  if (plan.withPuts) await timePuts(turns, plan, numbers, capacity);
  const [subjects, close] = await openSubjects(plan, numbers, capacity);
  const floor = new RangeFloor(keyCount, keyOf(0), VALUES[values](keyCount));
  onPhase("passes over all keys");
  for (let round = 0; round < PASSES; round++) {
    for (const [of, subject] of subjects) {
      turns.time(`pass over all with values, per key, ${of}`, keyCount, () => {
        if (subject.all() !== keyCount) throw new Error("a key is missing");
      });
    }
  }
  onPhase("ranges");
  for (let round = 0; round < roundCount; round++) {
    const from = (i: number) => keyOf(numbers[(i * 31 + round * 7919) % keyCount]!);
    const time = (name: string, run: (subject: Subject, i: number) => unknown, share = 1) => {
      for (const [of, subject] of subjects) {
        const count = Math.ceil(rangeCount / share);
        turns.time(`${name}, ${of}`, count, () => {
          for (let i = 0; i < count; i++) run(subject, i);
        });
      }
    };
    time("range of 10 with values", (subject, i) => subject.range(from(i), 10));
    time("range of 10, keys only", (subject, i) => subject.keys(from(i), 10));
    time("range of 100 with values", (subject, i) => subject.range(from(i), 100), 10);
    time("last entry", (subject) => subject.last());
    const repeat = (name: string, run: () => number) => {
      turns.time(name, rangeCount, () => {
        for (let i = 0; i < rangeCount; i++) run();
      });
    };
    repeat("floor of a range of 10: searching the tree", () => floor.search());
    repeat("floor of a range of 10: its lines of memory", () => floor.load());
    repeat("floor of a range of 10: decoding its values", () => floor.decode());
    repeat("floor of a range of 10: strings of its keys", () => floor.text());
  }
  await close();
  return turns.figures();
}

/** Puts keys into a store with an order and into one without, in turns. */
async function timePuts(
  turns: Turns,
  { keyCount, rangeCount, onPhase = () => {} }: RangesPlan,
  numbers: readonly number[],
  capacity: number,
): Promise<void> {
  const stores: (readonly [string, Store<Value>])[] = [
    ["unordered", await open<Value>({ capacity })],
    ["ordered", await open<Value>({ capacity, ordered: true })],
  ];
  const timeAll = (name: string, keys: readonly number[]) => {
    onPhase(name);
    for (let at = 0; at < keys.length; at += rangeCount) {
      const some = keys.slice(at, at + rangeCount);
      // The first of a turn would pay for what both of them need in the cache.
      stores.reverse();
      for (const [of, store] of stores) {
        turns.time(`${name}, ${of}`, some.length, () => {
          for (const number of some) store.putSync(keyOf(number), VALUES.small(number));
        });
      }
    }
  };
  timeAll("put of a new key, random", numbers);
  timeAll("put of an existing key", numbers.slice(0, keyCount >> 1));
  timeAll("put of a new key, time-ordered", numbers.map((_, i) => keyCount + i));
  for (const [, store] of stores) await store.close();
}

/** Figures as a table of Markdown. */
export function formatRanges(figures: RangesFigures): string {
  const rows = Object.entries(figures).map(([name, micros]) =>
    `| ${name} | ${micros.toFixed(2)} |`
  );
  return ["| what | us |", "|---|---|", ...rows].join("\n");
}
