/**
 * A thread that takes a lock again and again, and does under it what two threads must not do at
 * once.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { acquireLock } from "../../../lib/lock/mod.ts";
import { attach, type StoreHandle } from "../../../mod.ts";

/** What a thread is started with. */
export interface LockingClientData {
  readonly handle: StoreHandle;
  /** How often the lock was held, how many hold it, and how often two did. */
  readonly words: Int32Array;
  readonly rounds: number;
  /** Whether it ends without letting go of the lock, and without closing its store. */
  readonly dies: boolean;
}

const { handle, words, rounds, dies } = workerData as LockingClientData;
const store = await attach(handle);
const tokens: number[] = [];
for (let round = 0; round < rounds; round++) {
  const lock = await acquireLock(store, "shared", { leaseMs: dies ? 300 : 30_000, waitMs: 60_000 });
  tokens.push(lock.token);
  if (Atomics.add(words, 1, 1) !== 0) Atomics.add(words, 2, 1);
  // Loaded and stored, not added: two threads at once would lose a round.
  const before = words[0]!;
  await setTimeout(0);
  words[0] = before + 1;
  Atomics.sub(words, 1, 1);
  if (dies) break;
  await lock.release();
}
if (!dies) await store.close();
parentPort!.postMessage(tokens);
if (dies) {
  // When the message has been taken, by a thread that knows no more.
  parentPort!.once("message", () => process.exit());
}
