/**
 * Opens a pool, says what it has found there, and writes rounds until it is killed.
 *
 * @module
 */
import { open, type Store } from "../../../mod.ts";
import { childArguments, say } from "../child.ts";
import {
  lastRoundOf,
  roundKeys,
  roundOf,
  type RoundsMessage,
  type RoundsUse,
  type RoundValue,
  roundValue,
  stateAfter,
} from "../logged_rounds.ts";

/** Rounds after which a store that logs nothing saves what it has. */
const SAVE_EVERY = 4;

const use = childArguments<RoundsUse>();
const { path, durability, placement = "near", evicts = false, commits = false } = use;
const keyCount = roundKeys(use);
const store = await open<RoundValue>({
  path,
  durability,
  placement,
  ...(evicts
    ? { whenFull: "evict", capacity: "256KiB", segmentBytes: "4KiB" }
    : { capacity: "1MiB", segmentBytes: "16KiB" }),
  checkpointBytes: "64KiB",
  ringBytes: "8KiB",
  nodes: 2,
});

function tell(message: RoundsMessage): void {
  say(message);
}

async function findAll(from: Store<RoundValue>): Promise<(number | null)[]> {
  return await Promise.all(Array.from({ length: keyCount }, async (_, key) => {
    const value = await from.get(`key ${key}`);
    return value === undefined ? null : roundOf(value, key);
  }));
}

async function writeRound(round: number): Promise<void> {
  await Promise.all(Array.from({ length: keyCount }, async (_, key) => {
    if (lastRoundOf(round, key, use) !== round) return;
    const isDeleted = stateAfter(round, key, use) === null;
    if (isDeleted) await store.delete(`key ${key}`);
    else await store.put(`key ${key}`, roundValue(round, key));
  }));
}

async function commitRound(round: number): Promise<void> {
  const commit = store.atomic();
  for (let key = 0; key < keyCount; key++) {
    if (stateAfter(round, key, use) === null) commit.delete(`key ${key}`);
    else commit.put(`key ${key}`, roundValue(round, key));
  }
  if (await commit.commit() === null) throw new Error("a commit without checks was refused");
}

const found = await findAll(store);
const start = use.start ?? Math.max(0, ...found.map((round) => round ?? 0)) + 1;
tell({ found, start });
for (let round = start;; round++) {
  await (commits ? commitRound(round) : writeRound(round));
  tell({ acknowledged: round, evicted: store.stats().evicted });
  if (durability !== "memory" || round % SAVE_EVERY !== 0) continue;
  await store.snapshot();
  tell({ saved: round });
}
