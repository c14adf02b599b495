/**
 * A thread that attaches to a store, and makes atomic commits until it is told to stop: half of
 * them add one to all of some counters, the other half are transactions that move ones between
 * accounts. In between it reads counters, one after the other: each must be at least what the one
 * before it was.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "../../../mod.ts";

/** What such a thread is given. */
export interface CommittingOrder {
  readonly handle: StoreHandle;
  readonly counters: readonly string[];
  readonly accounts: readonly string[];
  /** Its first word becomes 1 when the thread is to stop. */
  readonly stop: Int32Array;
  /** Whether it only reads. */
  readonly isReader: boolean;
}

/** What it has done. */
export interface CommittingReport {
  readonly commits: number;
  readonly transfers: number;
  readonly reads: number;
  /** What it has seen that nobody should see. */
  readonly failures: readonly string[];
}

const { handle, counters, accounts, stop, isReader } = workerData as CommittingOrder;
const store = await attach<number>(handle);
let [commits, transfers, reads] = [0, 0, 0];
const failures: string[] = [];

function readInOrder(): void {
  let last = 0;
  const seen: number[] = [];
  for (const counter of counters) {
    const value = store.getSync(counter) ?? 0;
    seen.push(value);
    if (value < last) failures.push(`one after the other: ${seen.join(", ")}`);
    last = value;
  }
  reads += 1;
}

async function readTogether(): Promise<void> {
  const seen = await store.getMany(counters, { consistent: true });
  if (new Set(seen).size > 1) failures.push(`together: ${seen.join(", ")}`);
  const sum = (await store.getMany(accounts, { consistent: true }))
    .reduce((total, value) => total! + value!, 0);
  if (sum !== 100 * accounts.length) failures.push(`accounts have ${sum}`);
}

async function count(): Promise<void> {
  const commit = store.atomic();
  for (const counter of counters) commit.increment(counter);
  if (await commit.commit() === null) failures.push("a commit without checks was refused");
  else commits += 1;
}

async function transfer(number: number): Promise<void> {
  const from = accounts[number % accounts.length]!;
  const to = accounts[(number * 7 + 3) % accounts.length]!;
  if (from === to) return;
  await store.transaction(async (transaction) => {
    const [before, other] = await transaction.getMany([from, to]);
    transaction.put(from, before! - 1);
    transaction.put(to, other! + 1);
  });
  transfers += 1;
}

for (let number = 0; Atomics.load(stop, 0) === 0; number++) {
  if (number === 20) parentPort!.postMessage("has begun");
  if (isReader) readInOrder();
  else if (number % 2 === 0) await count();
  else await transfer(number);
  if (number % 16 === 15) await readTogether();
}
await store.close();
const report: CommittingReport = { commits, transfers, reads, failures };
parentPort!.postMessage(report);
