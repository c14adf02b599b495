/**
 * Processes that are killed while they write, while they write a checkpoint, and while they open
 * what the last one has left: what was acknowledged as logged is there, and what was not is there
 * whole or not at all.
 *
 * @module
 */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runtimeShare } from "../support/campaign.ts";
import { Child } from "../support/child.ts";
import { type RoundsMessage, type RoundsUse, stateAfter } from "../support/logged_rounds.ts";
import { Random, SEED } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

/**
 * Processes that are killed at each level; half as many where keys are evicted, as these take
 * longer.
 */
const KILL_COUNT = Number(process.env["DINOMO_KILLS"] ?? 4);
/**
 * Share of the processes that are killed before they have said anything, and how long they live.
 */
const EARLY_SHARE = 0.25;
const EARLY_MS_MAX = 400;
const MESSAGES_MAX = 12;
/** The same where rounds are long; and of the first process, which fills the pool. */
const EVICTING_MESSAGES_MAX = 5;
const MESSAGES_FIRST_MIN = 4;
const LATE_MS_MAX = 12;

const random = new Random(SEED);

type FoundMessage = Extract<RoundsMessage, { found: unknown }>;

/** What each key may be. */
type Allowed = (key: number) => (number | null)[];

/** Kills a process at a random moment; returns what it has said. */
async function runAndKill(
  use: RoundsUse,
  isFirst: boolean,
  messagesMax = MESSAGES_MAX,
): Promise<readonly RoundsMessage[]> {
  const child = new Child("rounds_writer", use);
  if (!isFirst && random.next() < EARLY_SHARE) await setTimeout(random.below(EARLY_MS_MAX));
  else {
    await child.message(random.between(isFirst ? MESSAGES_FIRST_MIN : 1, messagesMax));
    await setTimeout(random.below(LATE_MS_MAX));
  }
  child.kill();
  const { messages, signal, output } = await child.ended();
  assert.is(signal, "SIGKILL", `seed ${SEED}: ${output}`);
  return messages as RoundsMessage[];
}

/** Checks what a process has found; returns what the next one may find. */
function check(
  use: RoundsUse,
  messages: readonly RoundsMessage[],
  allowed: Allowed,
  context: string,
): Allowed {
  const first = messages[0];
  // It was killed before it had opened the pool.
  if (first === undefined) return allowed;
  assert.ok("found" in first, context);
  const { found, start } = first as FoundMessage;
  checkFound(found, allowed, context);
  const last = lastAcknowledged(messages);
  if (last === undefined) return (key) => [found[key]!, stateAfter(start, key, use)];
  return (key) => [stateAfter(last, key, use), stateAfter(last + 1, key, use)];
}

function checkFound(found: FoundMessage["found"], allowed: Allowed, context: string): void {
  for (const [key, state] of found.entries()) {
    const isAllowed = allowed(key).includes(state);
    assert.ok(isAllowed, `${context}: key ${key} is ${state}, not one of ${allowed(key)}`);
  }
}

/** The newest round that a process has said to be acknowledged; undefined if none was. */
function lastAcknowledged(messages: readonly RoundsMessage[]): number | undefined {
  const rounds = messages.flatMap((said) => "acknowledged" in said ? [said.acknowledged] : []);
  return rounds.at(-1);
}

async function killMany(
  durability: "os" | "disk",
  count: number,
  placements: readonly ("near" | "far")[] = ["near"],
): Promise<void> {
  const path = temporaryPath();
  let allowed: Allowed = () => [null];
  let openedCount = 0;
  for (let i = 0; i < count; i++) {
    const placement = random.pick(placements);
    const use = { path, durability, placement };
    const messages = await runAndKill(use, i === 0);
    if (messages.length > 0) openedCount += 1;
    allowed = check(use, messages, allowed, `level ${durability}, kill ${i}, seed ${SEED}`);
  }
  assert.ok(openedCount >= count / 4, `${openedCount} of ${count} were opened`);
}

test("nothing that was acknowledged is lost, at the level os", async () => {
  await killMany("os", KILL_COUNT);
});

test("nothing that was acknowledged is lost, at the level disk", async () => {
  await killMany("disk", KILL_COUNT);
});

test("nothing that was acknowledged is lost that far KNs have logged", async () => {
  await killMany("os", KILL_COUNT, ["far", "far", "near"]);
});

/**
 * The same where the pool evicts: a key may be absent at any time, and what was dropped may be
 * there again; but what is there is what the last acknowledged round has written, or the one after
 * that.
 */
