/**
 * What the order of the keys costs and gives: ranges and whole passes beside LMDB's, new keys beside those of a store
 * without an order, and the memory of the index.
 *
 * Times are of the processor, of the thread that measures, which executes what it issues itself. What is compared takes
 * turns, so that what else the machine does falls on all of it.
 *
 * @module
 */
import { rmSync } from "node:fs";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { open, type Store } from "../../mod.ts";

/** How much is measured. */
export interface OrderedPlan {
  readonly keyCount: number;
  readonly repetitionCount: number;
  /** Ranges in a repetition. */
  readonly rangeCount: number;
}

/** Microseconds for each thing, the median over the repetitions. */
export type OrderedFigures = Readonly<Record<string, number>>;

type Value = { readonly number: number; readonly name: string };

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

function valueOf(number: number): Value {
  return { number, name: `name ${number}` };
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

function timed(count: number, run: () => void): number {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / count;
}

class Medians {
  readonly #samples = new Map<string, number[]>();

  add(name: string, sample: number): void {
    const samples = this.#samples.get(name) ?? [];
    samples.push(sample);
    this.#samples.set(name, samples);
  }

  figures(): OrderedFigures {
    const medians: Record<string, number> = {};
    for (const [name, samples] of this.#samples) {
      medians[name] = samples.toSorted((a, b) => a - b)[samples.length >> 1]!;
    }
    return medians;
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

async function openLmdb(numbers: readonly number[]): Promise<[Subject, () => Promise<void>]> {
  const lmdb = await import("lmdb");
  const path = mkdtempSync(join(tmpdir(), "dinomo-ordered-"));
  const database = lmdb.open<Value, string>({ path, noSync: true });
  let last: Promise<boolean> | undefined;
  for (const number of numbers) last = database.put(keyOf(number), valueOf(number));
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

/** Measures everything of a plan. */
export async function measureOrdered(plan: OrderedPlan): Promise<OrderedFigures> {
  const { keyCount, repetitionCount, rangeCount } = plan;
  const medians = new Medians();
  const capacity = Math.max(64 * 2 ** 20, keyCount * 250);
  const numbers = scattered(keyCount);
  for (let round = 0; round < repetitionCount; round++) {
    for (const ordered of [false, true]) {
      const store = await open<Value>({ capacity, ordered });
      const name = ordered ? "ordered" : "unordered";
      const putAll = (keys: readonly number[]) => {
        for (const number of keys) store.putSync(keyOf(number), valueOf(number));
      };
      const half = numbers.slice(0, keyCount >> 1);
      putAll(half);
      const fresh = numbers.slice(keyCount >> 1);
      medians.add(`put of a new key, random, ${name}`, timed(fresh.length, () => putAll(fresh)));
      medians.add(`put of an existing key, ${name}`, timed(half.length, () => putAll(half)));
      const timeOrdered = Array.from({ length: keyCount >> 2 }, (_, i) => keyCount + i);
      const name2 = `put of a new key, time-ordered, ${name}`;
      medians.add(name2, timed(timeOrdered.length, () => putAll(timeOrdered)));
      await store.close();
    }
  }
  const store = await open<Value>({ capacity, ordered: true });
  store.putManySync(numbers.map((number) => [keyOf(number), valueOf(number)]));
  const [lmdb, closeLmdb] = await openLmdb(numbers);
  const subjects = { dinomo: subjectOf(store), lmdb };
  for (let round = 0; round < repetitionCount; round++) {
    for (const [name, subject] of Object.entries(subjects)) {
      const from = (i: number) => keyOf(numbers[(i * 31 + round) % keyCount]!);
      for (const count of [10, 100]) {
        const times = Math.ceil(rangeCount / (count / 10));
        medians.add(
          `range of ${count} with values, ${name}`,
          timed(times, () => {
            for (let i = 0; i < times; i++) subject.range(from(i), count);
          }),
        );
        medians.add(
          `range of ${count}, keys only, ${name}`,
          timed(times, () => {
            for (let i = 0; i < times; i++) subject.keys(from(i), count);
          }),
        );
      }
      medians.add(
        `last entry, ${name}`,
        timed(rangeCount, () => {
          for (let i = 0; i < rangeCount; i++) subject.last();
        }),
      );
      medians.add(
        `pass over all with values, per key, ${name}`,
        timed(keyCount, () => {
          if (subject.all() !== keyCount) throw new Error("a key is missing");
        }),
      );
    }
  }
  await closeLmdb();
  await store.close();
  return medians.figures();
}

/** Figures as a table of Markdown. */
export function formatOrdered(figures: OrderedFigures): string {
  const rows = Object.entries(figures).map(([name, micros]) =>
    `| ${name} | ${micros.toFixed(2)} |`
  );
  return ["| what | us |", "|---|---|", ...rows].join("\n");
}
