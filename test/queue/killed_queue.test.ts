/**
 * Processes that add and do jobs, and are killed: each job whose addition was acknowledged is done
 * at least once, and none comes again whose end was acknowledged.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CAMPAIGN_FACTOR, runtimeShare, SHARE_COUNT } from "../support/campaign.ts";
import { Child } from "../support/child.ts";
import type { QueueUse } from "../support/children/queue_user.ts";
import { Random, SEED } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

/** Processes that are killed, one after the other, in one directory. */
const KILLS = SHARE_COUNT > 1 ? 3 : 25 * CAMPAIGN_FACTOR;
/** What a process notes before it is killed. */
const NOTES_MIN = 30;
const NOTES_MAX = 400;
const NOTES_MS_MAX = 30_000;

const random = new Random(SEED);

/** What was noted whole. */
function notesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
}

async function runAndKill(use: QueueUse): Promise<void> {
  const count = notesOf(use.notes).length + random.between(NOTES_MIN, NOTES_MAX);
  const child = new Child("queue_user", use);
  let hasEnded = false;
  const ended = child.ended().finally(() => hasEnded = true);
  for (let ms = 0; ms < NOTES_MS_MAX && !hasEnded; ms += 5) {
    if (notesOf(use.notes).length >= count) break;
    await setTimeout(5);
  }
  child.kill();
  const { signal, output } = await ended;
  assert.is(signal, "SIGKILL", `life ${use.life}, seed ${SEED}: ${output}`);
  assert.ok(notesOf(use.notes).length >= count, `life ${use.life} has done something: ${output}`);
}

/** Checks all that was noted. */
function check(notes: readonly string[]): void {
  const added = new Set<string>();
  const seen = new Set<string>();
  const done = new Set<string>();
  for (const line of notes) {
    const job = line.slice(2);
    if (line[0] === "a") added.add(job);
    else if (line[0] === "d") done.add(job);
    else {
      assert.not(done.has(job), `job ${job} comes again after its end, seed ${SEED}`);
      seen.add(job);
    }
  }
  const lost = [...added].filter((job) => !seen.has(job));
  assert.equal(lost, [], `jobs that were added and never came, seed ${SEED}`);
  assert.ok(done.size > 0 && added.size > done.size / 2, `${done.size} of ${added.size} done`);
}

// Each runtime has one of the levels.
for (const durability of runtimeShare(["os", "disk", "os"] as const)) {
  test(`no job is lost, and none comes again, when processes are killed at the level ${durability}`, async () => {
    const path = temporaryPath();
    const use = { path, notes: `${path}.notes`, durability };
    for (let life = 0; life < KILLS; life++) await runAndKill({ ...use, life, isLast: false });
    const last = await new Child("queue_user", { ...use, life: KILLS, isLast: true }).ended();
    assert.is(last.exitCode, 0, `seed ${SEED}: ${last.output}`);
    check(notesOf(use.notes));
  });
}

test.run();
