/**
 * A thread that attaches to a store, and makes a few operations on few keys in each of many rounds,
 * at the same time as others; it says what it was told, and when.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "../../../mod.ts";
import { NO_VALUE, type StrictOperation } from "../linearizability/strict_search.ts";
import { Random } from "../random.ts";

/** What such a thread is given. */
export interface HistoryOrder {
  readonly handle: StoreHandle;
  readonly client: number;
  readonly clientCount: number;
  readonly rounds: number;
  readonly operations: number;
  readonly seed: number;
  /** A clock, and how often threads have begun a round. */
  readonly words: Int32Array;
}

const { handle, client, clientCount, rounds, operations, seed, words } = workerData as HistoryOrder;
const CLOCK = 0;
const BEGUN = 1;
const KEYS = ["a", "b", "c"];
const store = await attach<number>(handle);
const random = new Random(seed + client);
const tick = () => Atomics.add(words, CLOCK, 1);
let newest = 0;

/** One operation on the keys of a round. */
async function operate(nameOf: (key: string) => string): Promise<StrictOperation> {
  const keys = [...new Set([random.pick(KEYS), random.pick(KEYS)])];
  const choice = random.below(10);
  const base = { client, reads: [], checks: [], writes: [], isMade: true } as const;
  if (choice < 3) {
    const key = keys[0]!;
    const callAt = tick();
    const value = store.getSync(nameOf(key)) ?? NO_VALUE;
    return { ...base, callAt, returnAt: tick(), reads: [[key, value]] };
  }
  if (choice < 5) {
    const callAt = tick();
    const values = store.getManySync(keys.map(nameOf), { consistent: true });
    const reads = keys.map((key, i): [string, number] => [key, values[i] ?? NO_VALUE]);
    return { ...base, callAt, returnAt: tick(), reads };
  }
  const value = ++newest * clientCount + client + 1;
  if (choice < 6) {
    const key = keys[0]!;
    const callAt = tick();
    await store.put(nameOf(key), value);
    return { ...base, callAt, returnAt: tick(), writes: [[key, value]] };
  }
  const commit = store.atomic();
  const checks: [string, number][] = [];
  const writes: [string, number][] = [];
  if (choice < 9) {
    const key = random.pick(KEYS);
    const entry = store.getEntrySync(nameOf(key));
    checks.push([key, entry?.value ?? NO_VALUE]);
    commit.check(nameOf(key), entry?.version ?? null);
  }
  for (const key of keys) {
    const isDelete = random.below(5) === 0;
    writes.push([key, isDelete ? NO_VALUE : value]);
    if (isDelete) commit.delete(nameOf(key));
    else commit.put(nameOf(key), value);
  }
  const callAt = tick();
  const isMade = await commit.commit() !== null;
  return { ...base, callAt, returnAt: tick(), checks, writes, isMade };
}

const histories: StrictOperation[][] = [];
for (let round = 0; round < rounds; round++) {
  Atomics.add(words, BEGUN, 1);
  while (Atomics.load(words, BEGUN) < (round + 1) * clientCount);
  const history: StrictOperation[] = [];
  for (let i = 0; i < operations; i++) history.push(await operate((key) => `${round} ${key}`));
  histories.push(history);
}
await store.close();
parentPort!.postMessage(histories);
