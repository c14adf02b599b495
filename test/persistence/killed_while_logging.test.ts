/**
 * Processes that are killed while they write, while they write a checkpoint, and while they open what the last one has left: what
 * was acknowledged as logged is there, and what was not is there whole or not at all.
 *
 * @module
 */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child } from "../support/child.ts";
import {
  ROUND_KEYS,
  type RoundsMessage,
  type RoundsUse,
  stateAfter,
} from "../support/logged_rounds.ts";
import { Random, SEED } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

/** Processes that are killed at each level. */
const KILL_COUNT = Number(process.env["DINOMO_KILLS"] ?? 4);
/** Share of the processes that are killed before they have said anything, and how long they live. */
const EARLY_SHARE = 0.25;
const EARLY_MS_MAX = 400;
const MESSAGES_MAX = 12;
const LATE_MS_MAX = 12;

const random = new Random(SEED);

type FoundMessage = Extract<RoundsMessage, { found: unknown }>;

/** What each key may be. */
type Allowed = (key: number) => (number | null)[];

/** Kills a process at a random moment; returns what it has said. */
async function runAndKill(use: RoundsUse, isFirst: boolean): Promise<readonly RoundsMessage[]> {
  const child = new Child("rounds_writer", use);
  if (!isFirst && random.next() < EARLY_SHARE) await setTimeout(random.below(EARLY_MS_MAX));
  else {
    await child.message(random.between(1, MESSAGES_MAX));
    await setTimeout(random.below(LATE_MS_MAX));
  }
  child.kill();
  const { messages, signal, output } = await child.ended();
  assert.is(signal, "SIGKILL", `seed ${SEED}: ${output}`);
  return messages as RoundsMessage[];
}

/** Checks what a process has found; returns what the next one may find. */
function check(messages: readonly RoundsMessage[], allowed: Allowed, context: string): Allowed {
  const [first, ...others] = messages;
  // It was killed before it had opened the pool.
  if (first === undefined) return allowed;
  assert.ok("found" in first, context);
  const { found, start } = first as FoundMessage;
  for (let key = 0; key < ROUND_KEYS; key++) {
    const isAllowed = allowed(key).includes(found[key]!);
    assert.ok(isAllowed, `${context}: key ${key} is ${found[key]}, not one of ${allowed(key)}`);
  }
  const rounds = others.flatMap((said) => "acknowledged" in said ? [said.acknowledged] : []);
  const last = rounds.at(-1);
  if (last === undefined) return (key) => [found[key]!, stateAfter(start, key)];
  return (key) => [stateAfter(last, key), stateAfter(last + 1, key)];
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
    const messages = await runAndKill({ path, durability, placement }, i === 0);
    if (messages.length > 0) openedCount += 1;
    allowed = check(messages, allowed, `level ${durability}, kill ${i}, seed ${SEED}`);
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

test("at the level memory it is what was saved last, and nothing else", async () => {
  const use = { path: temporaryPath(), durability: "memory" } as const;
  let rounds: number[] = [];
  for (let i = 0; i < KILL_COUNT; i++) {
    const messages = await runAndKill(use, i === 0);
    const first = messages[0];
    if (first === undefined) continue;
    assert.ok("found" in first);
    const { found } = first as FoundMessage;
    const isRound = (round: number) =>
      found.every((state, key) => state === stateAfter(round, key));
    const isAllowed = i === 0 || rounds.length === 0 || rounds.some(isRound);
    assert.ok(isAllowed, `kill ${i}, seed ${SEED}: ${found} is none of ${rounds}`);
    const saved = messages.flatMap((said) => "saved" in said ? [said.saved] : []);
    const lastSaved = saved.at(-1);
    // The next snapshot may have ended without having been reported.
    if (lastSaved !== undefined) rounds = [lastSaved, lastSaved + 4];
    else rounds = [];
  }
});

test.run();
