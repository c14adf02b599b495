/**
 * Measures the ordered index alone, under the runtime that runs this file: what a new key costs
 * beside its pair in the hash index, short ranges, a scan of all keys, and bytes for each key.
 *
 * ```sh
 * bun bench/ordered.ts 100000 1000000
 * ```
 *
 * @module
 */
import process from "node:process";
import type { PoolAddress } from "../lib/core/brands.ts";
import { orderedFigures } from "../lib/ordered/tree_figures.ts";
import { RangeCursor } from "../lib/ordered/range_cursor.ts";
import { OrderedFixture } from "../test/support/ordered_fixture.ts";
import { bytesOfText } from "../test/support/ordered_keys.ts";
import { Random } from "../test/support/random.ts";
import { alignColumns } from "./report/format.ts";

const MIB = 2 ** 20;
const RANGE_COUNT = 20_000;
const RANGE_KEYS = 10;
/** A runtime has compiled what it runs after so many. */
const WARM_UP_KEYS = 50_000;

/** Keys by their numbers: 16 bytes in both kinds, and in the order of the numbers. */
const KINDS = {
  "random": (count: number) => shuffled(count),
  "ever increasing": (count: number) => Array.from({ length: count }, (_, i) => i),
} as const;

function keyOf(number: number): string {
  return `user:${String(number).padStart(11, "0")}`;
}

function shuffled(count: number): number[] {
  const random = new Random(5);
  const numbers = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!];
  }
  return numbers;
}

/** A pool with the records of some keys, which are not in the indexes yet. */
function prepare(numbers: readonly number[]): [OrderedFixture, PoolAddress[]] {
  const segmentCount = 32 + Math.ceil(numbers.length * 64 / MIB);
  const fixture = OrderedFixture.make({ segmentCount, segmentBytes: MIB, growthBytes: 8 * MIB });
  return [fixture, numbers.map((number) => fixture.record(keyOf(number)))];
}

/** Microseconds for each of so many. */
function timed(count: number, body: () => void): number {
  const startMs = performance.now();
  body();
  return (performance.now() - startMs) * 1000 / count;
}

function measure(kind: keyof typeof KINDS, count: number): string[] {
  const numbers = KINDS[kind](count);
  const [plain, plainRecords] = prepare(numbers);
  const plainAgent = plain.writer(0);
  const plainMicros = timed(count, () => {
    for (const record of plainRecords) plainAgent.insertPair(record);
  });
  const [fixture, records] = prepare(numbers);
  const agent = fixture.writer(0);
  const insertMicros = timed(count, () => {
    for (const record of records) agent.insert(record);
  });
  const { allocated, free } = orderedFigures(fixture.pool);
  const cursor = new RangeCursor(fixture.pool);
  const random = new Random(7);
  const starts = Array.from({ length: RANGE_COUNT }, () => {
    return bytesOfText(keyOf(random.below(count)));
  });
  const rangeMicros = timed(RANGE_COUNT, () => {
    for (const lower of starts) {
      cursor.seek({ lower }, false);
      for (let i = 0; i < RANGE_KEYS && cursor.next(); i++);
    }
  });
  let scanned = 0;
  const scanMicros = timed(count, () => {
    for (cursor.seek({}, false); cursor.next(); scanned++);
  });
  if (scanned !== count) throw new Error(`${scanned} of ${count} keys were scanned`);
  const removeMicros = timed(count, () => {
    for (const record of records) agent.remove(record);
  });
  return [
    kind,
    String(count),
    (insertMicros - plainMicros).toFixed(2),
    removeMicros.toFixed(2),
    rangeMicros.toFixed(1),
    (1 / scanMicros).toFixed(1),
    ((allocated - free) / count).toFixed(1),
  ];
}

const counts = process.argv.slice(2).map(Number);
measure("random", WARM_UP_KEYS);
measure("ever increasing", WARM_UP_KEYS);
console.log(alignColumns([
  ["keys", "", "insert, us more", "remove, us", "range of 10, us", "scan, M/s", "bytes/key"],
  ...(counts.length > 0 ? counts : [100_000, 1_000_000]).flatMap((count) => {
    return (["random", "ever increasing"] as const).map((kind) => measure(kind, count));
  }),
]));
