/**
 * Readers against atomic commits whose records' segments are freed and reused: recordings of KNs
 * that make them, in which readers read one key after the other while memory moves on under them.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { GENERATIONS } from "../../lib/pool/control_layout.ts";
import { Random } from "../support/random.ts";
import { SHARE_COUNT } from "../support/campaign.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { issueCommit } from "../support/sim_commits.ts";
import { SimDuel } from "../support/sim_duel.ts";
import { require } from "../support/sim_model.ts";
import { SimEyes } from "../support/sim_reader.ts";
import { forEachSeed } from "../support/sim_seeds.ts";
import { Trajectory } from "../support/sim_trajectory.ts";

/** Both records of a commit fill most of a segment, or a small part of it. */
const VALUE_BYTES = [1200, 40] as const;
const COMMITS = 14;
/** One commit in so many deletes both keys. */
const DELETES_EVERY = 4;
/** Both sides of the atomic accesses of two reads of pending records, and some more. */
const ACCESSES = 40;
const SEEDS = 18;
/** One moment in so many is begun at, in one run. */
const STRIDE = SHARE_COUNT === 1 ? 1 : 9;

/** A recording: which commit's values were there at each moment, 0 for none. */
interface Recording {
  readonly duel: SimDuel;
  readonly trajectory: Trajectory;
  readonly shown: number[];
}

function record(random: Random): Recording {
  const duel = new SimDuel();
  const keys = [duel.models[0]!.key, duel.models[8]!.key];
  const eyes = new SimEyes(duel.pool, () => 0);
  const look = () => {
    const [one, other] = keys.map((key) => eyes.look(key)?.operation ?? 0);
    require(one === other, `one key is of commit ${one}, and the other one of ${other}`);
    return one!;
  };
  const trajectory = new Trajectory(duel.pool, duel.slots, [], 0);
  const shown = [look()];
  let isLooking = false;
  const onAccess = (isWrite: boolean) => {
    if (!isWrite || isLooking) return;
    isLooking = true;
    trajectory.record(0);
    shown[trajectory.momentCount - 1] = look();
    isLooking = false;
  };
  for (let number = 1; number <= COMMITS; number++) {
    const bytes = number % DELETES_EVERY === 0 ? 0 : random.pick(VALUE_BYTES);
    const changes = keys.map((key) => ({ key, bytes }));
    issueCommit(duel.client, number, changes, {
      settle: (status) => require(status === 0, `commit ${number} ended with ${status}`),
      fail: (error) => {
        throw error;
      },
    });
    // Changes of other keys of the same slots free segments, and fill them again.
    for (const i of [1, 9]) duel.put(duel.models[i]!, random.pick(VALUE_BYTES));
    if (random.next() < 0.3) duel.move();
    withAtomicHooks({ onAccess }, () => {
      duel.drain();
      if (random.next() < 0.5) duel.clean();
    });
  }
  return { duel, trajectory, shown };
}

/** Reads both keys, one after the other, from a moment on; memory leaps once or twice. */
function readBoth(
  { trajectory, shown, duel }: Recording,
  player: ReturnType<Trajectory["play"]>,
  eyes: SimEyes,
  start: number,
  random: Random,
): void {
  const keys = [duel.models[0]!.key, duel.models[8]!.key];
  if (random.next() < 0.5) keys.reverse();
  player.seek(start);
  const leaps = [random.below(ACCESSES), random.below(ACCESSES)];
  let access = 0;
  let nearby = 2 ** random.below(10);
  const onAccess = () => {
    if (!leaps.includes(access++)) return;
    player.seek(player.moment + 1 + random.below(nearby));
    nearby *= 2;
  };
  const seen: number[] = [];
  withAtomicHooks({ onAccess }, () => {
    for (const key of keys) seen.push(eyes.look(key)?.operation ?? 0);
  });
  let moment = start;
  for (const number of seen) {
    while (moment <= player.moment && shown[moment] !== number) moment += 1;
    require(
      moment <= player.moment,
      `reads of ${seen} from moment ${start} to ${player.moment}: there was no such order of commits`,
    );
  }
  assert.ok(trajectory.momentCount >= player.moment);
}

test("whoever reads one key after the other sees no commit by half", () => {
  forEachSeed(SEEDS, (seed) => {
    let reuses = 0;
    const random = new Random(seed);
    const recording = record(random);
    const { duel, trajectory } = recording;
    for (let segment = 0; segment < duel.pool.geometry.segmentCount; segment++) {
      reuses += duel.pool.control[GENERATIONS + segment]!;
    }
    const player = trajectory.play();
    const eyes = new SimEyes(player.pool, () => 0);
    for (let start = random.below(STRIDE); start < trajectory.momentCount; start += STRIDE) {
      for (let i = 0; i < ACCESSES; i++) readBoth(recording, player, eyes, start, random);
    }
    assert.ok(reuses > 2, `${reuses} segments were reused`);
  });
});

test.run();
