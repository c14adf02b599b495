/**
 * What an atomic operation of two sets would take in `dinomo/deno-kv` if atomicity cost nothing:
 * its two keys are encoded, and its two values put by this thread, one after the other, each in a
 * step of its own; beside the operation itself, in turns. Microseconds, of the turns the median and
 * the fastest fifth.
 *
 * ```sh
 * bun bench/deno_kv/floor.ts
 * ```
 *
 * @module
 */
import { openKv } from "../../lib/deno_kv/mod.ts";
import {
  StampClock,
  storedOf,
  type StoredValue,
  textOfStamp,
} from "../../lib/deno_kv/kv_values.ts";
import { encodeStoredKey } from "../../lib/deno_kv/tuple_key.ts";
import { open } from "../../mod.ts";
import { threeDigits } from "../report/format.ts";

const KEYS = 1000;
const TURNS = 300;
/** The first ones let the code be compiled. */
const WARM_UP = 100;
const PER_TURN = 200;

const key = (i: number) => ["users", `user-${i % KEYS}`];
const other = (i: number) => ["names", `user-${i % KEYS}`];
const value = (i: number) => ({ name: "Ada Lovelace", mail: "ada@example.org", visits: i });

const kv = await openKv();
await using store = await open<StoredValue>({ ordered: true, keys: "mixed" });
const clock = new StampClock();

const ways: [name: string, operation: (i: number) => Promise<unknown>][] = [
  ["atomic of 2 sets", (i) => kv.atomic().set(key(i), value(i)).set(other(i), i).commit()],
  ["the same, if it were not atomic", (i) => {
    const stamp = clock.next();
    store.putSync(encodeStoredKey(key(i)), storedOf(stamp, value(i)));
    store.putSync(encodeStoredKey(other(i)), storedOf(stamp, i));
    return Promise.resolve({ ok: true, versionstamp: textOfStamp(stamp) });
  }],
];
const times = ways.map((): number[] => []);
for (let turn = 0; turn < WARM_UP + TURNS; turn++) {
  for (const [number, [, operation]] of ways.entries()) {
    const startMs = performance.now();
    for (let i = 0; i < PER_TURN; i++) await operation(i);
    const us = (performance.now() - startMs) * 1000 / PER_TURN;
    if (turn >= WARM_UP) times[number]!.push(us);
  }
}
for (const [number, [name]] of ways.entries()) {
  const sorted = times[number]!.sort((a, b) => a - b);
  const [median, fast] = [sorted[TURNS / 2]!, sorted[TURNS / 10]!];
  console.log(`${name}: ${threeDigits(median)}, fastest fifth ${threeDigits(fast)}`);
}
await kv.close();