async function killManyEvicting(durability: "os" | "disk", count: number): Promise<void> {
  const path = temporaryPath();
  let start = 1;
  let evicted = 0;
  let openedCount = 0;
  for (let i = 0; i < count; i++) {
    const use: RoundsUse = { path, durability, evicts: true, start };
    const messages = await runAndKill(use, i === 0, EVICTING_MESSAGES_MAX);
    const first = messages[0];
    if (first === undefined) continue;
    openedCount += 1;
    const context = `level ${durability}, kill ${i}, seed ${SEED}`;
    assert.ok("found" in first, context);
    const allowed = (key: number) => [
      null,
      stateAfter(use.start! - 1, key, use),
      stateAfter(use.start!, key, use),
    ];
    checkFound((first as FoundMessage).found, allowed, context);
    // The round that was not acknowledged is made again: it writes the same.
    start = (lastAcknowledged(messages) ?? start - 1) + 1;
    for (const said of messages) if ("evicted" in said) evicted = Math.max(evicted, said.evicted);
  }
  assert.ok(openedCount >= count / 4, `${openedCount} of ${count} were opened`);
  assert.ok(evicted > 0, `nothing was evicted in ${start - 1} rounds`);
}

// The runtimes share the levels.
for (const durability of runtimeShare(["os", "disk"] as const)) {
  test(`of what is evicted nothing older comes back, at the level ${durability}`, async () => {
    await killManyEvicting(durability, KILL_COUNT / 2);
  });
}

// The runtimes share the levels.
for (const durability of runtimeShare(["os", "disk"] as const)) {
  test(`a commit is there whole or not at all, at the level ${durability}`, async () => {
    const use: RoundsUse = { path: temporaryPath(), durability, commits: true };
    let rounds = [0];
    for (let i = 0; i < KILL_COUNT / 2; i++) {
      const messages = await runAndKill(use, i === 0);
      const first = messages[0];
      if (first === undefined) continue;
      assert.ok("found" in first);
      const { found, start } = first as FoundMessage;
      const isRound = (round: number) =>
        found.every((state, key) => state === stateAfter(round, key, use));
      const context = `level ${durability}, kill ${i}, seed ${SEED}`;
      assert.ok(rounds.some(isRound), `${context}: ${found} is none of ${rounds}`);
      const last = lastAcknowledged(messages) ?? start - 1;
      rounds = [last, last + 1];
    }
  });
}

/** Kills processes at the level "memory"; `holds`: whether a key may be so after a round. */
async function killUnlogged(
  use: RoundsUse,
  killCount: number,
  messagesMax: number,
  holds: (state: number | null, round: number, key: number) => boolean,
): Promise<void> {
  let rounds: number[] = [];
  for (let i = 0; i < killCount; i++) {
    const messages = await runAndKill(use, i === 0, messagesMax);
    const first = messages[0];
    if (first === undefined) continue;
    assert.ok("found" in first);
    const { found } = first as FoundMessage;
    const isRound = (round: number) => found.every((state, key) => holds(state, round, key));
    const isAllowed = i === 0 || rounds.length === 0 || rounds.some(isRound);
    assert.ok(isAllowed, `kill ${i}, seed ${SEED}: ${found} is none of ${rounds}`);
    const saved = messages.flatMap((said) => "saved" in said ? [said.saved] : []);
    const lastSaved = saved.at(-1);
    // The next snapshot may have ended without having been reported.
    if (lastSaved !== undefined) rounds = [lastSaved, lastSaved + 4];
    else rounds = [];
  }
}

test("at the level memory it is what was saved last, and nothing else", async () => {
  const use = { path: temporaryPath(), durability: "memory" } as const;
  await killUnlogged(
    use,
    KILL_COUNT,
    MESSAGES_MAX,
    (state, round, key) => state === stateAfter(round, key, use),
  );
});

// The third of the levels.
for (const durability of runtimeShare([undefined, undefined, "memory"] as const)) {
  if (durability === undefined) continue;
  test("at the level memory it is some of what was saved last, where keys are evicted", async () => {
    const use = { path: temporaryPath(), durability, evicts: true } as const;
    await killUnlogged(
      use,
      KILL_COUNT / 2,
      EVICTING_MESSAGES_MAX,
      (state, round, key) => state === null || state === stateAfter(round, key, use),
    );
  });
}

test.run();
